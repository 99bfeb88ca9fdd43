// AnswerParser: takes the text of an answer apart, into content and calls of tools, as it grows.
#pragma once

#include <functional>
#include <memory>
#include <string_view>
#include <vector>

#include "chat/tool_call_parser.h"

namespace verbatim::server {

// However a text is cut, the content joined and the calls are the same.
class AnswerParser {
 public:
  virtual ~AnswerParser() = default;
  virtual std::vector<AnswerPiece> push(std::string_view text) = 0;
  virtual std::vector<AnswerPiece> finish() = 0;
};

using MakeAnswerParser = std::function<std::unique_ptr<AnswerParser>()>;

}  // namespace verbatim::server
