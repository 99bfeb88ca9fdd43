// The operators of expressions, with Python's meaning. Integers have 64 bits: a result beyond them raises.
#pragma once

#include "jinja/value.h"

namespace verbatim::jinja {

enum class BinaryOp { add, subtract, multiply, divide, floor_divide, modulo, power };

Value apply(BinaryOp op, const Value& a, const Value& b, Heap& heap);
Value negate(const Value& value);
Value plus(const Value& value);
// a ~ b ~ ...: the values as text, one after the other
Value concatenate(const std::vector<Value>& values, Heap& heap);
// Text as HTML; Markup as it is.
Value escaped(const Value& value, Heap& heap);

}  // namespace verbatim::jinja
