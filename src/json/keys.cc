#include "json/keys.h"

#include <limits>

namespace verbatim {

const Json* JsonKeys::typed(std::string_view key, bool (Json::*is)() const noexcept,
                            std::string_view wanted) {
  const Json* value = find(key);
  if (value == nullptr || (value->*is)()) return value;
  refuse(key, fmt::format("is {}, not {}", shown(*value), wanted));
  return nullptr;
}

std::optional<std::int64_t> JsonKeys::integer(std::string_view key) {
  const Json* value = typed(key, &Json::is_number_integer, "an integer");
  if (value == nullptr) return std::nullopt;
  if (value->is_number_unsigned() && value->get<std::uint64_t>() > std::numeric_limits<std::int64_t>::max()) {
    refuse(key, "is too large");
    return std::nullopt;
  }
  return value->get<std::int64_t>();
}

std::optional<double> JsonKeys::real(std::string_view key) {
  const Json* value = typed(key, &Json::is_number, "a number");
  return value == nullptr ? std::nullopt : std::optional(value->get<double>());
}

std::optional<bool> JsonKeys::flag(std::string_view key) {
  const Json* value = typed(key, &Json::is_boolean, "a boolean");
  return value == nullptr ? std::nullopt : std::optional(value->get<bool>());
}

std::optional<std::string> JsonKeys::string(std::string_view key) {
  const Json* value = typed(key, &Json::is_string, "a string");
  return value == nullptr ? std::nullopt : std::optional(value->get<std::string>());
}

const Json* JsonKeys::object(std::string_view key) { return typed(key, &Json::is_object, "an object"); }
const Json* JsonKeys::array(std::string_view key) { return typed(key, &Json::is_array, "an array"); }

std::int64_t JsonKeys::required_integer(std::string_view key) {
  if (find(key) == nullptr) refuse(key, "is missing");
  return integer(key).value_or(0);
}

double JsonKeys::required_real(std::string_view key) {
  if (find(key) == nullptr) refuse(key, "is missing");
  return real(key).value_or(0);
}

}  // namespace verbatim
