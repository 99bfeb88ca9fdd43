#include "chat/probe.h"

#include <nlohmann/json.hpp>

namespace verbatim {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kNeedle = "verbatim-probe";

// What the conversation renders to; empty where it does not render. The limits are small: a probe is short.
std::string rendered(const jinja::Template& compiled, Json messages) {
  jinja::Limits limits;
  limits.steps /= 10;
  const Json variables = {{"messages", std::move(messages)}, {"tools", nullptr}, {"documents", nullptr},
                          {"add_generation_prompt", false},  {"bos_token", ""},  {"eos_token", ""}};
  Result<std::string> text = compiled.render(variables, {}, limits);
  return text.ok() ? *text : "";
}

bool shows(const std::string& text) { return text.find(kNeedle) != std::string::npos; }

Json user(Json content) { return {{"role", "user"}, {"content", std::move(content)}}; }

Json assistant_calling(Json content, Json arguments) {
  const Json call = {{"id", "call12345"},
                     {"type", "function"},
                     {"function", {{"name", "f"}, {"arguments", std::move(arguments)}}}};
  return {{"role", "assistant"}, {"content", std::move(content)}, {"tool_calls", Json::array({call})}};
}

}  // namespace

ChatTemplate::Takes probe(const jinja::Template& compiled) {
  ChatTemplate::Takes takes;
  const Json parts = Json::array({{{"type", "text"}, {"text", kNeedle}}});
  takes.content_parts = !shows(rendered(compiled, Json::array({user(kNeedle)}))) &&
                        shows(rendered(compiled, Json::array({user(parts)})));
  auto content = [&](const char* text) -> Json {
    return takes.content_parts ? Json::array({{{"type", "text"}, {"text", text}}}) : Json(text);
  };
  const Json question = user(content(kNeedle)), object = {{"key", kNeedle}};

  takes.object_arguments =
      shows(rendered(compiled, Json::array({assistant_calling(content("x"), object)}))) ||
      !shows(rendered(compiled, Json::array({assistant_calling(content("x"), object.dump())})));
  const Json arguments = takes.object_arguments ? object : Json(object.dump());
  const std::string with_text =
      rendered(compiled, Json::array({question, assistant_calling(content(""), arguments)}));
  const std::string with_null =
      rendered(compiled, Json::array({question, assistant_calling(nullptr, arguments)}));
  takes.null_content =
      with_text.empty() || (!with_null.empty() && with_null.find("None") == std::string::npos);
  return takes;
}

}  // namespace verbatim
