#include "jinja/operators.h"

#include <algorithm>
#include <cmath>

#include "jinja/format.h"
#include "jinja/heap.h"
#include "jinja/repr.h"
#include "jinja/text.h"

namespace verbatim::jinja {
namespace {

constexpr std::string_view kSymbols[] = {"+", "-", "*", "/", "//", "%", "** or pow()"};

[[noreturn]] void unsupported(BinaryOp op, const Value& a, const Value& b) {
  a.require_defined();
  b.require_defined();
  raise("unsupported operand type(s) for {}: '{}' and '{}'", kSymbols[static_cast<int>(op)], a.type_name(),
        b.type_name());
}

std::optional<double> as_double(const Value& value) {
  if (auto integer = value.integer()) return static_cast<double>(*integer);
  return value.real();
}

// result: by reference, for it is made by the same expression as `overflow`.
std::int64_t in_64_bits(bool overflow, const std::int64_t& result) {
  if (overflow) raise("the integer result does not fit into 64 bits");
  return result;
}

std::int64_t floor_divided(std::int64_t a, std::int64_t b) {
  in_64_bits(b == -1 && a == INT64_MIN, 0);
  const std::int64_t quotient = a / b;
  return a % b != 0 && (a < 0) != (b < 0) ? quotient - 1 : quotient;
}

std::int64_t modulo(std::int64_t a, std::int64_t b) {
  if (b == -1) return 0;
  const std::int64_t rest = a % b;
  return rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest;
}

Value power(std::int64_t base, std::int64_t exponent) {
  if (exponent < 0) {
    if (base == 0) raise("0.0 cannot be raised to a negative power");
    return std::pow(static_cast<double>(base), static_cast<double>(exponent));
  }
  std::int64_t result = 1;
  bool overflow = false;
  for (; exponent > 0 && !(overflow && base != 0); exponent /= 2) {
    if (exponent % 2 != 0) overflow |= __builtin_mul_overflow(result, base, &result);
    if (exponent > 1) overflow |= __builtin_mul_overflow(base, base, &base);
  }
  return in_64_bits(overflow, result);
}

Value on_integers(BinaryOp op, std::int64_t a, std::int64_t b) {
  std::int64_t result = 0;
  if (b == 0 && (op == BinaryOp::divide || op == BinaryOp::floor_divide || op == BinaryOp::modulo))
    raise("division by zero");
  switch (op) {
    case BinaryOp::add:
      return in_64_bits(__builtin_add_overflow(a, b, &result), result);
    case BinaryOp::subtract:
      return in_64_bits(__builtin_sub_overflow(a, b, &result), result);
    case BinaryOp::multiply:
      return in_64_bits(__builtin_mul_overflow(a, b, &result), result);
    case BinaryOp::divide:
      return static_cast<double>(a) / static_cast<double>(b);
    case BinaryOp::floor_divide:
      return floor_divided(a, b);
    case BinaryOp::modulo:
      return modulo(a, b);
    case BinaryOp::power:
      return power(a, b);
  }
  return Value();
}

double float_modulo(double a, double b) {  // float_divmod of CPython's floatobject.c
  double rest = std::fmod(a, b);
  if (rest == 0) return std::copysign(0.0, b);
  return (b < 0) != (rest < 0) ? rest + b : rest;
}

double float_floor_divided(double a, double b) {
  const double rest = std::fmod(a, b);
  double quotient = (a - rest) / b;
  if (rest != 0 && (b < 0) != (rest < 0)) quotient -= 1;
  if (quotient == 0) return std::copysign(0.0, a / b);
  const double floored = std::floor(quotient);
  return quotient - floored > 0.5 ? floored + 1 : floored;
}

Value on_floats(BinaryOp op, double a, double b) {
  if (b == 0 && (op == BinaryOp::divide || op == BinaryOp::floor_divide || op == BinaryOp::modulo))
    raise("float division by zero");
  switch (op) {
    case BinaryOp::add:
      return a + b;
    case BinaryOp::subtract:
      return a - b;
    case BinaryOp::multiply:
      return a * b;
    case BinaryOp::divide:
      return a / b;
    case BinaryOp::floor_divide:
      return float_floor_divided(a, b);
    case BinaryOp::modulo:
      return float_modulo(a, b);
    case BinaryOp::power:
      if (a == 0 && b < 0) raise("0.0 cannot be raised to a negative power");
      if (a < 0 && std::isfinite(a) && std::isfinite(b) && std::floor(b) != b)
        raise("complex numbers are not supported");
      const double result = std::pow(a, b);
      if (std::isinf(result) && std::isfinite(a) && std::isfinite(b)) raise("Numerical result out of range");
      return result;
  }
  return Value();
}

Value repeated(const Value& value, std::int64_t times, Heap& heap) {
  times = std::max<std::int64_t>(times, 0);
  if (const Text* text = value.text()) {
    heap.require_room(times, text->bytes.size());
    std::string out;
    out.reserve(text->bytes.size() * static_cast<std::size_t>(times));
    if (!text->bytes.empty()) {
      for (std::int64_t i = 0; i < times; ++i) out += text->bytes;
    }
    return heap.text(std::move(out), text->markup);
  }
  const List& list = *value.list();
  heap.require_room(times, list.items.size() * sizeof(Value));
  std::vector<Value> items;
  for (std::int64_t i = 0; !list.items.empty() && i < times; ++i)
    items.insert(items.end(), list.items.begin(), list.items.end());
  return heap.list(std::move(items), list.is_list() ? List::Form::list : List::Form::tuple);
}

Value joined_text(const Text& a, const Text& b, Heap& heap) {
  heap.require_room(1, a.bytes.size() + b.bytes.size());
  if (a.markup == b.markup) return heap.text(a.bytes + b.bytes, a.markup);
  return heap.text(a.markup ? a.bytes + escape_html(b.bytes) : escape_html(a.bytes) + b.bytes, true);
}

Value joined_lists(const List& a, const List& b, Heap& heap) {
  heap.require_room(static_cast<std::int64_t>(a.items.size() + b.items.size()), sizeof(Value));
  std::vector<Value> items = a.items;
  items.insert(items.end(), b.items.begin(), b.items.end());
  return heap.list(std::move(items), a.is_list() ? List::Form::list : List::Form::tuple);
}

}  // namespace

Value apply(BinaryOp op, const Value& a, const Value& b, Heap& heap) {
  heap.step();
  if (a.integer() && b.integer()) return on_integers(op, *a.integer(), *b.integer());
  const auto x = as_double(a), y = as_double(b);
  if (x && y) return on_floats(op, *x, *y);
  if (op == BinaryOp::add && a.text() && b.text()) return joined_text(*a.text(), *b.text(), heap);
  if (op == BinaryOp::add && a.list() && b.list() && a.list()->is_list() == b.list()->is_list())
    return joined_lists(*a.list(), *b.list(), heap);
  if (op == BinaryOp::multiply && (a.text() || a.list()) && b.integer())
    return repeated(a, *b.integer(), heap);
  if (op == BinaryOp::multiply && (b.text() || b.list()) && a.integer())
    return repeated(b, *a.integer(), heap);
  if (op == BinaryOp::modulo && a.text()) {
    if (a.text()->markup) raise("formatting Markup is not supported");
    return heap.text(percent_format(a.text()->bytes, b, heap));
  }
  unsupported(op, a, b);
}

Value negate(const Value& value) {
  if (auto real = value.real()) return -*real;
  const auto integer = value.require_defined().integer();
  if (!integer) raise("bad operand type for unary -: '{}'", value.type_name());
  return in_64_bits(*integer == INT64_MIN, *integer == INT64_MIN ? 0 : -*integer);
}

Value plus(const Value& value) {
  if (value.is_float()) return value;
  const auto integer = value.require_defined().integer();
  if (!integer) raise("bad operand type for unary +: '{}'", value.type_name());
  return *integer;
}

Value concatenate(const std::vector<Value>& values, Heap& heap) {
  std::string out;
  for (const Value& value : values) {
    const std::string text = str(value, heap);
    heap.require_room(1, out.size() + text.size());
    out += text;
  }
  return heap.text(std::move(out));
}

Value escaped(const Value& value, Heap& heap) {
  if (value.text() && value.text()->markup) return value;
  std::string text = str(value, heap);
  heap.require_room(6, text.size());
  return heap.text(escape_html(text), true);
}

}  // namespace verbatim::jinja
