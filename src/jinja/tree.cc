#include "jinja/tree.h"

#include <algorithm>

namespace verbatim::jinja {
namespace {

// The depth of the deepest part, for each kind of node.
struct Deepest {
  static int of(const ExprPtr& part) { return part ? part->depth : 0; }
  template <class... Parts>
  static int of(const ExprPtr& first, const Parts&... rest) {
    return std::max(of(first), of(rest...));
  }
  static int of(const std::vector<ExprPtr>& parts) {
    int depth = 0;
    for (const ExprPtr& part : parts) depth = std::max(depth, of(part));
    return depth;
  }
  static int of(const CallArguments& call) {
    int depth = std::max(of(call.positional), of(call.star, call.double_star));
    for (const auto& [name, value] : call.named) depth = std::max(depth, of(value));
    return depth;
  }

  int operator()(const Literal&) const { return 0; }
  int operator()(const NameExpr&) const { return 0; }
  int operator()(const SequenceExpr& e) const { return of(e.items); }
  int operator()(const DictExpr& e) const {
    int depth = 0;
    for (const auto& [key, value] : e.entries) depth = std::max(depth, of(key, value));
    return depth;
  }
  int operator()(const UnaryExpr& e) const { return of(e.operand); }
  int operator()(const BinaryExpr& e) const { return of(e.left, e.right); }
  int operator()(const LogicalExpr& e) const { return of(e.left, e.right); }
  int operator()(const ConcatExpr& e) const { return of(e.parts); }
  int operator()(const CompareExpr& e) const {
    int depth = of(e.first);
    for (const auto& [op, operand] : e.rest) depth = std::max(depth, of(operand));
    return depth;
  }
  int operator()(const ConditionalExpr& e) const { return of(e.test, e.then, e.otherwise); }
  int operator()(const AttributeExpr& e) const { return of(e.object); }
  int operator()(const ItemExpr& e) const { return of(e.object, e.key); }
  int operator()(const SliceExpr& e) const { return of(e.object, e.start, e.stop, e.step); }
  int operator()(const CallExpr& e) const { return std::max(of(e.callee), of(e.arguments)); }
  int operator()(const FilterExpr& e) const { return std::max(of(e.input), of(e.arguments)); }
  int operator()(const TestExpr& e) const { return std::max(of(e.input), of(e.arguments)); }
};

}  // namespace

int depth_of_children(const decltype(Expr::node)& node) { return std::visit(Deepest(), node); }

}  // namespace verbatim::jinja
