// Schemas: JSON Schema (draft 2020-12, a subset) read keyword by keyword, and what it asks of one value.
//
// A value must satisfy a list of schemas, all of them: a schema with the targets of its $ref and allOf, or
// what several allOf branches say of one property. expand() turns a list with anyOf in it into alternatives
// without; requirements_of() merges one alternative. docs/structured-output.md says what each keyword means
// here. Every keyword is read, is an annotation, or is refused by name with its place.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/result.h"
#include "constrain/char_dfa.h"
#include "constrain/grammar.h"
#include "constrain/number_range.h"
#include "json/library.h"

namespace verbatim {

using OrderedJson = nlohmann::ordered_json;
using Schemas = std::vector<const OrderedJson*>;  // all of which hold

namespace json_type {
inline constexpr unsigned kNull = 1, kBoolean = 2, kInteger = 4, kFraction = 8, kString = 16, kArray = 32,
                          kObject = 64, kNumber = kInteger | kFraction, kAny = 127;
}

// What one value must be. Limits that the schema does not give are the widest ones.
struct Requirements {
  unsigned types = json_type::kAny;
  std::optional<std::vector<OrderedJson>> values;  // one of these
  bool restricted = false;                         // some keyword besides type, enum and const was read

  std::uint32_t least_length = 0, most_length = Grammar::kUnbounded;  // of a string, in characters
  std::vector<const CharDfa*> strings;                                // it is in all of these

  NumberRange numbers;

  std::uint32_t least_items = 0, most_items = Grammar::kUnbounded;
  std::vector<Schemas> first_items;
  Schemas other_items;
  const OrderedJson* unique = nullptr;  // that asks for items that differ; nullptr: none does

  std::vector<std::pair<std::string, Schemas>> properties;  // in the order in which they are written
  std::vector<std::string> required;                        // all of them are in `properties`
  // Names that may follow, in groups without a common one. nullopt: any name.
  struct OtherNames {
    std::optional<CharDfa> names;
    Schemas values;
  };
  std::vector<OtherNames> others;
  std::uint32_t least_members = 0, most_members = Grammar::kUnbounded;
};

class SchemaReader {
 public:
  // From here on, reads the schemas of this document, which must outlive the reader. `name` is for complaints.
  void enter(const OrderedJson& root, std::string_view name);

  // The first complaint.
  const Status& status() const { return status_; }

  // The ways to satisfy all of these schemas.  After a complaint: what was found until then.
  std::vector<Schemas> expand(const Schemas& schemas);
  // REQUIRES: schemas is one of expand()'s results
  Requirements requirements_of(const Schemas& schemas);

  // Complains about a keyword of a schema, or (empty) about the schema itself.
  void refuse(const OrderedJson* schema, std::string_view keyword, std::string_view complaint);

  // What is left to spend on the automata of patterns (char_dfa.h): about 0.2 s in all.
  std::size_t& automaton_steps() { return automaton_steps_; }
  // The strings that the requirements ask for, but for their lengths. nullopt: any.  After a complaint: any.
  std::optional<CharDfa> strings_of(const Requirements& r);

 private:
  // Schemas still to look into, each with the schemas that led to it.
  struct Step {
    const OrderedJson* schema = nullptr;
    Schemas path;
  };

  // Of patternProperties.
  struct NamePattern {
    const OrderedJson* schema = nullptr;  // that holds it
    const CharDfa* names = nullptr;
    const OrderedJson* value = nullptr;
  };

  // A schema must hold, and one of these.
  struct Fork {
    Schemas choices, path;
  };

  void expand(std::vector<Step> todo, Schemas done, std::vector<Fork> forks, std::size_t depth,
              std::vector<Schemas>& ways);
  void look_into(const Step& step, std::vector<Step>& todo, std::vector<Fork>& forks);
  void check(const OrderedJson* schema);
  // The schemas under a keyword, which must be there: the value itself, or those in its list.
  const OrderedJson* child(const OrderedJson* parent, std::string_view keyword);
  const OrderedJson* child(const OrderedJson* parent, std::string_view keyword, std::string_view key);
  // nullptr: absent. As fast for large objects as for small ones.
  const OrderedJson* find(const OrderedJson* object, std::string_view key);
  Schemas children(const OrderedJson* parent, std::string_view keyword);
  const OrderedJson* resolve(const OrderedJson* schema);

  unsigned types_of(const OrderedJson* schema);
  void read_values(const OrderedJson* schema, Requirements& r);
  void read_string(const OrderedJson* schema, unsigned types, Requirements& r);
  void read_number(const OrderedJson* schema, Requirements& r);
  void read_array(const Schemas& schemas, Requirements& r);
  // object_members.cc
  void read_object(const Schemas& schemas, Requirements& r);
  void name_properties(const Schemas& schemas, Requirements& r);
  void read_others(const Schemas& schemas, const std::vector<NamePattern>& patterns,
                   const std::optional<CharDfa>& allowed, Requirements& r);
  std::vector<NamePattern> name_patterns(const Schemas& schemas);
  Schemas values_of(const Schemas& schemas, const std::vector<NamePattern>& patterns,
                    const std::vector<bool>& matches, const std::string* name);
  std::optional<CharDfa> allowed_names(const Schemas& schemas);
  std::optional<CharDfa> name_strings(const Schemas& names);
  CharDfa both(const CharDfa& a, const CharDfa& b);
  std::optional<std::uint32_t> count(const OrderedJson* schema, std::string_view keyword);
  const CharDfa* strings_matching(const OrderedJson* schema, std::string_view keyword,
                                  const std::string& pattern);

  const OrderedJson* root_ = nullptr;
  std::string name_;
  Status status_;
  std::unordered_map<const OrderedJson*, std::unordered_map<std::string_view, const OrderedJson*>> members_;
  std::map<const OrderedJson*, std::string> where_;  // JSON pointers of the schemas that were met
  std::map<std::string, CharDfa> patterns_;
  std::size_t steps_ = 0, automaton_steps_ = 2'000'000;
};

}  // namespace verbatim
