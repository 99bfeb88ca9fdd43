#include "jinja/parser.h"

#include "jinja/expression_parser.h"

namespace verbatim::jinja {
namespace {

using Type = Token::Type;

// What Jinja knows and this engine does not.
constexpr std::string_view kRefusedTags[] = {"autoescape", "block", "extends", "from", "import", "include"};

class Parser {
 public:
  explicit Parser(std::vector<Token> tokens) : tokens_(std::move(tokens)), expressions_(tokens_, names_) {}

  Tree run() {
    Block body = statements({});
    return {std::move(body), std::move(names_.all)};
  }

 private:
  using EndTags = std::initializer_list<std::string_view>;

  // Statements up to one of the end tags, whose name is the next token; without end tags, up to the end.
  Block statements(EndTags ends) {
    TokenStream::Level level(tokens_);
    const int begin = tokens_.line();
    Block body;
    while (!tokens_.is(Type::end)) {
      const int line = tokens_.line();
      if (tokens_.is(Type::data)) {
        body.push_back({DataStatement{tokens_.next().text}, line});
      } else if (tokens_.is(Type::print_begin)) {
        tokens_.next();
        body.push_back({PrintStatement{expressions_.tuple()}, line});
        tokens_.expect(Type::print_end, "'}}'");
      } else {
        tokens_.expect(Type::block_begin, "'{%'");
        for (std::string_view end : ends) {
          if (tokens_.is_name(end)) return body;
        }
        statement(body, line);
        tokens_.expect(Type::block_end, "'%}'");
      }
    }
    if (ends.size() > 0)
      raise_at(begin, "the block that begins here is not closed by '{}'", *(ends.end() - 1));
    return body;
  }

  // The body of a block: from the end of its tag to its end tag, whose name is taken; which one that was.
  std::pair<Block, std::string> body(EndTags ends) {
    tokens_.take_op(":");
    tokens_.expect(Type::block_end, "'%}'");
    Block block = statements(ends);
    return {std::move(block), tokens_.next().text};
  }

  void statement(Block& out, int line) {
    using Parse = void (Parser::*)(Block&, int);
    static constexpr std::pair<std::string_view, Parse> kTags[] = {
        {"if", &Parser::if_statement},
        {"for", &Parser::for_statement},
        {"set", &Parser::set_statement},
        {"macro", &Parser::macro_statement},
        {"call", &Parser::call_statement},
        {"filter", &Parser::filter_statement},
        {"with", &Parser::with_statement},
        {"print", &Parser::print_statement},
        {"break", &Parser::loop_control<BreakStatement>},
        {"continue", &Parser::loop_control<ContinueStatement>},
        {"generation", &Parser::generation},
    };
    const std::string tag = tokens_.expect_identifier();
    for (const auto& [name, parse] : kTags) {
      if (name == tag) return (this->*parse)(out, line);
    }
    for (std::string_view refused : kRefusedTags) {
      if (refused == tag) raise_at(line, "the tag '{}' is not supported", tag);
    }
    raise_at(line, "unknown tag '{}'", tag);
  }

  void if_statement(Block& out, int line) {
    IfStatement node;
    std::string end = "elif";
    while (end == "elif") {
      ExprPtr test = expressions_.tuple(false);
      auto [block, found] = body({"elif", "else", "endif"});
      node.branches.emplace_back(std::move(test), std::move(block));
      end = found;
    }
    if (end == "else") node.otherwise = body({"endif"}).first;
    out.push_back({std::move(node), line});
  }

  void for_statement(Block& out, int line) {
    ForStatement node;
    ++loops_;
    node.target = checked(expressions_.target("in"), line);
    tokens_.expect_name("in");
    node.iterable = expressions_.tuple(false, "recursive");
    if (tokens_.take_name("if")) node.filter = expressions_.expression();
    if (tokens_.is_name("recursive")) raise_at(line, "'for ... recursive' is not supported");
    ++breakable_;
    auto [block, end] = body({"else", "endfor"});
    --breakable_;
    node.body = std::move(block);
    if (end == "else") node.otherwise = body({"endfor"}).first;
    --loops_;
    out.push_back({std::move(node), line});
  }

  // In a loop, `loop` is not to be assigned to.
  Target checked(Target target, int line) {
    if (loops_ > 0) require_not_loop(target, line);
    return target;
  }
  void require_not_loop(const Target& target, int line) {
    for (const Target& part : target.parts) require_not_loop(part, line);
    if (target.parts.empty() && target.attribute.empty() && names_.all[target.name] == "loop")
      raise_at(line, "cannot assign to 'loop' in a for loop");
  }

  Target set_target() {
    if (!tokens_.is_op(".", 1)) return expressions_.target();
    const NameId name = names_.used(tokens_.expect_identifier());
    tokens_.next();
    return {name, tokens_.expect_identifier(), {}};
  }

  void set_statement(Block& out, int line) {
    Target target = checked(set_target(), line);
    if (tokens_.take_op("=")) {
      out.push_back({SetStatement{std::move(target), expressions_.tuple()}, line});
      return;
    }
    ExprPtr filter = expressions_.block_filters(false);
    out.push_back({SetBlockStatement{std::move(target), std::move(filter), body({"endset"}).first}, line});
  }

  // "(a, b=1)" into the macro's parameters
  void signature(MacroDef& macro) {
    tokens_.expect_op("(");
    while (!tokens_.is_op(")")) {
      const int line = tokens_.line();
      if (!macro.parameters.empty()) tokens_.expect_op(",");
      const NameId name = expressions_.target_name();
      if (std::find(macro.parameters.begin(), macro.parameters.end(), name) != macro.parameters.end())
        raise_at(line, "the parameter '{}' is named twice", names_.all[name]);
      macro.parameters.push_back(name);
      if (tokens_.take_op("=")) {
        macro.defaults.push_back(expressions_.expression());
      } else if (!macro.defaults.empty()) {
        raise_at(line, "a parameter without a default follows one with a default");
      } else if (names_.all[name] == "caller") {
        raise_at(line, "the parameter 'caller' needs a default");
      }
    }
    tokens_.expect_op(")");
  }

  // The rest of a macro: its own loops do not reach into the ones around it.
  void macro_body(MacroDef& macro, std::string_view end) {
    const int outer = std::exchange(breakable_, 0);
    names_.macros.push_back(&macro);
    macro.body = body({end}).first;
    names_.macros.pop_back();
    breakable_ = outer;
  }

  void macro_statement(Block& out, int line) {
    auto macro = std::make_unique<MacroDef>();
    const NameId name = expressions_.target_name();
    if (loops_ > 0) require_not_loop({name, {}, {}}, line);
    macro->name = names_.all[name];
    signature(*macro);
    macro_body(*macro, "endmacro");
    out.push_back({MacroStatement{name, std::move(macro)}, line});
  }

  void call_statement(Block& out, int line) {
    auto caller = std::make_unique<MacroDef>();
    caller->name = "caller";
    if (tokens_.is_op("(")) signature(*caller);
    ExprPtr call = expressions_.expression();
    if (!std::holds_alternative<CallExpr>(call->node)) raise_at(line, "'call' needs the call of a macro");
    macro_body(*caller, "endcall");
    out.push_back({CallStatement{std::move(call), std::move(caller)}, line});
  }

  void filter_statement(Block& out, int line) {
    ExprPtr filter = expressions_.block_filters(true);
    out.push_back({FilterStatement{std::move(filter), body({"endfilter"}).first}, line});
  }

  void with_statement(Block& out, int line) {
    WithStatement node;
    while (!tokens_.is(Type::block_end)) {
      if (!node.bindings.empty()) tokens_.expect_op(",");
      Target target = expressions_.target();
      tokens_.expect_op("=");
      node.bindings.emplace_back(std::move(target), expressions_.expression());
    }
    node.body = body({"endwith"}).first;
    out.push_back({std::move(node), line});
  }

  void print_statement(Block& out, int line) {
    for (bool comma = false; !tokens_.is(Type::block_end); comma = true) {
      if (comma) tokens_.expect_op(",");
      out.push_back({PrintStatement{expressions_.expression()}, line});
    }
  }

  template <class Control>
  void loop_control(Block& out, int line) {
    if (breakable_ == 0) raise_at(line, "'break' and 'continue' must stand in a loop");
    out.push_back({Control{}, line});
  }

  // transformers' {% generation %}: a body of its own, marked in training and passed through here.
  void generation(Block& out, int line) {
    const int outer = std::exchange(breakable_, 0);
    out.push_back({ScopeStatement{body({"endgeneration"}).first}, line});
    breakable_ = outer;
  }

  TokenStream tokens_;
  Names names_;
  ExpressionParser expressions_;
  int loops_ = 0;      // for statements around
  int breakable_ = 0;  // loop bodies around that break and continue may leave
};

}  // namespace

Tree parse(std::string_view source) { return Parser(tokenize(source)).run(); }

}  // namespace verbatim::jinja
