#include "chat/chat_template.h"

#include "chat/messages.h"
#include "chat/probe.h"
#include "json/library.h"

namespace verbatim {

using Json = nlohmann::ordered_json;

namespace {

// Where the final message ends in the prompt is found as transformers finds it (apply_chat_template): by a mark behind its
// text. A template that trims texts takes the space at the mark's end away, and the text's own with it.
constexpr std::string_view kMark = "VERBATIM_CONTINUES_HERE ";

// given: the messages as they came, of which a null is no text, whatever the template would have made of it
Status mark_end(const Json& given, Json& messages) {
  if (messages.empty()) return fail("messages is empty: there is no final message to continue");
  const std::string where = fmt::format("messages[{}].content", messages.size() - 1);
  const bool silent = !given.back().contains("content") || given.back()["content"].is_null();
  Json* content = silent ? nullptr : &messages.back()["content"];
  if (content != nullptr && content->is_array() && !content->empty()) content = &content->back()["text"];
  if (content == nullptr || !content->is_string()) return fail("{} holds no text to continue", where);
  content->get_ref<std::string&>() += kMark;
  return {};
}

Result<std::string> up_to_mark(const std::string& prompt) {
  const std::string_view word = kMark.substr(0, kMark.size() - 1);
  const std::size_t at = prompt.rfind(word);
  if (at == prompt.npos)
    return fail("the chat template does not write the end of the final message, so it cannot be continued");
  std::string text = prompt.substr(0, at);
  if (prompt.compare(at, kMark.size(), kMark) != 0) text.erase(text.find_last_not_of(" \t\n\r\f\v") + 1);
  return text;
}

}  // namespace

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
  if (options.continue_final_message)
    if (Status status = mark_end(messages, *normalised); !status.ok()) return status.error();

  // As transformers' apply_chat_template: tools and documents are None where there are none. Names are appended: an ordered
  // object looks for each among all others when it is assigned to.
  Json variables = Json::object();
  auto& names = variables.get_ref<Json::object_t&>();
  auto add = [&](const char* name, Json value) { names.emplace_back(name, std::move(value)); };
  if (!kwargs.contains("documents")) add("documents", nullptr);
  if (!kwargs.contains("add_generation_prompt")) add("add_generation_prompt", options.add_generation_prompt);
  for (const auto& [name, value] : kwargs.items()) {
    for (const char* ours : {"messages", "tools", "bos_token", "eos_token"}) {
      if (name == ours)
        return fail("chat_template_kwargs.{} is not allowed: the request itself says it", name);
    }
    names.emplace_back(name, value);
  }
  add("messages", std::move(*normalised));
  add("tools", tools.empty() ? Json(nullptr) : tools);
  if (!options.bos_token.empty()) add("bos_token", options.bos_token);
  if (!options.eos_token.empty()) add("eos_token", options.eos_token);

  Result<std::string> prompt = template_.render(variables, options.date, options.limits);
  if (!prompt.ok()) return fail("chat template: {}", prompt.error().message);
  return options.continue_final_message ? up_to_mark(*prompt) : std::move(prompt);
}

}  // namespace verbatim
