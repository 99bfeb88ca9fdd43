#include "server/tool_use.h"

#include <algorithm>

#include "json/reader.h"

namespace verbatim::server {
namespace {

bool is_name(const OrderedJson& name) {
  if (!name.is_string()) return false;
  const auto& text = name.get_ref<const std::string&>();
  auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
  };
  return !text.empty() && text.size() <= 64 && std::ranges::all_of(text, allowed);
}

std::string_view form_of_tool(Endpoint endpoint) {
  return endpoint == kResponses ? R"({"type": "function", "name": ..., "parameters": ...})"
                                : R"({"type": "function", "function": {...}})";
}

// {"type": "function", "name": ...} as Chat has it: {"type": "function", "function": {"name": ...}}.
OrderedJson in_chat_form(OrderedJson function) {
  if (!function.is_object() || function.value("type", OrderedJson()) != "function") return function;
  function.erase("type");
  return {{"type", "function"}, {"function", std::move(function)}};
}

std::optional<ApiError> check_tool(const OrderedJson& tool, std::size_t index, Endpoint endpoint) {
  if (tool.is_object() && tool.contains("type") && tool["type"].is_string() && tool["type"] != "function")
    return refuse("tools", "tools[{}].type is {}, only function is supported", index, shown(tool["type"]));
  const bool is_function =
      tool.is_object() && tool.contains("type") && tool.contains("function") && tool["function"].is_object();
  if (!is_function)
    return refuse("tools", "tools[{}] is {}, must be {}", index, shown(tool), form_of_tool(endpoint));
  OrderedJson function = tool["function"];
  if (!function.contains("name") || !is_name(function["name"]))
    return refuse("tools", "tools[{}] has no name of 1 to 64 letters, digits, _ and -", index);
  if (function.contains("parameters") && !function["parameters"].is_object() &&
      !function["parameters"].is_null())
    return refuse("tools", "tools[{}] has parameters that are not a JSON schema", index);
  return {};
}

std::string name_of(const OrderedJson& tool) { return tool["function"]["name"].get<std::string>(); }

// Between two texts, the arguments of the tool. Without parameters it takes none.
OrderedJson form_of_call(const OrderedJson& tool, std::string before, std::string after) {
  const OrderedJson parameters = tool["function"].value("parameters", OrderedJson());
  if (parameters.is_null()) return {{"before", before + "{}"}, {"after", std::move(after)}};
  return {
      {"before", std::move(before)}, {"schema", parameters}, {"object", true}, {"after", std::move(after)}};
}

struct CallFrame {
  std::string_view begin, arguments_key, end;
};

CallFrame frame_of(ToolCallStyle style) {
  if (style == ToolCallStyle::hermes) return {"<tool_call>\n", "arguments", "}\n</tool_call>"};
  return {"", style == ToolCallStyle::llama3 ? "parameters" : "arguments", "}"};
}

OrderedJson forms_of_calls(const OrderedJson& tools, ToolCallStyle style) {
  const CallFrame frame = frame_of(style);
  OrderedJson forms = OrderedJson::array();
  for (const OrderedJson& tool : tools)
    forms.push_back(
        form_of_call(tool, std::string(frame.begin) + before_arguments(name_of(tool), frame.arguments_key),
                     std::string(frame.end)));
  return forms;
}

ToolUse use_if_called(OrderedJson tools, bool parallel, const ServedModel& model) {
  const ToolCallStyle style = model.chat ? model.chat->tool_call_style() : ToolCallStyle::none;
  ToolUse use;
  if (style != ToolCallStyle::none) use.calls = forms_of_calls(tools, style);
  use.make_parser = template_calls(style, !parallel);
  if (style == ToolCallStyle::hermes && !parallel) use.stop = "</tool_call>";
  use.shown = std::move(tools);
  return use;
}

ToolUse use_required(OrderedJson tools) {
  std::vector<std::string> names;
  for (const OrderedJson& tool : tools) names.push_back(name_of(tool));
  OrderedJson forms = forms_of_calls(tools, ToolCallStyle::none);
  return {std::move(tools), std::move(forms), true, call_of_one(std::move(names)), {}};
}

ApiError wrong_choice(const OrderedJson& choice) {
  return refuse(
      "tool_choice",
      "tool_choice is {}, must be none, auto, required, a function such as {{\"type\": \"function\", "
      "...}}, or {{\"type\": \"allowed_tools\", ...}}",
      shown(choice));
}

// The tool that a choice names, in either API's form.
Result<OrderedJson, ApiError> find_named(const OrderedJson& choice, const OrderedJson& tools) {
  const OrderedJson named = choice.is_object() && choice.contains("name") ? in_chat_form(choice) : choice;
  const bool well_formed = named.is_object() && named.value("type", OrderedJson("function")) == "function" &&
                           named.contains("function") && named["function"].is_object() &&
                           named["function"].contains("name");
  if (!well_formed) return wrong_choice(choice);
  const OrderedJson& name = named["function"]["name"];
  for (const OrderedJson& tool : tools)
    if (tool["function"]["name"] == name) return tool;
  return refuse("tool_choice", "tool_choice names {}, which is not among tools", shown(name));
}

// {"type": "allowed_tools", "mode": "auto" or "required", "tools": [...]}; Chat has the rest in "allowed_tools".
Result<ToolUse, ApiError> read_allowed(const OrderedJson& choice, const OrderedJson& tools, bool parallel,
                                       const ServedModel& model) {
  const OrderedJson& allowed = choice.contains("allowed_tools") ? choice["allowed_tools"] : choice;
  const bool well_formed = allowed.is_object() && allowed.contains("mode") &&
                           (allowed["mode"] == "auto" || allowed["mode"] == "required") &&
                           allowed.contains("tools") && allowed["tools"].is_array() &&
                           !allowed["tools"].empty();
  if (!well_formed)
    return refuse("tool_choice",
                  "tool_choice is {}, must have the mode auto or required, and tools that are allowed",
                  shown(choice));
  OrderedJson some = OrderedJson::array();
  for (const OrderedJson& one : allowed["tools"]) {
    auto tool = find_named(one, tools);
    if (!tool) return tool.error();
    some.push_back(*std::move(tool));
  }
  if (allowed["mode"] == "required") return use_required(std::move(some));
  return use_if_called(std::move(some), parallel, model);
}

}  // namespace

Result<ToolUse, ApiError> read_tools(const Asked& asked, Endpoint endpoint, const ServedModel& model) {
  const OrderedJson choice = asked.tool_choice != nullptr ? *asked.tool_choice : OrderedJson("auto");
  if (asked.tools == nullptr || asked.tools->empty()) {
    if (choice == "auto" || choice == "none") return ToolUse();
    return refuse("tool_choice", "tool_choice needs tools");
  }
  OrderedJson tools = OrderedJson::array();
  for (const OrderedJson& tool : *asked.tools) {
    tools.push_back(endpoint == kResponses ? in_chat_form(tool) : tool);
    if (auto refusal = check_tool(tools.back(), tools.size() - 1, endpoint)) return *refusal;
  }
  if (choice == "none") return ToolUse();
  if (choice == "auto") return use_if_called(std::move(tools), asked.show.parallel_tool_calls, model);
  if (choice == "required") return use_required(std::move(tools));
  if (choice.is_object() && choice.value("type", OrderedJson()) == "allowed_tools")
    return read_allowed(choice, tools, asked.show.parallel_tool_calls, model);
  auto tool = find_named(choice, tools);
  if (!tool) return tool.error();
  return ToolUse{std::move(tools),
                 OrderedJson::array({form_of_call(*tool, "", "")}),
                 true,
                 arguments_of(name_of(*tool)),
                 {}};
}

}  // namespace verbatim::server
