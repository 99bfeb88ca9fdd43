// The tree of a template: what the parser makes and the interpreter walks. Names are numbers: their place in
// Tree::names.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "jinja/builtin.h"
#include "jinja/operators.h"
#include "jinja/value.h"

namespace verbatim::jinja {

struct Expr;
struct Statement;
using ExprPtr = std::unique_ptr<const Expr>;  // nullptr where a part is left out
using Block = std::vector<Statement>;
using NameId = std::size_t;

struct CallArguments {
  std::vector<ExprPtr> positional;
  std::vector<std::pair<std::string, ExprPtr>> named;
  ExprPtr star, double_star;
};

enum class CompareOp { equal, not_equal, less, less_equal, greater, greater_equal, in, not_in };
enum class UnaryOp { logical_not, negate, plus };

struct Literal {
  Value value;
};
struct NameExpr {
  NameId name;
};
struct SequenceExpr {
  std::vector<ExprPtr> items;
  bool tuple;
};
struct DictExpr {
  std::vector<std::pair<ExprPtr, ExprPtr>> entries;
};
struct UnaryExpr {
  UnaryOp op;
  ExprPtr operand;
};
struct BinaryExpr {
  BinaryOp op;
  ExprPtr left, right;
};
struct LogicalExpr {
  bool is_and;
  ExprPtr left, right;
};
struct ConcatExpr {
  std::vector<ExprPtr> parts;
};
struct CompareExpr {
  ExprPtr first;
  std::vector<std::pair<CompareOp, ExprPtr>> rest;
};
struct ConditionalExpr {
  ExprPtr test, then, otherwise;
};
struct AttributeExpr {
  ExprPtr object;
  std::string name;
};
struct ItemExpr {
  ExprPtr object, key;
};
struct SliceExpr {
  ExprPtr object, start, stop, step;
};
struct CallExpr {
  ExprPtr callee;
  CallArguments arguments;
};
struct FilterExpr {
  ExprPtr input;          // none: a block's text
  const Builtin* filter;  // none: there is no filter of this name, which is an error where it is evaluated
  std::string name;
  CallArguments arguments;
};
struct TestExpr {
  ExprPtr input;
  const Builtin* test;  // likewise
  std::string name;
  CallArguments arguments;
};

struct Expr {
  std::variant<Literal, NameExpr, SequenceExpr, DictExpr, UnaryExpr, BinaryExpr, LogicalExpr, ConcatExpr,
               CompareExpr, ConditionalExpr, AttributeExpr, ItemExpr, SliceExpr, CallExpr, FilterExpr,
               TestExpr>
      node;
  int line;
  int depth;  // of the tree below, this node included
};

// The depth of the deepest part of an expression that is being made; 0: it has no parts.
int depth_of_children(const decltype(Expr::node)& node);

// What `set`, `for` and `with` assign to.
struct Target {
  NameId name = 0;
  std::string attribute;      // of the namespace `name`; empty: the name itself
  std::vector<Target> parts;  // where it is a tuple; the rest then says nothing
};

// A macro, or the body of a call block.
struct MacroDef {
  std::string name;
  std::vector<NameId> parameters;
  std::vector<ExprPtr> defaults;  // of the last parameters
  Block body;
  bool uses_caller = false, uses_varargs = false, uses_kwargs = false;
};

struct DataStatement {
  std::string text;
};
struct PrintStatement {
  ExprPtr value;
};
struct IfStatement {
  std::vector<std::pair<ExprPtr, Block>> branches;
  Block otherwise;
};
struct ForStatement {
  Target target;
  ExprPtr iterable, filter;
  Block body, otherwise;
};
struct SetStatement {
  Target target;
  ExprPtr value;
};
struct SetBlockStatement {
  Target target;
  ExprPtr filter;
  Block body;
};
struct MacroStatement {
  NameId name;
  std::unique_ptr<const MacroDef> macro;
};
struct CallStatement {
  ExprPtr call;
  std::unique_ptr<const MacroDef> caller;
};  // call: a CallExpr
struct FilterStatement {
  ExprPtr filter;
  Block body;
};
struct WithStatement {
  std::vector<std::pair<Target, ExprPtr>> bindings;
  Block body;
};
struct ScopeStatement {
  Block body;
};  // {% generation %}
struct BreakStatement {};
struct ContinueStatement {};

struct Statement {
  std::variant<DataStatement, PrintStatement, IfStatement, ForStatement, SetStatement, SetBlockStatement,
               MacroStatement, CallStatement, FilterStatement, WithStatement, ScopeStatement, BreakStatement,
               ContinueStatement>
      node;
  int line;
};

struct Tree {
  Block body;
  std::vector<std::string> names;
};

}  // namespace verbatim::jinja
