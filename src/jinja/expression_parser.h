// ExpressionParser: the expressions of a template, by recursive descent in the order of Jinja's precedence.
#pragma once

#include "jinja/token_stream.h"

namespace verbatim::jinja {

class ExpressionParser {
 public:
  ExpressionParser(TokenStream& tokens, Names& names) : tokens_(tokens), names_(names) {}

  ExprPtr expression(bool conditional = true);
  // Expressions with commas between them are a tuple. end_name: a name that also ends it.
  ExprPtr tuple(bool conditional = true, std::string_view end_name = "", bool in_parentheses = false);
  // The filters of a block: "upper|trim", with no input.   first: no '|' stands before the first
  ExprPtr block_filters(bool first);
  // Something to assign to: a name or a tuple of them, up to end_name.
  Target target(std::string_view end_name = "");
  NameId target_name();

 private:
  ExprPtr make(int line, decltype(Expr::node) node);
  ExprPtr logical_or();
  ExprPtr logical_and();
  ExprPtr logical_not();
  ExprPtr comparison();
  ExprPtr sum();
  ExprPtr concatenation();
  ExprPtr product();
  ExprPtr power();
  ExprPtr unary(bool with_filters = true);
  ExprPtr primary();
  ExprPtr list();
  ExprPtr dict();
  ExprPtr postfix(ExprPtr expr);
  ExprPtr filters_and_tests(ExprPtr expr);
  ExprPtr subscript(ExprPtr object);
  ExprPtr bracketed(ExprPtr object, int line);
  ExprPtr filter(ExprPtr input);
  ExprPtr test(ExprPtr input);
  CallArguments arguments();
  std::optional<CompareOp> comparison_operator();

  // left op right op right ...   operand: the next level of precedence
  template <class Operators>
  ExprPtr left_to_right(ExprPtr (ExpressionParser::*operand)(), const Operators& operators);
  ExprPtr power_operand() { return unary(); }

  TokenStream& tokens_;
  Names& names_;
};

}  // namespace verbatim::jinja
