#include "builtin/builtin_models.h"

#include <algorithm>

#include "load/gguf_model.h"

extern "C" const std::byte verbatim_storyteller_begin[], verbatim_storyteller_end[];  // storyteller.S

namespace verbatim {

namespace {

// A conversation is one story: what was said so far stands as its paragraphs, and the model tells on. A message that ends
// like a sentence is a title to it; another is a beginning that it goes on with.
constexpr const char* kStory = R"({{- bos_token }}
{%- for message in messages if message.role in ['user', 'assistant'] and message.content -%}
  {{ message.content | trim }}
  {{- '' if loop.last and message.content | trim | last not in '.!?' else '\n\n' }}
{%- endfor %})";

}  // namespace

std::span<const BuiltinModel> builtin_models() {
  static const BuiltinModel models[] = {
      {"storyteller",
       "continues old fairy tales; trained for this program (models/storyteller)",
       {verbatim_storyteller_begin, verbatim_storyteller_end},
       kStory},
  };
  return models;
}

Result<Checkpoint> open_by_name(const std::string& name_or_path) {
  auto found = std::ranges::find(builtin_models(), name_or_path, &BuiltinModel::name);
  if (found == builtin_models().end()) return open_checkpoint(name_or_path);
  auto checkpoint = open_gguf(found->gguf, name_or_path);
  if (checkpoint) checkpoint->tokenizer.chat_template = found->chat_template;
  return checkpoint;
}

}  // namespace verbatim
