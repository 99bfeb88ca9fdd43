// ChatTemplate: a model's own way to write a conversation as one prompt. Start here.
//
// Messages are OpenAI's; what the template is given is what Hugging Face's transformers and vLLM would give it:
//   * content that is a list of text parts stays a list where the template reads lists, and is joined by line ends
//     where it reads text only; text becomes a list of one part where the template reads lists only;
//   * a null content stays null where the template can take it, and becomes "" where it cannot;
//   * calls that the template does not write are part of their message's content, each as
//     <tool_call>\n{"name": ..., "arguments": {...}}\n</tool_call>, and a tool's message that it does not write is a
//     user's: <tool_response>\n...\n</tool_response>; no turn is lost;
//   * a tool call's arguments, JSON text in the API, become the object they stand for, and stay text where the
//     template can only take text.
// Which of these a template wants is found when it is made, by rendering short probe conversations (probe.h).
//
// Promises: the prompt is a function of the template and the arguments alone; in particular no clock is read.
// Immutable once made; safe to use from many threads.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "base/result.h"
#include "chat/tool_call_style.h"
#include "jinja/template.h"

namespace verbatim {

// Everything but the messages that a prompt depends on.
struct ChatOptions {
  bool add_generation_prompt = true;
  bool continue_final_message = false;  // the prompt ends where the text of the last message does
  // Their texts; empty: the model has none, and the template sees no such name.
  std::string bos_token = {};
  std::string eos_token = {};
  jinja::Date date = {};  // of strftime_now; frozen by default
  jinja::Limits limits = {};
};

class ChatTemplate {
 public:
  // source: as in the model's files. Errors name the line and the construct.
  static Result<ChatTemplate> create(std::string_view source);

  // messages: an array of OpenAI chat messages.
  // tools: an array of OpenAI tools, or null; an empty array is none.
  // kwargs: an object of further names that the template sees (chat_template_kwargs), or null. They may set
  // add_generation_prompt and `documents`, but not messages, tools and the tokens.
  // Errors name the field ("messages[2].content[1].type ...") or the template's line.
  Result<std::string> render(const nlohmann::ordered_json& messages, const nlohmann::ordered_json& tools,
                             const nlohmann::ordered_json& kwargs, const ChatOptions& options) const;

  // How models of this template write tool calls (tool_call_parser.h).
  ToolCallStyle tool_call_style() const { return style_; }

  // What the template was found to take.
  struct Takes {
    bool content_text = true;      // content as text
    bool content_parts = false;    // content as a list of parts
    bool null_content = true;      // a message whose content is null
    bool object_arguments = true;  // a tool call's arguments as an object
    bool tools = true;             // a list of tools, which the prompt then shows
    bool tool_calls = true;        // calls of tools in a message
    bool tool_messages = true;     // messages of the role tool
  };
  const Takes& takes() const { return takes_; }

 private:
  ChatTemplate(jinja::Template compiled, Takes takes, ToolCallStyle style)
      : template_(std::move(compiled)), takes_(takes), style_(style) {}

  jinja::Template template_;
  Takes takes_;
  ToolCallStyle style_;
};

}  // namespace verbatim
