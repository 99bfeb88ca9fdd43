// JSON values: their names here, a value in a sentence, integers taken out with care. How text becomes values: reader.h.
#pragma once

#include <cstdint>
#include <exception>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "json/library.h"

namespace verbatim {

using Json = nlohmann::json;

// What an exception of the JSON library says, without the library's label.
std::string_view json_complaint(const std::exception& error);

// A value in a sentence: short, on one line.
std::string shown(const Json& value);

// An integer that T can hold. Throws the JSON library's type_error for all else; the library itself would convert 1e30, and
// what comes of that is not defined.
template <class T>
T integer_of(const Json& json) {
  if (json.is_number_unsigned()) {
    const auto value = json.get<std::uint64_t>();
    if (std::in_range<T>(value)) return static_cast<T>(value);
  } else if (json.is_number_integer()) {
    const auto value = json.get<std::int64_t>();
    if (std::in_range<T>(value)) return static_cast<T>(value);
  }
  throw Json::type_error::create(302, fmt::format("{} is no integer of {} bits", shown(json), 8 * sizeof(T)),
                                 &json);
}

// A list of them.
template <class T>
std::vector<T> integers_of(const Json& json) {
  std::vector<T> integers;
  for (const Json& each : json.get_ref<const Json::array_t&>()) integers.push_back(integer_of<T>(each));
  return integers;
}

}  // namespace verbatim
