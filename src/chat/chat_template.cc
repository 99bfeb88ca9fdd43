#include "chat/chat_template.h"

#include <nlohmann/json.hpp>

#include "chat/messages.h"
#include "chat/probe.h"

namespace verbatim {

using Json = nlohmann::ordered_json;

Result<ChatTemplate> ChatTemplate::create(std::string_view source) {
  Result<jinja::Template> compiled = jinja::Template::create(source);
  if (!compiled.ok()) return fail("chat template, {}", compiled.error().message);
  const Takes takes = probe(*compiled);
  return ChatTemplate(std::move(*compiled), takes, verbatim::tool_call_style(source));
}

Result<std::string> ChatTemplate::render(const Json& messages, const Json& tools, const Json& kwargs,
                                         const ChatOptions& options) const {
  if (!tools.is_null() && !tools.is_array()) return fail("tools must be an array");
  if (!kwargs.is_null() && !kwargs.is_object()) return fail("chat_template_kwargs must be an object");
  Result<Json> normalised = normalised_messages(messages, takes_);
  if (!normalised.ok()) return normalised.error();

  // As transformers' apply_chat_template: tools and documents are None where there are none.
  Json variables = {{"documents", nullptr}, {"add_generation_prompt", options.add_generation_prompt}};
  for (const auto& [name, value] : kwargs.items()) {
    for (const char* ours : {"messages", "tools", "bos_token", "eos_token"}) {
      if (name == ours)
        return fail("chat_template_kwargs.{} is not allowed: the request itself says it", name);
    }
    variables[name] = value;
  }
  variables["messages"] = std::move(*normalised);
  variables["tools"] = tools.empty() ? Json(nullptr) : tools;
  if (!options.bos_token.empty()) variables["bos_token"] = options.bos_token;
  if (!options.eos_token.empty()) variables["eos_token"] = options.eos_token;

  Result<std::string> prompt = template_.render(variables, options.date, options.limits);
  if (!prompt.ok()) return fail("chat template: {}", prompt.error().message);
  return prompt;
}

}  // namespace verbatim
