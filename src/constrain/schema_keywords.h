// The keywords of JSON Schema: which are read, which say nothing about a value, and which shape they have.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string_view>

namespace verbatim {

enum class KeywordShape : std::uint8_t {
  annotation,  // ignored, whatever it holds
  type_names,
  values,
  value,
  count,
  number,
  text,
  texts,
  schema,
  schema_or_schemas,
  schemas,
  schema_map,
  flag,
};

struct Keyword {
  std::string_view name;
  KeywordShape shape;
  unsigned types = 0;  // json_type: of the values that the keyword is about; 0: of any
};

// nullptr: the keyword is not supported.
const Keyword* find_keyword(std::string_view name);

// What is wrong with the value of a keyword, as in "must be a number"; empty: nothing.
std::string_view complaint_about(KeywordShape shape, const nlohmann::ordered_json& value);

// json_type bits of "integer" and so on.
std::optional<unsigned> type_named(std::string_view name);

}  // namespace verbatim
