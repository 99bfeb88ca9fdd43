// A tiny random model, loaded as a file is, with a template of a few lines: for tests of what is above the engine.
#pragma once

#include <unistd.h>

#include <filesystem>
#include <memory>

#include "load/random_model.h"
#include "server/served_model.h"

namespace verbatim::server {

// Made once. Its answers are nonsense, and as long as max_tokens or its random
// end token has it.
inline const LoadedModel& tiny_loaded_model() {
  static const std::unique_ptr<LoadedModel> loaded = [] {
    auto path = std::filesystem::temp_directory_path() / fmt::format("verbatim-api-{}.gguf", getpid());
    RandomModel random;
    ModelConfig& c = random.config;
    c.architecture = "llama";
    c.layers = 2, c.dim = 48, c.hidden_dim = 80, c.heads = 4, c.kv_heads = 2, c.vocab_size = 300;
    c.head_dim = c.rope_dim = 12;
    c.context_length = 512;
    ThreadPool pool(1);
    Status written = write_random_model(path, random, pool);
    CHECK(written.ok(), "{}", written.error().message);
    ModelChoice choice;
    choice.path = path;
    choice.load.use_cache = false;
    auto model = load_model(choice);
    CHECK(model.ok(), "{}", model.error().message);
    std::filesystem::remove(path);
    return *std::move(model);
  }();
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
