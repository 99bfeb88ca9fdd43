// What schemas ask of the members of an object: the names that are known, the names that are patterns, the others.
#include <algorithm>
#include <set>

#include "constrain/pattern.h"
#include "constrain/schema.h"

namespace verbatim {
namespace {

constexpr std::size_t kMostNameBytes = 100'000;  // of one object
constexpr std::size_t kMostNames = 2'000;        // of one object
constexpr std::size_t kMostNamePatterns = 16;    // of one object
constexpr std::size_t kMostNameGroups = 64;      // of names, by the patterns that they match

const OrderedJson& no_value() {
  static const OrderedJson nothing = false;
  return nothing;
}

bool have_none(const Schemas& values) {
  return std::ranges::any_of(values, [](const OrderedJson* value) { return *value == false; });
}

}  // namespace

// After a complaint: any.
CharDfa SchemaReader::both(const CharDfa& a, const CharDfa& b) {
  Result<CharDfa> common = CharDfa::intersection(a, b, automaton_steps_);
  if (common.ok()) return *std::move(common);
  refuse(root_, "", "has patterns, formats and lengths that together need too large an automaton");
  return a;
}

std::optional<CharDfa> SchemaReader::strings_of(const Requirements& r) {
  std::optional<CharDfa> all;
  for (const CharDfa* strings : r.strings) all = all ? both(*all, *strings) : *strings;
  return all;
}

// The names that satisfy all of these schemas. nullopt: any.
std::optional<CharDfa> SchemaReader::name_strings(const Schemas& names) {
  std::optional<CharDfa> none_of;  // of the ways, so far
  for (const Schemas& way : expand(names)) {
    if (!status_.ok()) break;
    const Requirements r = requirements_of(way);
    if ((r.types & json_type::kString) == 0) continue;
    std::optional<CharDfa> strings = strings_of(r);
    auto narrow = [&](const CharDfa& other) { strings = strings ? both(*strings, other) : other; };
    if (r.values) {
      std::vector<std::string> words;
      for (const OrderedJson& value : *r.values)
        if (value.is_string()) words.push_back(value.get<std::string>());
      narrow(CharDfa::of_words(words));
    }
    if (r.least_length > 0 || r.most_length != Grammar::kUnbounded) {
      const Result<CharDfa> length = CharDfa::of_length(r.least_length, r.most_length);
      if (!length.ok()) refuse(names[0], "", "limits the lengths of names to too large a number");
      if (length.ok()) narrow(*length);
    }
    if (!strings) return std::nullopt;
    none_of = none_of ? both(*none_of, strings->complement()) : strings->complement();
  }
  return none_of ? none_of->complement() : CharDfa::of_words({});
}

std::optional<CharDfa> SchemaReader::allowed_names(const Schemas& schemas) {
  Schemas names;
  for (const OrderedJson* schema : schemas)
    if (find(schema, "propertyNames") != nullptr) names.push_back(child(schema, "propertyNames"));
  return names.empty() ? std::nullopt : name_strings(names);
}

std::vector<SchemaReader::NamePattern> SchemaReader::name_patterns(const Schemas& schemas) {
  std::vector<NamePattern> patterns;
  for (const OrderedJson* schema : schemas) {
    const OrderedJson* map = find(schema, "patternProperties");
    if (map == nullptr) continue;
    if (patterns.size() + map->size() > kMostNamePatterns) {
      refuse(schema, "patternProperties", fmt::format("has more than {} patterns", kMostNamePatterns));
      return {};
    }
    for (const auto& [pattern, value] : map->items())
      patterns.push_back({schema, strings_matching(schema, "patternProperties", pattern),
                          child(schema, "patternProperties", pattern)});
  }
  return patterns;
}

// What the value of a name must satisfy, which matches some patterns, and may be a known name.
Schemas SchemaReader::values_of(const Schemas& schemas, const std::vector<NamePattern>& patterns,
                                const std::vector<bool>& matches, const std::string* name) {
  Schemas values;
  for (const OrderedJson* schema : schemas) {
    bool listed = false;
    auto add = [&](const OrderedJson* value) {
      values.push_back(value);
      listed = true;
    };
    if (name != nullptr && find(schema, "properties") != nullptr)
      if (const OrderedJson* value = child(schema, "properties", *name)) add(value);
    for (std::size_t i = 0; i < patterns.size(); ++i)
      if (matches[i] && patterns[i].schema == schema) add(patterns[i].value);
    if (!listed && find(schema, "additionalProperties") != nullptr)
      add(child(schema, "additionalProperties"));
  }
  return values;
}

// Known names, in the order of their appearance: those of `properties`, then those of `required` alone.
void SchemaReader::name_properties(const Schemas& schemas, Requirements& r) {
  std::set<std::string> names, required;
  std::size_t bytes = 0;
  auto name = [&](const std::string& key) {
    if (names.size() <= kMostNames && names.insert(key).second) {
      r.properties.push_back({key, {}});
      bytes += key.size();
    }
  };
  for (const OrderedJson* schema : schemas)
    if (const OrderedJson* properties = find(schema, "properties"))
      for (const auto& [key, value] : properties->items()) name(key);
  for (const OrderedJson* schema : schemas) {
    const OrderedJson* keys = find(schema, "required");
    if (keys == nullptr) continue;
    for (const OrderedJson& key : *keys) {
      name(key.get_ref<const std::string&>());
      required.insert(key.get_ref<const std::string&>());
    }
  }
  if (names.size() > kMostNames)
    refuse(schemas[0], "", fmt::format("has more than {} properties", kMostNames));
  if (bytes > kMostNameBytes) refuse(schemas[0], "", "has names of properties that are too long together");
  r.required.assign(required.begin(), required.end());
}

void SchemaReader::read_object(const Schemas& schemas, Requirements& r) {
  for (const OrderedJson* schema : schemas) {
    r.least_members = std::max(r.least_members, count(schema, "minProperties").value_or(0));
    r.most_members = std::min(r.most_members, count(schema, "maxProperties").value_or(Grammar::kUnbounded));
  }
  name_properties(schemas, r);
  const std::vector<NamePattern> patterns = name_patterns(schemas);
  const std::optional<CharDfa> allowed = allowed_names(schemas);
  if (!status_.ok()) return;
  for (auto& [name, values] : r.properties) {
    std::vector<bool> matches;
    for (const NamePattern& pattern : patterns) matches.push_back(pattern.names->accepts(name));
    values = values_of(schemas, patterns, matches, &name);
    if (allowed && !allowed->accepts(name)) values.push_back(&no_value());
  }
  read_others(schemas, patterns, allowed, r);
  std::erase_if(r.properties, [&](const auto& property) {  // they can only be left out
    return have_none(property.second) && !std::ranges::binary_search(r.required, property.first);
  });
}

// Other names, in groups that match the same patterns.
void SchemaReader::read_others(const Schemas& schemas, const std::vector<NamePattern>& patterns,
                               const std::optional<CharDfa>& allowed, Requirements& r) {
  bool closed = false, others = false;
  for (const OrderedJson* schema : schemas) {
    closed |= find(schema, "properties") != nullptr || find(schema, "patternProperties") != nullptr;
    others |= find(schema, "additionalProperties") != nullptr;
  }
  const bool open = others || !closed;
  if (patterns.empty() && !open) return;

  struct Group {
    std::optional<CharDfa> names;
    std::vector<bool> matches;
  };
  std::vector<std::string> known;
  for (const auto& [name, values] : r.properties) known.push_back(name);
  std::optional<CharDfa> unknown = allowed;
  if (!known.empty()) {
    const CharDfa rest = CharDfa::of_words(known).complement();
    unknown = allowed ? both(*allowed, rest) : rest;
  }
  std::vector<Group> groups = {{std::move(unknown), {}}};
  for (const NamePattern& pattern : patterns) {
    std::vector<Group> finer;
    for (const Group& group : groups)
      for (const bool match : {true, false}) {
        const CharDfa side = match ? *pattern.names : pattern.names->complement();
        Group part{group.names ? both(*group.names, side) : side, group.matches};
        part.matches.push_back(match);
        if (!part.names->empty()) finer.push_back(std::move(part));
      }
    groups = std::move(finer);
    if (groups.size() > kMostNameGroups)
      refuse(pattern.schema, "patternProperties", "has patterns that overlap in too many ways");
    if (!status_.ok()) return;
  }
  for (Group& group : groups) {
    Schemas values = values_of(schemas, patterns, group.matches, nullptr);
    const bool named = open || std::ranges::find(group.matches, true) != group.matches.end();
    if (named && !have_none(values)) r.others.push_back({std::move(group.names), std::move(values)});
  }
}

}  // namespace verbatim
