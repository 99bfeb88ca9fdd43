// Interpreter: walks the tree of a template and writes what it renders.
#pragma once

#include <deque>
#include <string>

#include "jinja/runtime.h"
#include "jinja/scope.h"
#include "jinja/tree.h"

namespace verbatim::jinja {

class Interpreter {
 public:
  // All three must outlive this. variables: the names that the rendering is given.
  Interpreter(const Tree& tree, const Json& variables, Runtime& runtime);

  std::string run();

  // Calls a macro that was defined in `scope`.
  Value call_macro(const MacroDef& macro, const std::shared_ptr<Scope>& scope, const Arguments& arguments);

 private:
  enum class Flow { next, leave, again };  // leave: break, again: continue

  // One line of the tree: failures that know no line get this one.
  template <class Work>
  auto at_line(int line, Work work) -> decltype(work());

  Flow run(const Block& block);
  Flow run(const Statement& statement);
  Flow run(const DataStatement& s);
  Flow run(const PrintStatement& s);
  Flow run(const IfStatement& s);
  Flow run(const ForStatement& s);
  Flow run(const SetStatement& s);
  Flow run(const SetBlockStatement& s);
  Flow run(const MacroStatement& s);
  Flow run(const CallStatement& s);
  Flow run(const FilterStatement& s);
  Flow run(const WithStatement& s);
  Flow run(const ScopeStatement& s);
  Flow run(const BreakStatement&) { return Flow::leave; }
  Flow run(const ContinueStatement&) { return Flow::again; }

  Value eval(const Expr& expr);
  Value eval(const ExprPtr& expr) { return eval(*expr); }
  Value eval_node(const Literal& e) { return e.value; }
  Value eval_node(const NameExpr& e);
  Value eval_node(const SequenceExpr& e);
  Value eval_node(const DictExpr& e);
  Value eval_node(const UnaryExpr& e);
  Value eval_node(const BinaryExpr& e);
  Value eval_node(const LogicalExpr& e);
  Value eval_node(const ConcatExpr& e);
  Value eval_node(const CompareExpr& e);
  Value eval_node(const ConditionalExpr& e);
  Value eval_node(const AttributeExpr& e);
  Value eval_node(const ItemExpr& e);
  Value eval_node(const SliceExpr& e);
  Value eval_node(const CallExpr& e);
  Value eval_node(const FilterExpr& e);
  Value eval_node(const TestExpr& e);
  std::vector<Value> eval_all(const std::vector<ExprPtr>& items);
  Arguments eval_arguments(const CallArguments& call);
  bool compare(CompareOp op, const Value& a, const Value& b);
  Value call(const Value& callee, const Arguments& arguments);

  void write(std::string_view text);
  // What `work` writes, as text of its own. nullopt: it was left by break or continue, which `flow` then says.
  template <class Work>
  std::optional<Value> captured(Work work, Flow& flow);
  void assign(const Target& target, Value value);
  void unpack(const std::vector<Target>& parts, const Value& value);
  // The items of a for loop with a filter: those that pass it.
  Iteration filtered(const ForStatement& s, Iteration next);
  void bind_parameters(const MacroDef& macro, const Arguments& arguments);
  Value macro_value(const MacroDef& macro);

  // The current scope is this one for as long as this lives.
  class Entered;

  const Tree& tree_;
  Runtime& runtime_;
  Heap& heap_;
  std::shared_ptr<Scope> scope_;
  std::deque<std::shared_ptr<Scope>> kept_;  // those that macros live in, until the rendering ends
  std::string* out_ = nullptr;
  std::int64_t written_ = 0;                                // bytes in all open buffers
  std::optional<Value> piped_;                              // the text that a block's filters read
  std::optional<NameId> loop_, caller_, varargs_, kwargs_;  // where the template speaks of them
};

}  // namespace verbatim::jinja
