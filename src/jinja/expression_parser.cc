#include "jinja/expression_parser.h"

namespace verbatim::jinja {
namespace {

using Type = Token::Type;
using BinaryOperators = std::initializer_list<std::pair<std::string_view, BinaryOp>>;

constexpr std::pair<std::string_view, CompareOp> kCompareOperators[] = {
    {"==", CompareOp::equal},      {"!=", CompareOp::not_equal}, {"<", CompareOp::less},
    {"<=", CompareOp::less_equal}, {">", CompareOp::greater},    {">=", CompareOp::greater_equal}};

}  // namespace

ExprPtr ExpressionParser::make(int line, decltype(Expr::node) node) {
  const int depth = 1 + depth_of_children(node);
  if (depth > kMaxNesting)
    raise_at(line, "the expression nests, or chains operators, more than {} times", kMaxNesting);
  return std::make_unique<const Expr>(Expr{std::move(node), line, depth});
}

ExprPtr ExpressionParser::expression(bool conditional) {
  TokenStream::Level level(tokens_);
  if (!conditional) return logical_or();
  int line = tokens_.line();
  ExprPtr then = logical_or();
  while (tokens_.take_name("if")) {
    ExprPtr test = logical_or(), otherwise;
    if (tokens_.take_name("else")) otherwise = expression();
    then = make(line, ConditionalExpr{std::move(test), std::move(then), std::move(otherwise)});
    line = tokens_.line();
  }
  return then;
}

ExprPtr ExpressionParser::tuple(bool conditional, std::string_view end_name, bool in_parentheses) {
  const int line = tokens_.line();
  std::vector<ExprPtr> items;
  bool comma = false;
  while (true) {
    if (tokens_.is(Type::print_end) || tokens_.is(Type::block_end) || tokens_.is_op(")") ||
        (!end_name.empty() && tokens_.is_name(end_name)))
      break;
    items.push_back(expression(conditional));
    if (!tokens_.take_op(",")) break;
    comma = true;
  }
  if (!comma && !items.empty()) return std::move(items.front());
  if (!comma && !in_parentheses)
    raise_at(tokens_.line(), "expected an expression, got {}", tokens_.described());
  return make(line, SequenceExpr{std::move(items), true});
}

template <class Operators>
ExprPtr ExpressionParser::left_to_right(ExprPtr (ExpressionParser::*operand)(), const Operators& operators) {
  int line = tokens_.line();
  ExprPtr left = (this->*operand)();
  while (true) {
    auto found = std::find_if(operators.begin(), operators.end(),
                              [&](auto& each) { return tokens_.is_op(each.first); });
    if (found == operators.end()) return left;
    tokens_.next();
    left = make(line, BinaryExpr{found->second, std::move(left), (this->*operand)()});
    line = tokens_.line();
  }
}

ExprPtr ExpressionParser::logical_or() {
  const int line = tokens_.line();
  ExprPtr left = logical_and();
  while (tokens_.take_name("or")) {
    left = make(line, LogicalExpr{false, std::move(left), logical_and()});
  }
  return left;
}

ExprPtr ExpressionParser::logical_and() {
  const int line = tokens_.line();
  ExprPtr left = logical_not();
  while (tokens_.take_name("and")) {
    left = make(line, LogicalExpr{true, std::move(left), logical_not()});
  }
  return left;
}

ExprPtr ExpressionParser::logical_not() {
  TokenStream::Level level(tokens_);
  const int line = tokens_.line();
  if (!tokens_.take_name("not")) return comparison();
  return make(line, UnaryExpr{UnaryOp::logical_not, logical_not()});
}

std::optional<CompareOp> ExpressionParser::comparison_operator() {
  for (const auto& [text, op] : kCompareOperators) {
    if (tokens_.take_op(text)) return op;
  }
  if (tokens_.take_name("in")) return CompareOp::in;
  if (!tokens_.is_name("not") || !tokens_.is_name("in", 1)) return std::nullopt;
  tokens_.next();
  tokens_.next();
  return CompareOp::not_in;
}

ExprPtr ExpressionParser::comparison() {
  const int line = tokens_.line();
  ExprPtr first = sum();
  std::vector<std::pair<CompareOp, ExprPtr>> rest;
  while (auto op = comparison_operator()) rest.emplace_back(*op, sum());
  if (rest.empty()) return first;
  return make(line, CompareExpr{std::move(first), std::move(rest)});
}

ExprPtr ExpressionParser::sum() {
  return left_to_right(&ExpressionParser::concatenation,
                       BinaryOperators{{"+", BinaryOp::add}, {"-", BinaryOp::subtract}});
}

ExprPtr ExpressionParser::concatenation() {
  const int line = tokens_.line();
  ExprPtr first = product();
  if (!tokens_.is_op("~")) return first;
  ConcatExpr concat;
  concat.parts.push_back(std::move(first));
  while (tokens_.take_op("~")) concat.parts.push_back(product());
  return make(line, std::move(concat));
}

ExprPtr ExpressionParser::product() {
  return left_to_right(&ExpressionParser::power, BinaryOperators{{"*", BinaryOp::multiply},
                                                                 {"/", BinaryOp::divide},
                                                                 {"//", BinaryOp::floor_divide},
                                                                 {"%", BinaryOp::modulo}});
}

ExprPtr ExpressionParser::power() {
  return left_to_right(&ExpressionParser::power_operand, BinaryOperators{{"**", BinaryOp::power}});
}

ExprPtr ExpressionParser::unary(bool with_filters) {
  TokenStream::Level level(tokens_);
  const int line = tokens_.line();
  ExprPtr expr;
  if (tokens_.take_op("-")) {
    expr = make(line, UnaryExpr{UnaryOp::negate, unary(false)});
  } else if (tokens_.take_op("+")) {
    expr = make(line, UnaryExpr{UnaryOp::plus, unary(false)});
  } else {
    expr = primary();
  }
  expr = postfix(std::move(expr));
  return with_filters ? filters_and_tests(std::move(expr)) : std::move(expr);
}

ExprPtr ExpressionParser::primary() {
  const int line = tokens_.line();
  if (tokens_.is(Type::name)) {
    const std::string name = tokens_.next().text;
    if (name == "true" || name == "True") return make(line, Literal{true});
    if (name == "false" || name == "False") return make(line, Literal{false});
    if (name == "none" || name == "None") return make(line, Literal{Value()});
    return make(line, NameExpr{names_.used(name)});
  }
  if (tokens_.is(Type::string)) {
    std::string text;
    while (tokens_.is(Type::string)) text += tokens_.next().text;
    return make(line, Literal{Value(std::make_shared<const Text>(std::move(text)))});
  }
  if (tokens_.is(Type::literal)) return make(line, Literal{tokens_.next().number});
  if (tokens_.take_op("(")) {
    ExprPtr inside = tuple(true, "", true);
    tokens_.expect_op(")");
    return inside;
  }
  if (tokens_.is_op("[")) return list();
  if (tokens_.is_op("{")) return dict();
  raise_at(line, "unexpected {}", tokens_.described());
}

ExprPtr ExpressionParser::list() {
  const int line = tokens_.line();
  tokens_.expect_op("[");
  std::vector<ExprPtr> items;
  while (!tokens_.is_op("]")) {
    if (!items.empty()) tokens_.expect_op(",");
    if (tokens_.is_op("]")) break;
    items.push_back(expression());
  }
  tokens_.expect_op("]");
  return make(line, SequenceExpr{std::move(items), false});
}

ExprPtr ExpressionParser::dict() {
  const int line = tokens_.line();
  tokens_.expect_op("{");
  DictExpr dict;
  while (!tokens_.is_op("}")) {
    if (!dict.entries.empty()) tokens_.expect_op(",");
    if (tokens_.is_op("}")) break;
    ExprPtr key = expression();
    tokens_.expect_op(":");
    dict.entries.emplace_back(std::move(key), expression());
  }
  tokens_.expect_op("}");
  return make(line, std::move(dict));
}

ExprPtr ExpressionParser::postfix(ExprPtr expr) {
  while (tokens_.is_op(".") || tokens_.is_op("[") || tokens_.is_op("(")) {
    const int line = tokens_.line();
    if (tokens_.is_op("(")) {
      expr = make(line, CallExpr{std::move(expr), arguments()});
    } else {
      expr = subscript(std::move(expr));
    }
  }
  return expr;
}

ExprPtr ExpressionParser::filters_and_tests(ExprPtr expr) {
  while (true) {
    const int line = tokens_.line();
    if (tokens_.take_op("|")) {
      expr = filter(std::move(expr));
    } else if (tokens_.take_name("is")) {
      expr = test(std::move(expr));
    } else if (tokens_.is_op("(")) {
      expr = make(line, CallExpr{std::move(expr), arguments()});
    } else {
      return expr;
    }
  }
}

ExprPtr ExpressionParser::subscript(ExprPtr object) {
  const int line = tokens_.line();
  if (!tokens_.take_op(".")) {
    tokens_.expect_op("[");
    return bracketed(std::move(object), line);
  }
  if (tokens_.is(Type::literal) && tokens_.peek().number.is_int())
    return make(line, ItemExpr{std::move(object), make(line, Literal{tokens_.next().number})});
  if (!tokens_.is(Type::name))
    raise_at(line, "expected a name or a number after '.', got {}", tokens_.described());
  return make(line, AttributeExpr{std::move(object), tokens_.next().text});
}

ExprPtr ExpressionParser::bracketed(ExprPtr object, int line) {
  ExprPtr parts[3];  // start:stop:step
  int colons = 0;
  if (!tokens_.is_op(":")) parts[0] = expression();
  while (colons < 2 && tokens_.take_op(":")) {
    ++colons;
    if (!tokens_.is_op(":") && !tokens_.is_op("]")) parts[colons] = expression();
  }
  if (tokens_.is_op(",")) raise_at(line, "several subscripts in [] are not supported");
  tokens_.expect_op("]");
  if (colons == 0) return make(line, ItemExpr{std::move(object), std::move(parts[0])});
  return make(line,
              SliceExpr{std::move(object), std::move(parts[0]), std::move(parts[1]), std::move(parts[2])});
}

CallArguments ExpressionParser::arguments() {
  const int line = tokens_.line();
  CallArguments call;
  auto require = [&](bool valid) {
    if (!valid) raise_at(line, "invalid order of arguments in a call");
  };
  tokens_.expect_op("(");
  for (bool comma = false; !tokens_.is_op(")"); comma = true) {
    if (comma) {
      tokens_.expect_op(",");
      if (tokens_.is_op(")")) break;
    }
    if (tokens_.take_op("*")) {
      require(!call.star && !call.double_star);
      call.star = expression();
    } else if (tokens_.take_op("**")) {
      require(!call.double_star);
      call.double_star = expression();
    } else if (tokens_.is(Type::name) && tokens_.is_op("=", 1)) {
      require(!call.double_star);
      const std::string name = tokens_.next().text;
      tokens_.next();
      for (const auto& [known, value] : call.named) {
        if (known == name) raise_at(line, "the argument '{}' is given twice", name);
      }
      call.named.emplace_back(name, expression());
    } else {
      require(!call.star && !call.double_star && call.named.empty());
      call.positional.push_back(expression());
    }
  }
  tokens_.expect_op(")");
  return call;
}

ExprPtr ExpressionParser::filter(ExprPtr input) {
  const int line = tokens_.line();
  const std::string name = tokens_.expect_identifier();
  const Builtin* filter = find_filter(name);
  return make(line,
              FilterExpr{std::move(input), filter, name, tokens_.is_op("(") ? arguments() : CallArguments()});
}

ExprPtr ExpressionParser::block_filters(bool first) {
  ExprPtr expr;
  while (first || tokens_.take_op("|")) {
    expr = filter(std::move(expr));
    first = false;
  }
  return expr;
}

ExprPtr ExpressionParser::test(ExprPtr input) {
  const int line = tokens_.line();
  const bool negated = tokens_.take_name("not");
  const std::string name = tokens_.expect_identifier();
  const Builtin* test = find_test(name);
  CallArguments call;
  const bool argument = tokens_.is(Type::name) || tokens_.is(Type::string) || tokens_.is(Type::literal) ||
                        tokens_.is_op("[") || tokens_.is_op("{");
  if (tokens_.is_op("(")) {
    call = arguments();
  } else if (argument && !tokens_.is_name("else") && !tokens_.is_name("or") && !tokens_.is_name("and")) {
    if (tokens_.is_name("is")) raise_at(line, "you cannot chain multiple tests with 'is'");
    call.positional.push_back(postfix(primary()));
  }
  ExprPtr expr = make(line, TestExpr{std::move(input), test, name, std::move(call)});
  return negated ? make(line, UnaryExpr{UnaryOp::logical_not, std::move(expr)}) : std::move(expr);
}

NameId ExpressionParser::target_name() {
  const int line = tokens_.line();
  const std::string name = tokens_.expect_identifier();
  for (std::string_view constant : {"true", "false", "none", "True", "False", "None"}) {
    if (name == constant) raise_at(line, "cannot assign to '{}'", name);
  }
  return names_.id(name);
}

Target ExpressionParser::target(std::string_view end_name) {
  TokenStream::Level level(tokens_);
  std::vector<Target> parts;
  bool comma = false;
  while (true) {
    if (tokens_.is(Type::block_end) || tokens_.is_op(")") || (!end_name.empty() && tokens_.is_name(end_name)))
      break;
    if (tokens_.take_op("(")) {
      parts.push_back(target());
      tokens_.expect_op(")");
    } else {
      parts.push_back({target_name(), {}, {}});
    }
    if (!tokens_.take_op(",")) break;
    comma = true;
  }
  if (parts.empty()) raise_at(tokens_.line(), "expected a name to assign to, got {}", tokens_.described());
  if (!comma) return std::move(parts.front());
  return {0, {}, std::move(parts)};
}

NameId Names::id(std::string_view name) {
  const auto known = static_cast<NameId>(std::find(all.begin(), all.end(), name) - all.begin());
  if (known == all.size()) all.emplace_back(name);
  return known;
}

NameId Names::used(std::string_view name) {
  for (MacroDef* macro : macros) {
    macro->uses_caller |= name == "caller";
    macro->uses_varargs |= name == "varargs";
    macro->uses_kwargs |= name == "kwargs";
  }
  return id(name);
}

}  // namespace verbatim::jinja
