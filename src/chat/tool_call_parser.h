// ToolCallParser: finds the tool calls in an answer that comes in pieces.
//
// Promises: the content and the calls do not depend on how the answer is cut into pieces. Text is held back only while
// it may be the beginning of a call, or is white space that a call may follow. What only looks like a call (broken JSON,
// no name, arguments that are no object, no end) comes out as content, nothing lost or changed. What frames a call is
// no content: its tags, and white space that touches it; so a template that writes the call anew gives the model's text.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "chat/tool_call_style.h"

namespace verbatim {

struct ToolCall {
  std::string name;
  std::string arguments;  // the text of a JSON object, as the model wrote it

  friend bool operator==(const ToolCall&, const ToolCall&) = default;
};

// More content, or a call that is complete.
using AnswerPiece = std::variant<std::string, ToolCall>;

class ToolCallParser {
 public:
  explicit ToolCallParser(ToolCallStyle style);
  ~ToolCallParser();
  ToolCallParser(ToolCallParser&&) noexcept;
  ToolCallParser& operator=(ToolCallParser&&) noexcept;

  // What is certain now, in order.
  std::vector<AnswerPiece> push(std::string_view piece);
  // The answer ends here: what was held back.
  std::vector<AnswerPiece> finish();

 private:
  class Matcher;

  bool begin_call();
  void read();
  void content(char c);
  void release_gap();
  void found(ToolCall call);

  ToolCallStyle style_;
  std::string text_;  // not decided yet; a candidate for a call begins at `begin_`
  std::size_t begin_ = 0, at_ = 0;
  std::unique_ptr<Matcher> candidate_;
  std::string gap_;          // white space (after a Llama call also ';') that may touch a call
  bool at_start_ = true;     // no content and no call yet
  bool after_call_ = false;  // nothing but the gap since the last call
  std::vector<AnswerPiece> out_;
};

}  // namespace verbatim
