// GgufKeys: typed access to a file's metadata that remembers the first complaint, so that a reader of many
// keys stays a plain list and checks once at the end.
#pragma once

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "load/gguf.h"

namespace verbatim {

class GgufKeys {
 public:
  explicit GgufKeys(const GgufFile& file) : file_(file) {}

  bool ok() const { return status_.ok(); }
  const Status& status() const { return status_; }
  void refuse(Error error) {
    if (ok()) status_ = std::move(error);
  }

  bool has(std::string_view key) const { return file_.find(key) != nullptr; }

  // Absent: nullopt. Present with another type: nullopt and a complaint.
  auto integer(std::string_view key) { return get(key, &GgufValue::as_integer, "an integer"); }
  auto real(std::string_view key) { return get(key, &GgufValue::as_float, "a number"); }
  auto flag(std::string_view key) { return get(key, &GgufValue::as_bool, "a boolean"); }
  auto string(std::string_view key) { return get(key, &GgufValue::as_string, "a string"); }
  auto strings(std::string_view key) { return get(key, &GgufValue::as_strings, "an array of strings"); }
  auto integers(std::string_view key) { return get(key, &GgufValue::as_integers, "an array of integers"); }
  auto floats(std::string_view key) { return get(key, &GgufValue::as_floats, "an array of f32"); }

  // A number that some writers give once for each layer: an array must hold one value, however often. Absent: a
  // complaint.
  std::optional<std::int64_t> integer_of_layers(std::string_view key) {
    const GgufValue* value = file_.find(key);
    if (value == nullptr || value->type != GgufType::array) return required_integer(key);
    std::vector<std::int64_t> each = integers(key).value_or(std::vector<std::int64_t>());
    if (!each.empty() && std::ranges::count(each, each.front()) == std::ssize(each)) return each.front();
    refuse(fail("{}: key '{}' differs between layers, or is empty: not supported", file_.path, key));
    return std::nullopt;
  }

  // Absent: zero and a complaint.
  std::int64_t required_integer(std::string_view key) { return required(key, integer(key)); }
  double required_real(std::string_view key) { return required(key, real(key)); }

 private:
  template <class T>
  std::optional<T> get(std::string_view key, std::optional<T> (GgufValue::*as)() const,
                       std::string_view wanted) {
    const GgufValue* value = file_.find(key);
    if (value == nullptr) return std::nullopt;
    std::optional<T> out = (value->*as)();
    if (!out) {
      refuse(fail("{}: key '{}' is {} ({}), not {}", file_.path, key, value->printable(),
                  name_of(value->type), wanted));
    }
    return out;
  }
  template <class T>
  T required(std::string_view key, const std::optional<T>& value) {
    if (!has(key)) refuse(fail("{}: key '{}' is missing", file_.path, key));
    return value.value_or(T{});
  }

  const GgufFile& file_;
  Status status_;
};

}  // namespace verbatim
