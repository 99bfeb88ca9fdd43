// ToolCallParser: finds the tool calls in an answer that comes in pieces.
//
// Promises: the content and the calls do not depend on how the answer is cut into pieces. Text is held back only while
// it may be the beginning of a call, or is white space that a call may follow. A call is one as soon as its name stands
// there and the object of its arguments begins; from then on its arguments come as the model writes them, and where they
// break (broken JSON, no end) the call is partial, and what follows is content. What only looks like a call before (broken
// JSON, no name, arguments that are no object) comes out as content, nothing lost or changed. What frames a call is no
// content: its tags, and white space that touches it; so a template that writes the call anew gives the model's text.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <variant>
#include <vector>

#include "chat/tool_call_style.h"

namespace verbatim {

struct ToolCall {
  std::string name;
  std::string
      arguments;  // the text of a JSON object, as the model wrote it; its beginning, where the answer was cut

  friend bool operator==(const ToolCall&, const ToolCall&) = default;
};

struct ToolCallBegin {
  std::string name;
  friend bool operator==(const ToolCallBegin&, const ToolCallBegin&) = default;
};
// More of the arguments of the call that began last.
struct ToolCallArguments {
  std::string text;
  friend bool operator==(const ToolCallArguments&, const ToolCallArguments&) = default;
};

// More content, a call that begins, or more of its arguments.
using AnswerPiece = std::variant<std::string, ToolCallBegin, ToolCallArguments>;

// Text joined to the content or arguments that end the pieces, or to a new piece.
template <class Piece>
void append_text(std::vector<AnswerPiece>& pieces, std::string_view text) {
  if (text.empty()) return;
  if (pieces.empty() || !std::holds_alternative<Piece>(pieces.back())) pieces.emplace_back(Piece{});
  if constexpr (std::is_same_v<Piece, std::string>)
    std::get<Piece>(pieces.back()) += text;
  else
    std::get<Piece>(pieces.back()).text += text;
}

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
  void follow_call();

  ToolCallStyle style_;
  std::string text_;  // not decided yet; a candidate for a call begins at `begin_`
  std::size_t begin_ = 0, at_ = 0;
  std::unique_ptr<Matcher> candidate_;
  bool in_call_ = false;     // the candidate is a call
  std::string gap_;          // white space (after a Llama call also ';') that may touch a call
  bool at_start_ = true;     // no content and no call yet
  bool after_call_ = false;  // nothing but the gap since the last call
  std::vector<AnswerPiece> out_;
};

}  // namespace verbatim
