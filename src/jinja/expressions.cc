// The expressions of the interpreter.
#include "jinja/attributes.h"
#include "jinja/compare.h"
#include "jinja/interpreter.h"

namespace verbatim::jinja {

Value Interpreter::eval(const Expr& expr) {
  Runtime::Depth deeper(runtime_);
  try {
    return std::visit([&](const auto& node) { return eval_node(node); }, expr.node);
  } catch (Failure& failure) {
    if (failure.line == 0) failure.line = expr.line;
    throw;
  }
}

std::vector<Value> Interpreter::eval_all(const std::vector<ExprPtr>& items) {
  std::vector<Value> values;
  values.reserve(items.size());
  for (const ExprPtr& item : items) values.push_back(eval(item));
  return values;
}

Value Interpreter::eval_node(const NameExpr& e) {
  const Value* value = scope_->find(e.name);
  return value ? *value : heap_.undefined(fmt::format("'{}' is undefined", tree_.names[e.name]));
}

Value Interpreter::eval_node(const SequenceExpr& e) {
  return heap_.list(eval_all(e.items), e.tuple ? List::Form::tuple : List::Form::list);
}

Value Interpreter::eval_node(const DictExpr& e) {
  std::vector<Dict::Entry> entries;
  for (const auto& [key, value] : e.entries) {
    Value key_value = eval(key);
    entries.emplace_back(std::move(key_value), eval(value));
  }
  return heap_.dict(std::move(entries));
}

Value Interpreter::eval_node(const UnaryExpr& e) {
  const Value value = eval(e.operand);
  switch (e.op) {
    case UnaryOp::logical_not:
      return !truth(value);
    case UnaryOp::negate:
      return negate(value);
    case UnaryOp::plus:
      return plus(value);
  }
  return Value();
}

Value Interpreter::eval_node(const BinaryExpr& e) {
  const Value left = eval(e.left);
  return apply(e.op, left, eval(e.right), heap_);
}

Value Interpreter::eval_node(const LogicalExpr& e) {
  Value left = eval(e.left);
  return truth(left) == e.is_and ? eval(e.right) : left;
}

Value Interpreter::eval_node(const ConcatExpr& e) { return concatenate(eval_all(e.parts), heap_); }

bool Interpreter::compare(CompareOp op, const Value& a, const Value& b) {
  switch (op) {
    case CompareOp::equal:
      return equal(a, b, heap_);
    case CompareOp::not_equal:
      return !equal(a, b, heap_);
    case CompareOp::less:
      return less(a, b, heap_);
    case CompareOp::greater:
      return less(b, a, heap_);
    case CompareOp::less_equal:
      return less(a, b, heap_) || equal(a, b, heap_);
    case CompareOp::greater_equal:
      return less(b, a, heap_) || equal(a, b, heap_);
    case CompareOp::in:
      return contains(b, a, heap_);
    case CompareOp::not_in:
      return !contains(b, a, heap_);
  }
  return false;
}

Value Interpreter::eval_node(const CompareExpr& e) {
  Value left = eval(e.first);
  for (const auto& [op, operand] : e.rest) {
    Value right = eval(operand);
    if (!compare(op, left, right)) return false;
    left = std::move(right);
  }
  return true;
}

Value Interpreter::eval_node(const ConditionalExpr& e) {
  if (truth(eval(e.test))) return eval(e.then);
  if (e.otherwise) return eval(e.otherwise);
  return heap_.undefined("the inline if-expression evaluated to false and no else section was defined.");
}

Value Interpreter::eval_node(const AttributeExpr& e) {
  return get_attribute(runtime_, eval(e.object), e.name);
}

Value Interpreter::eval_node(const ItemExpr& e) {
  const Value object = eval(e.object);
  return get_item(runtime_, object, eval(e.key));
}

Value Interpreter::eval_node(const SliceExpr& e) {
  const Value object = eval(e.object);
  const Value start = e.start ? eval(e.start) : Value();
  const Value stop = e.stop ? eval(e.stop) : Value();
  const Value step = e.step ? eval(e.step) : Value();
  return get_slice(runtime_, object, &start, &stop, &step);
}

Value Interpreter::call(const Value& callee, const Arguments& arguments) {
  callee.require_defined();
  if (!callee.object() || !callee.object()->callable())
    raise("'{}' object is not callable", callee.type_name());
  return callee.object()->call(runtime_, arguments);
}

Value Interpreter::eval_node(const CallExpr& e) {
  const Value callee = eval(e.callee);
  return call(callee, eval_arguments(e.arguments));
}

Value Interpreter::eval_node(const FilterExpr& e) {
  if (e.filter == nullptr) raise("the filter '{}' is not supported", e.name);
  const Value input = e.input ? eval(e.input) : *piped_;
  return invoke(runtime_, *e.filter, input, eval_arguments(e.arguments));
}

Value Interpreter::eval_node(const TestExpr& e) {
  if (e.test == nullptr) raise("the test '{}' is not supported", e.name);
  const Value input = eval(e.input);
  return truth(invoke(runtime_, *e.test, input, eval_arguments(e.arguments)));
}

Arguments Interpreter::eval_arguments(const CallArguments& call) {
  Arguments arguments{eval_all(call.positional), {}};
  for (const auto& [name, value] : call.named) arguments.named.emplace_back(name, eval(value));
  if (call.star) {
    for (Value& item : items_of(eval(call.star), heap_)) arguments.positional.push_back(std::move(item));
  }
  if (call.double_star) {
    const Value value = eval(call.double_star);
    if (!value.dict()) raise("argument after ** must be a mapping, not {}", value.type_name());
    for (const auto& [key, item] : value.dict()->entries) {
      if (!key.text()) raise("keywords must be strings");
      for (const auto& [known, other] : arguments.named) {
        if (known == key.text()->bytes) raise("got multiple values for keyword argument '{}'", known);
      }
      arguments.named.emplace_back(key.text()->bytes, item);
    }
  }
  return arguments;
}

}  // namespace verbatim::jinja
