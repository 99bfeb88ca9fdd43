#include "server/tool_use.h"

#include <algorithm>

#include "json/reader.h"

namespace verbatim::server {
namespace {

// Calls as the model's template writes them, among other text.
class TemplateCalls final : public AnswerParser {
 public:
  explicit TemplateCalls(ToolCallStyle style) : parser_(style) {}
  std::vector<AnswerPiece> push(std::string_view text) override { return parser_.push(text); }
  std::vector<AnswerPiece> finish() override { return parser_.finish(); }

 private:
  ToolCallParser parser_;
};

// An answer that is one call as a whole, known at its end.
class WholeCall : public AnswerParser {
 public:
  std::vector<AnswerPiece> push(std::string_view text) override {
    text_ += text;
    return {};
  }
  std::vector<AnswerPiece> finish() override {
    if (text_.empty()) return {};
    return {read(text_)};
  }

 private:
  virtual AnswerPiece read(const std::string& text) const = 0;
  std::string text_;
};

// The arguments of one known function; as much as there is of them, where max_tokens cut them off.
class ArgumentsOnly final : public WholeCall {
 public:
  explicit ArgumentsOnly(std::string name) : name_(std::move(name)) {}

 private:
  AnswerPiece read(const std::string& text) const override { return ToolCall{name_, text}; }
  std::string name_;
};

// {"name": ..., "arguments": ...}; text, where max_tokens cut it off.
class NameAndArguments final : public WholeCall {
  AnswerPiece read(const std::string& text) const override {
    auto call = parse_ordered_json(text, "the call");
    if (!call) return text;
    return ToolCall{call->at("name").get<std::string>(), call->at("arguments").dump()};
  }
};

bool is_name(const OrderedJson& name) {
  if (!name.is_string()) return false;
  const auto& text = name.get_ref<const std::string&>();
  auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
  };
  return !text.empty() && text.size() <= 64 && std::ranges::all_of(text, allowed);
}

std::optional<ApiError> check_tool(const OrderedJson& tool, std::size_t index) {
  bool is_function = tool.is_object() && tool.contains("type") && tool["type"] == "function" &&
                     tool.contains("function") && tool["function"].is_object();
  if (!is_function)
    return refuse("tools", "tools[{}] is {}, must be {{\"type\": \"function\", \"function\": {{...}}}}",
                  index, shown(tool));
  const OrderedJson& function = tool["function"];
  if (!function.contains("name") || !is_name(function["name"]))
    return refuse("tools", "tools[{}] has no name of 1 to 64 letters, digits, _ and -", index);
  if (function.contains("parameters") && !function["parameters"].is_object())
    return refuse("tools", "tools[{}] has parameters that are not a JSON schema", index);
  return {};
}

OrderedJson parameters_of(const OrderedJson& tool) {
  return tool["function"].value("parameters", OrderedJson{{"type", "object"}});
}

OrderedJson call_schema(const OrderedJson& tool) {
  return {
      {"type", "object"},
      {"properties", {{"name", {{"const", tool["function"]["name"]}}}, {"arguments", parameters_of(tool)}}},
      {"required", OrderedJson::array({"name", "arguments"})},
      {"additionalProperties", false}};
}

MakeAnswerParser template_calls(const ServedModel& model) {
  ToolCallStyle style = model.chat ? model.chat->tool_call_style() : ToolCallStyle::none;
  if (style == ToolCallStyle::none) return {};
  return [style] { return std::make_unique<TemplateCalls>(style); };
}

Result<ToolUse, ApiError> read_named(const OrderedJson& choice, const OrderedJson& tools) {
  bool well_formed = choice.is_object() && choice.contains("function") && choice["function"].is_object() &&
                     choice["function"].contains("name");
  if (!well_formed)
    return refuse("tool_choice",
                  "tool_choice is {}, must be none, auto, required, or "
                  "{{\"type\": \"function\", \"function\": {{\"name\": ...}}}}",
                  shown(choice));
  const OrderedJson& name = choice["function"]["name"];
  for (const OrderedJson& tool : tools) {
    if (tool["function"]["name"] != name) continue;
    auto text = name.get<std::string>();
    return ToolUse{&tools, parameters_of(tool), [text] { return std::make_unique<ArgumentsOnly>(text); }};
  }
  return refuse("tool_choice", "tool_choice names {}, which is not among tools", shown(name));
}

}  // namespace

Result<ToolUse, ApiError> read_tools(const Asked& asked, const ServedModel& model) {
  const OrderedJson* tools = asked.tools;
  const OrderedJson choice = asked.tool_choice != nullptr ? *asked.tool_choice : OrderedJson("auto");
  if (tools == nullptr || tools->empty()) {
    if (choice == "auto" || choice == "none") return ToolUse();
    return refuse("tool_choice", "tool_choice needs tools");
  }
  for (std::size_t i = 0; i < tools->size(); ++i)
    if (auto refusal = check_tool((*tools)[i], i)) return *refusal;
  if (choice == "none") return ToolUse();
  if (choice == "auto") return ToolUse{tools, {}, template_calls(model)};
  if (choice != "required") return read_named(choice, *tools);
  OrderedJson calls = OrderedJson::array();
  for (const OrderedJson& tool : *tools) calls.push_back(call_schema(tool));
  OrderedJson schema = calls.size() == 1 ? calls[0] : OrderedJson{{"anyOf", calls}};
  return ToolUse{tools, std::move(schema), [] { return std::make_unique<NameAndArguments>(); }};
}

}  // namespace verbatim::server
