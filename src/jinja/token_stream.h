// TokenStream: the tokens under the parsers' hands, and what both parsers share.
#pragma once

#include <algorithm>
#include <string_view>
#include <vector>

#include "jinja/lexer.h"
#include "jinja/limits.h"
#include "jinja/tree.h"

namespace verbatim::jinja {

class TokenStream {
 public:
  explicit TokenStream(std::vector<Token> tokens) : tokens_(std::move(tokens)) {}

  const Token& peek(std::size_t ahead = 0) const {
    return tokens_[std::min(at_ + ahead, tokens_.size() - 1)];
  }
  int line() const { return peek().line; }
  Token next() { return at_ + 1 < tokens_.size() ? tokens_[at_++] : tokens_[at_]; }

  bool is(Token::Type type) const { return peek().type == type; }
  bool is_op(std::string_view text, std::size_t ahead = 0) const {
    return peek(ahead).type == Token::Type::op && peek(ahead).text == text;
  }
  bool is_name(std::string_view text, std::size_t ahead = 0) const {
    return peek(ahead).type == Token::Type::name && peek(ahead).text == text;
  }
  bool take_op(std::string_view text) { return is_op(text) && (next(), true); }
  bool take_name(std::string_view text) { return is_name(text) && (next(), true); }
  void expect_op(std::string_view text) {
    if (!take_op(text)) raise_at(line(), "expected '{}', got {}", text, described());
  }
  void expect_name(std::string_view text) {
    if (!take_name(text)) raise_at(line(), "expected '{}', got {}", text, described());
  }
  void expect(Token::Type type, std::string_view what) {
    if (!is(type)) raise_at(line(), "expected {}, got {}", what, described());
    next();
  }
  std::string expect_identifier() {
    if (!is(Token::Type::name)) raise_at(line(), "expected a name, got {}", described());
    return next().text;
  }

  std::string described() const {  // the current token, for a sentence
    switch (peek().type) {
      case Token::Type::data:
        return "template text";
      case Token::Type::print_begin:
        return "'{{'";
      case Token::Type::print_end:
        return "'}}'";
      case Token::Type::block_begin:
        return "'{%'";
      case Token::Type::block_end:
        return "'%}'";
      case Token::Type::string:
        return "a string";
      case Token::Type::end:
        return "the end of the template";
      default:
        return "'" + peek().text + "'";
    }
  }

  // One level of nesting for as long as this lives.
  class Level {
   public:
    explicit Level(TokenStream& tokens) : tokens_(tokens) {
      if (++tokens.level_ > kMaxNesting)
        raise_at(tokens.line(), "the template nests deeper than {}", kMaxNesting);
    }
    ~Level() { --tokens_.level_; }
    Level(const Level&) = delete;
    Level& operator=(const Level&) = delete;

   private:
    TokenStream& tokens_;
  };

 private:
  std::vector<Token> tokens_;
  std::size_t at_ = 0;
  int level_ = 0;
};

// Names to numbers; also notes which special names the macros around a place use.
class Names {
 public:
  NameId id(std::string_view name);
  NameId used(std::string_view name);  // read by an expression

  std::vector<std::string> all;
  std::vector<MacroDef*> macros;  // the ones being parsed, outermost first
};

}  // namespace verbatim::jinja
