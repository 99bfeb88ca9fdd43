// The filters that make numbers.
#include <algorithm>
#include <cmath>

#include "jinja/attributes.h"
#include "jinja/builtin.h"
#include "jinja/compare.h"
#include "jinja/number_text.h"
#include "jinja/operators.h"

namespace verbatim::jinja {
namespace {

Value abs(const Call& call) {
  if (auto real = call.self.real()) return std::fabs(*real);
  const auto integer = call.self.require_defined().integer();
  if (!integer) raise("bad operand type for abs(): '{}'", call.self.type_name());
  return *integer < 0 ? negate(*integer) : Value(*integer);
}

// int(float(value)) where that is a number
Value int_of_float(const std::optional<double>& real, const Value& otherwise) {
  return real && !std::isnan(*real) ? Value(truncate(*real)) : otherwise;
}

Value to_int(const Call& call) {
  const Value otherwise = call.args[0].value_or(Value(std::int64_t{0}));
  const std::int64_t base = call.integer(1, 10);
  if (const Text* text = call.self.text()) {
    call.heap().read(text->bytes.size());
    if (auto integer = parse_int(text->bytes, static_cast<int>(std::clamp<std::int64_t>(base, -1, 99))))
      return *integer;
    return int_of_float(parse_float(text->bytes), otherwise);
  }
  if (auto integer = call.self.require_defined().integer()) return *integer;
  return int_of_float(call.self.real(), otherwise);
}

Value to_float(const Call& call) {
  std::optional<double> real = call.self.require_defined().real();
  if (const Text* text = call.self.text()) real = parse_float(text->bytes);
  if (auto integer = call.self.integer()) real = static_cast<double>(*integer);
  return real ? Value(*real) : call.args[0].value_or(Value(0.0));
}

Value round(const Call& call) {
  const std::int64_t precision = call.integer(0, 0);
  const std::string method = call.text(1, "common");
  const auto integer = call.self.require_defined().integer();
  if (!integer && !call.self.is_float())
    raise("type {} doesn't define __round__ method", call.self.type_name());
  if (method == "common") {
    if (integer) return round_int(*integer, precision);
    return round_float(*call.self.real(), precision);
  }
  if (method != "ceil" && method != "floor") raise("method must be common, ceil or floor");
  const double scale = std::pow(10.0, static_cast<double>(precision));
  const double scaled = (integer ? static_cast<double>(*integer) : *call.self.real()) * scale;
  if (!std::isfinite(scaled)) raise("cannot convert float {} to integer", float_repr(scaled));
  return (method == "ceil" ? std::ceil(scaled) : std::floor(scaled)) / scale;
}

Value sum(const Call& call) {
  const AttributePath path(call.args[0].value_or(Value()), std::nullopt, call.heap());
  Value total = call.args[1].value_or(Value(std::int64_t{0}));
  if (total.text()) raise("sum() can't sum strings [use ''.join(seq) instead]");
  Iteration next = iterate(call.self, call.heap());
  while (auto item = next()) {
    total = apply(BinaryOp::add, total, path.of(call.runtime, std::move(*item)), call.heap());
  }
  return total;
}

Value filesizeformat(const Call& call) {
  const Value real = to_float({call.runtime, call.self, {std::nullopt}, {}, {}});
  const double bytes = *real.real();
  const bool binary = call.truth(0, false);
  const double base = binary ? 1024 : 1000;
  if (bytes == 1) return call.heap().text("1 Byte");
  if (bytes < base) return call.heap().text(fmt::format("{} Bytes", truncate(bytes)));
  double unit = base * base;
  std::size_t i = 0;
  for (; i < 7 && bytes >= unit; ++i) unit *= base;
  return call.heap().text(fmt::format("{:.1f} {}{}", base * bytes / unit,
                                      (binary ? "KMGTPEZY" : "kMGTPEZY")[i], binary ? "iB" : "B"));
}

constexpr Builtin kNumberFilters[] = {
    {"abs", "", abs},
    {"filesizeformat", "binary?", filesizeformat},
    {"float", "default?", to_float},
    {"int", "default? base?", to_int},
    {"round", "precision? method?", round},
    {"sum", "attribute? start?", sum},
};

}  // namespace

std::span<const Builtin> number_filters() { return kNumberFilters; }

}  // namespace verbatim::jinja
