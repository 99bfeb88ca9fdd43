// AnswerParser: takes the text of an answer apart, into content and calls of tools, as it grows.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "chat/tool_call_parser.h"

namespace verbatim::server {

// However a text is cut, the content joined, and the calls with their arguments joined, are the same.
class AnswerParser {
 public:
  virtual ~AnswerParser() = default;
  virtual std::vector<AnswerPiece> push(std::string_view text) = 0;
  virtual std::vector<AnswerPiece> finish() = 0;
};

using MakeAnswerParser = std::function<std::unique_ptr<AnswerParser>()>;

// Calls as a model's template writes them, among other text. at_most_one: what follows the first is left out
MakeAnswerParser template_calls(ToolCallStyle style, bool at_most_one);
// The answer is the arguments of this function.
MakeAnswerParser arguments_of(std::string name);
// The answer is one call of one of these functions, before_arguments(name) and so on.
MakeAnswerParser call_of_one(std::vector<std::string> names);

// {"name": "...", "arguments":
std::string before_arguments(std::string_view name, std::string_view arguments_key = "arguments");

// The parts of an answer, each with all of its pieces: content, or a call.
using AnswerPart = std::variant<std::string, ToolCall>;
void add_piece(std::vector<AnswerPart>& parts, const AnswerPiece& piece);

// The text of one choice as it grows: taken apart where tools may be called, else passed through.
class AnswerText {
 public:
  explicit AnswerText(const MakeAnswerParser& make_parser) : parser_(make_parser ? make_parser() : nullptr) {}

  std::vector<AnswerPiece> push(const std::string& text);
  std::vector<AnswerPiece> finish();
  // Of a text that is there whole: in place of push() and finish()
  std::vector<AnswerPart> parts_of(const std::string& text);
  std::size_t calls() const { return calls_; }

 private:
  std::vector<AnswerPiece> counted(std::vector<AnswerPiece> pieces);

  std::unique_ptr<AnswerParser> parser_;
  std::size_t calls_ = 0;
};

}  // namespace verbatim::server
