// How a model writes the tools that it calls, told by the text of its chat template.
#pragma once

#include <string_view>

namespace verbatim {

enum class ToolCallStyle {
  none,    // tool calls are not recognised: the answer is plain text
  hermes,  // <tool_call>\n{"name": ..., "arguments": {...}}\n</tool_call>, any number of them (Hermes, Qwen)
  llama3,  // {"name": ..., "parameters": {...}} at the beginning of the answer or after <|python_tag|>
};

// The rule: a template that writes "<tool_call>" is hermes; one that has "<|start_header_id|>" and asks for
// "parameters" is llama3; any other is none.
constexpr ToolCallStyle tool_call_style(std::string_view template_source) {
  auto has = [&](std::string_view text) { return template_source.find(text) != std::string_view::npos; };
  if (has("<tool_call>")) return ToolCallStyle::hermes;
  if (has("<|start_header_id|>") && has("\"parameters\"")) return ToolCallStyle::llama3;
  return ToolCallStyle::none;
}

}  // namespace verbatim
