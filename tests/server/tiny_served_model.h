// The tiny model, served with a template of a few lines.
#pragma once

#include <memory>

#include "server/served_model.h"
#include "tiny_model.h"

namespace verbatim::server {

// Made once.
inline const LoadedModel& tiny_loaded_model() {
  static const std::unique_ptr<LoadedModel> loaded = load_tiny_model();
  return *loaded;
}

// Writes calls as Hermes does.
inline constexpr const char* kTinyTemplate =
    "{% if tools %}<tools>{% for t in tools %} {{ t.function.name }}{% endfor %} {% endif %}"
    "{% for m in messages %}{% if m.role == 'developer' %}{{ raise_exception('no developers here') }}{% "
    "endif %}"
    "<{{ m.role }}> {{ m.content or '' }}"
    "{% for c in m.tool_calls or [] %}<tool_call>\n{{ c.function | tojson }}\n</tool_call>{% endfor %}"
    "{{ '\\n' }}{% endfor %}{% if mood is defined %}[mood={{ mood }}]\n{% endif %}"
    "{% if add_generation_prompt %}<assistant>{% endif %}";

inline ServedModel tiny_served_model(const char* chat_template = kTinyTemplate) {
  ServedModel model;
  model.loaded = &tiny_loaded_model();
  model.formats = std::make_shared<ResponseFormats>(model.tokenizer());
  model.names = {"tiny", "alias"};
  model.context = 512;
  model.created = 1700000000;
  model.version = "test";
  auto chat = ChatTemplate::create(chat_template);
  CHECK(chat.ok(), "{}", chat.error().message);
  model.chat = std::make_shared<const ChatTemplate>(*std::move(chat));
  return model;
}

}  // namespace verbatim::server
