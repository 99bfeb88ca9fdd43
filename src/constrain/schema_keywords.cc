#include "constrain/schema_keywords.h"

#include <algorithm>
#include <iterator>

#include "constrain/schema.h"

namespace verbatim {
namespace {

using Shape = KeywordShape;
using namespace json_type;

constexpr Keyword kKeywords[] = {
    {"type", Shape::type_names},
    {"enum", Shape::values},
    {"const", Shape::value},
    {"$ref", Shape::text},
    {"allOf", Shape::schemas},
    {"anyOf", Shape::schemas},
    {"oneOf", Shape::schemas},
    {"$defs", Shape::schema_map},
    {"definitions", Shape::schema_map},
    {"properties", Shape::schema_map, kObject},
    {"patternProperties", Shape::schema_map, kObject},
    {"propertyNames", Shape::schema, kObject},
    {"minProperties", Shape::count, kObject},
    {"maxProperties", Shape::count, kObject},
    {"required", Shape::texts, kObject},
    {"additionalProperties", Shape::schema, kObject},
    {"items", Shape::schema_or_schemas, kArray},
    {"additionalItems", Shape::schema, kArray},
    {"prefixItems", Shape::schemas, kArray},
    {"minItems", Shape::count, kArray},
    {"maxItems", Shape::count, kArray},
    {"uniqueItems", Shape::flag, kArray},
    {"minLength", Shape::count, kString},
    {"maxLength", Shape::count, kString},
    {"pattern", Shape::text, kString},
    {"format", Shape::text, kString},
    {"minimum", Shape::number, kNumber},
    {"maximum", Shape::number, kNumber},
    {"exclusiveMinimum", Shape::number, kNumber},
    {"exclusiveMaximum", Shape::number, kNumber},
    {"multipleOf", Shape::number, kNumber},
    // The specification's annotations and identifiers, and OpenAPI's.
    {"$schema", Shape::annotation},
    {"$id", Shape::annotation},
    {"$comment", Shape::annotation},
    {"title", Shape::annotation},
    {"description", Shape::annotation},
    {"default", Shape::annotation},
    {"examples", Shape::annotation},
    {"example", Shape::annotation},
    {"deprecated", Shape::annotation},
    {"readOnly", Shape::annotation},
    {"writeOnly", Shape::annotation},
    {"contentEncoding", Shape::annotation},
    {"contentMediaType", Shape::annotation},
    {"contentSchema", Shape::annotation},
    {"discriminator", Shape::annotation},
    {"externalDocs", Shape::annotation},
    {"nullable", Shape::annotation},
};

constexpr std::pair<std::string_view, unsigned> kTypes[] = {
    {"null", kNull},     {"boolean", kBoolean}, {"integer", kInteger}, {"number", kNumber},
    {"string", kString}, {"array", kArray},     {"object", kObject},
};

bool is_schema(const nlohmann::ordered_json& value) { return value.is_object() || value.is_boolean(); }
bool is_text(const nlohmann::ordered_json& value) { return value.is_string(); }

template <class Each>
bool is_list_of(const nlohmann::ordered_json& value, Each each) {
  return value.is_array() && std::all_of(value.begin(), value.end(), each);
}

}  // namespace

const Keyword* find_keyword(std::string_view name) {
  static constexpr Keyword kVendor{"x-", Shape::annotation};
  if (name.starts_with(kVendor.name)) return &kVendor;
  auto it = std::ranges::find(kKeywords, name, &Keyword::name);
  return it == std::end(kKeywords) ? nullptr : &*it;
}

std::string_view complaint_about(KeywordShape shape, const nlohmann::ordered_json& value) {
  auto is_count = [&] { return value.is_number_integer() && value >= 0 && value < Grammar::kUnbounded; };
  switch (shape) {
    case Shape::annotation:
    case Shape::value:
      return {};
    case Shape::type_names:
      return is_text(value) || (is_list_of(value, is_text) && !value.empty()) ? ""
                                                                              : "must name one or more types";
    case Shape::values:
      return value.is_array() && !value.empty() ? "" : "must be a list of one or more values";
    case Shape::count:
      return is_count() ? "" : "must be an integer in 0 .. 4294967294";
    case Shape::number:
      return value.is_number() ? "" : "must be a number";
    case Shape::text:
      return is_text(value) ? "" : "must be a string";
    case Shape::texts:
      return is_list_of(value, is_text) ? "" : "must be a list of strings";
    case Shape::schema:
      return is_schema(value) ? "" : "must be a schema, an object or a boolean";
    case Shape::schema_or_schemas:
      return is_schema(value) || (is_list_of(value, is_schema) && !value.empty())
                 ? ""
                 : "must be a schema, or a list of one or more";
    case Shape::schemas:
      return is_list_of(value, is_schema) && !value.empty() ? "" : "must be a list of one or more schemas";
    case Shape::schema_map:
      return value.is_object() && std::all_of(value.begin(), value.end(), is_schema)
                 ? ""
                 : "must be an object whose values are schemas";
    case Shape::flag:
      return value.is_boolean() ? "" : "must be true or false";
  }
  return {};
}

std::optional<unsigned> type_named(std::string_view name) {
  auto it = std::ranges::find(kTypes, name, &std::pair<std::string_view, unsigned>::first);
  return it == std::end(kTypes) ? std::nullopt : std::optional(it->second);
}

}  // namespace verbatim
