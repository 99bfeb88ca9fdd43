// The lexer: template source to tokens, with Jinja's settings trim_blocks, lstrip_blocks, and without
// keep_trailing_newline, as Hugging Face's transformers sets them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "jinja/value.h"

namespace verbatim::jinja {

struct Token {
  enum class Type { data, print_begin, print_end, block_begin, block_end, name, literal, string, op, end };
  Type type;
  int line;
  std::string text;   // of data, name, string (unescaped), op; how a number was written
  Value number = {};  // of a literal
};

// Raises with the line and the construct. The last token is `end`.   REQUIRES: source is well-formed UTF-8
std::vector<Token> tokenize(std::string_view source);

}  // namespace verbatim::jinja
