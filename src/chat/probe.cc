#include "chat/probe.h"

#include "json/library.h"

namespace verbatim {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kNeedle = "verbatim-probe";

// What the conversation renders to; empty where it does not render. The limits are small: a probe is short.
std::string rendered(const jinja::Template& compiled, Json messages, Json tools = nullptr) {
  jinja::Limits limits;
  limits.steps /= 10;
  const Json variables = {
      {"messages", std::move(messages)}, {"tools", std::move(tools)}, {"documents", nullptr},
      {"add_generation_prompt", false},  {"bos_token", ""},           {"eos_token", ""}};
  Result<std::string> text = compiled.render(variables, {}, limits);
  return text.ok() ? *text : "";
}

bool shows(const std::string& text) { return text.find(kNeedle) != std::string::npos; }

// How often a null is printed, as Python or as JSON spells it.
std::size_t nulls_in(const std::string& text) {
  std::size_t count = 0;
  for (const char* spelling : {"None", "null"})
    for (std::size_t at = text.find(spelling); at != text.npos; at = text.find(spelling, at + 1)) ++count;
  return count;
}

// Renders the text of a list of parts, and not the list.
bool reads_parts(const std::string& text) { return shows(text) && text.find("type") == std::string::npos; }

Json user(Json content) { return {{"role", "user"}, {"content", std::move(content)}}; }

Json assistant_calling(Json content, Json arguments) {
  const Json call = {{"id", "call12345"},
                     {"type", "function"},
                     {"function", {{"name", "f"}, {"arguments", std::move(arguments)}}}};
  return {{"role", "assistant"}, {"content", std::move(content)}, {"tool_calls", Json::array({call})}};
}

Json tools_named(const char* name) {
  const Json parameters = {{"type", "object"}, {"properties", Json::object()}};
  const Json function = {{"name", name}, {"description", "d"}, {"parameters", parameters}};
  return Json::array({{{"type", "function"}, {"function", function}}});
}

// Whether the prompt shows the end of a conversation: with tools or without, and when another turn follows.
bool shows_end(const jinja::Template& compiled, Json messages, const Json& next) {
  auto shown = [&] {
    return shows(rendered(compiled, messages)) || shows(rendered(compiled, messages, tools_named("f")));
  };
  if (shown()) return true;
  messages.push_back(next);
  return shown();
}

}  // namespace

ChatTemplate::Takes probe(const jinja::Template& compiled) {
  ChatTemplate::Takes takes;
  const Json parts = Json::array({{{"type", "text"}, {"text", kNeedle}}});
  takes.content_parts = reads_parts(rendered(compiled, Json::array({user(parts)})));
  takes.content_text = !takes.content_parts || shows(rendered(compiled, Json::array({user(kNeedle)})));
  auto content = [&](const char* text) -> Json {
    return takes.content_text ? Json(text) : Json::array({{{"type", "text"}, {"text", text}}});
  };
  const Json question = user(content(kNeedle)), object = {{"key", kNeedle}};

  takes.object_arguments =
      shows(rendered(compiled, Json::array({assistant_calling(content("x"), object)}))) ||
      !shows(rendered(compiled, Json::array({assistant_calling(content("x"), object.dump())})));
  const Json arguments = takes.object_arguments ? object : Json(object.dump());
  // A call, its result and a further question: what a template prints of a null, splits or measures, it does in some turn.
  auto conversation = [&](Json silence) {
    return Json::array(
        {question,
         assistant_calling(silence, arguments),
         {{"role", "tool"}, {"tool_call_id", "call12345"}, {"name", "f"}, {"content", content("y")}},
         assistant_calling(silence, arguments),
         question});
  };
  auto takes_null = [&](const Json& with_text, const Json& with_null) {
    const std::string text = rendered(compiled, with_text), null = rendered(compiled, with_null);
    return text.empty() || (!null.empty() && nulls_in(null) <= nulls_in(text));
  };
  const Json text = content("");
  takes.null_content = takes_null(Json::array({question, assistant_calling(text, arguments)}),
                                  Json::array({question, assistant_calling(nullptr, arguments)})) &&
                       takes_null(conversation(text), conversation(nullptr));

  const Json plain = user(content("q"));
  auto result = [&](const char* said) -> Json {
    return {{"role", "tool"}, {"tool_call_id", "call12345"}, {"name", "f"}, {"content", content(said)}};
  };
  takes.tools = shows(rendered(compiled, Json::array({plain}), tools_named(kNeedle)));
  takes.tool_calls =
      shows_end(compiled, Json::array({plain, assistant_calling(content("x"), arguments)}), result("y"));
  const Json other = takes.object_arguments ? Json::object() : Json("{}");
  takes.tool_messages = shows_end(
      compiled, Json::array({plain, assistant_calling(content("x"), other), result(kNeedle)}), plain);
  return takes;
}

}  // namespace verbatim
