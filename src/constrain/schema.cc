#include "constrain/schema.h"

#include <algorithm>
#include <cmath>
#include <unordered_set>

#include "constrain/formats.h"
#include "constrain/pattern.h"
#include "constrain/schema_keywords.h"

namespace verbatim {
namespace {

constexpr std::size_t kMostSteps = 50'000;  // of expand(), in one schema
constexpr std::size_t kMostWays = 256;      // of one value
constexpr std::size_t kMostForks = 64;      // anyOf inside one another, at one value
constexpr std::size_t kMostPath = 100;      // of $ref and allOf, at one value
constexpr std::size_t kMostPatterns = 100;  // different ones, formats included
constexpr std::size_t kMostMerged = 1'000;  // schemas that hold for one value
constexpr std::size_t kMostItems = 2'000;   // of a tuple
constexpr std::size_t kFewMembers = 16;     // which are found by a look at each

bool contains(const Schemas& schemas, const OrderedJson* schema) {
  return std::ranges::find(schemas, schema) != schemas.end();
}

std::string escape_pointer(std::string_view key) {  // RFC 6901, section 3
  std::string escaped;
  for (char c : key) escaped += c == '~' ? "~0" : c == '/' ? "~1" : std::string(1, c);
  return escaped;
}

std::string unescape_pointer(std::string_view token) {
  std::string plain;
  for (std::size_t i = 0; i < token.size(); ++i) {
    const std::string_view two = token.substr(i, 2);
    if (two == "~0" || two == "~1") {
      plain += two == "~0" ? '~' : '/';
      ++i;
    } else {
      plain += token[i];
    }
  }
  return plain;
}

// %HH in the fragment of a URI
std::string percent_decode(std::string_view text) {
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const std::string digits(text.substr(std::min(i + 1, text.size()), 2));
    const bool encoded = text[i] == '%' && digits.size() == 2 &&
                         digits.find_first_not_of("0123456789abcdefABCDEF") == std::string::npos;
    plain += encoded ? static_cast<char>(std::stoi(digits, nullptr, 16)) : text[i];
    if (encoded) i += 2;
  }
  return plain;
}

unsigned type_of(const OrderedJson& value) {
  using namespace json_type;
  switch (value.type()) {
    case OrderedJson::value_t::null:
      return kNull;
    case OrderedJson::value_t::boolean:
      return kBoolean;
    case OrderedJson::value_t::string:
      return kString;
    case OrderedJson::value_t::array:
      return kArray;
    case OrderedJson::value_t::object:
      return kObject;
    case OrderedJson::value_t::number_float:  // 1.0 is an integer
      return std::trunc(value.get<double>()) == value.get<double>() ? kInteger : kFraction;
    default:
      return kInteger;
  }
}

// Equal for equal values: 1 and 1.0 are, and objects whose members differ in their order.
std::string comparable(const OrderedJson& value) {
  if (value.is_number_float() && type_of(value) == json_type::kInteger) {
    const auto whole = static_cast<std::int64_t>(value.get<double>());
    if (OrderedJson(whole) == value) return std::to_string(whole);
  }
  return nlohmann::json(value).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace

void SchemaReader::enter(const OrderedJson& root, std::string_view name) {
  root_ = &root, name_ = name;
  where_[&root] = "#";
}

void SchemaReader::refuse(const OrderedJson* schema, std::string_view keyword, std::string_view complaint) {
  if (!status_.ok()) return;
  const std::string place = where_[schema] + (keyword.empty() ? "" : "/" + escape_pointer(keyword));
  status_ = fail("{}: '{}' {}", name_, place, complaint);
}

void SchemaReader::check(const OrderedJson* schema) {
  for (const auto& [name, value] : schema->items()) {
    const Keyword* keyword = find_keyword(name);
    if (keyword == nullptr) return refuse(schema, name, "is not a supported keyword; take it out");
    if (name == "$id" && schema != root_) return refuse(schema, name, "is supported at the root only");
    if (std::string_view complaint = complaint_about(keyword->shape, value); !complaint.empty())
      return refuse(schema, name, complaint);
  }
}

const OrderedJson* SchemaReader::find(const OrderedJson* object, std::string_view key) {
  if (object->size() <= kFewMembers) {
    auto it = object->find(std::string(key));
    return it == object->end() ? nullptr : &*it;
  }
  auto [members, added] = members_.try_emplace(object);
  if (added)
    for (const auto& [name, value] : object->items()) members->second.emplace(name, &value);
  auto it = members->second.find(key);
  return it == members->second.end() ? nullptr : it->second;
}

const OrderedJson* SchemaReader::child(const OrderedJson* parent, std::string_view keyword) {
  const OrderedJson* value = find(parent, keyword);
  if (!where_.contains(value)) where_[value] = fmt::format("{}/{}", where_[parent], keyword);
  return value;
}

const OrderedJson* SchemaReader::child(const OrderedJson* parent, std::string_view keyword,
                                       std::string_view key) {
  const OrderedJson* value = find(find(parent, keyword), key);
  if (value != nullptr && !where_.contains(value))
    where_[value] = fmt::format("{}/{}/{}", where_[parent], keyword, escape_pointer(key));
  return value;
}

Schemas SchemaReader::children(const OrderedJson* parent, std::string_view keyword) {
  Schemas all;
  const OrderedJson* list = find(parent, keyword);
  if (list == nullptr) return all;
  for (const OrderedJson& value : *list) {
    if (!where_.contains(&value))
      where_[&value] = fmt::format("{}/{}/{}", where_[parent], keyword, all.size());
    all.push_back(&value);
  }
  return all;
}

// nullptr after a complaint
const OrderedJson* SchemaReader::resolve(const OrderedJson* schema) {
  const std::string& ref = find(schema, "$ref")->get_ref<const std::string&>();
  const std::string pointer = ref.starts_with('#') ? percent_decode(std::string_view(ref).substr(1)) : "";
  if (!ref.starts_with('#') || (!pointer.empty() && pointer[0] != '/')) {
    refuse(schema, "$ref",
           fmt::format("is '{}'; only references into this schema ('#/...') are supported", ref));
    return nullptr;
  }
  const OrderedJson* at = root_;
  for (std::size_t begin = 0; at != nullptr && begin < pointer.size();) {
    const std::size_t end = std::min(pointer.find('/', begin + 1), pointer.size());
    const std::string token = unescape_pointer(std::string_view(pointer).substr(begin + 1, end - begin - 1));
    begin = end;
    if (at->is_array()) {
      const bool number =
          !token.empty() && token.size() < 8 && token.find_first_not_of("0123456789") == std::string::npos;
      const std::size_t index = number ? std::stoul(token) : at->size();
      at = index < at->size() ? &(*at)[index] : nullptr;
    } else {
      at = at->is_object() ? find(at, token) : nullptr;
    }
  }
  if (at == nullptr || !(at->is_object() || at->is_boolean())) {
    refuse(schema, "$ref", fmt::format("is '{}', where there is no schema", ref));
    return nullptr;
  }
  where_.emplace(at, ref);
  return at;
}

std::vector<Schemas> SchemaReader::expand(const Schemas& schemas) {
  std::vector<Step> todo;
  for (auto it = schemas.rbegin(); it != schemas.rend(); ++it) todo.push_back({*it, {}});
  std::vector<Schemas> ways;
  expand(std::move(todo), {}, {}, 0, ways);
  return ways;
}

void SchemaReader::expand(std::vector<Step> todo, Schemas done, std::vector<Fork> forks, std::size_t depth,
                          std::vector<Schemas>& ways) {
  while (!todo.empty() && status_.ok()) {
    Step step = std::move(todo.back());
    todo.pop_back();
    const OrderedJson* schema = step.schema;
    if (schema->is_boolean()) {
      if (!schema->get<bool>()) return;  // nothing satisfies `false`
      continue;
    }
    if (contains(step.path, schema))
      return refuse(schema, "", "leads back to itself without an array or object between");
    if (contains(done, schema)) continue;
    if (++steps_ > kMostSteps || step.path.size() > kMostPath || depth > kMostForks ||
        done.size() >= kMostMerged)
      return refuse(schema, "", "combines too many $ref, allOf and anyOf; simplify it");
    check(schema);
    if (!status_.ok()) return;
    done.push_back(schema);
    step.path.push_back(schema);
    look_into(step, todo, forks);
  }
  if (!status_.ok()) return;
  if (forks.empty()) {
    if (ways.size() == kMostWays && !done.empty())
      return refuse(done[0], "", fmt::format("has more than {} alternatives", kMostWays));
    ways.push_back(std::move(done));
    return;
  }
  const Fork fork = std::move(forks.back());
  forks.pop_back();
  for (const OrderedJson* choice : fork.choices) expand({{choice, fork.path}}, done, forks, depth + 1, ways);
}

// Puts what else must hold on the lists.
void SchemaReader::look_into(const Step& step, std::vector<Step>& todo, std::vector<Fork>& forks) {
  Schemas all = children(step.schema, "allOf");
  if (find(step.schema, "$ref") != nullptr) {
    const OrderedJson* target = resolve(step.schema);
    if (target == nullptr) return;
    all.insert(all.begin(), target);
  }
  for (auto it = all.rbegin(); it != all.rend(); ++it) todo.push_back({*it, step.path});
  for (std::string_view keyword : {"anyOf", "oneOf"}) {
    Schemas choices = children(step.schema, keyword);
    if (!choices.empty()) forks.push_back({std::move(choices), step.path});
  }
}

Requirements SchemaReader::requirements_of(const Schemas& schemas) {
  Requirements r;
  for (const OrderedJson* schema : schemas) {
    const unsigned types = types_of(schema);
    r.types &= types;
    for (const auto& [name, value] : schema->items()) r.restricted |= find_keyword(name)->types != 0;
    read_values(schema, r);
    read_string(schema, types, r);
    read_number(schema, r);
  }
  r.numbers.fractions = (r.types & json_type::kFraction) != 0;
  read_array(schemas, r);
  read_object(schemas, r);
  return r;
}

// Without `type`, a schema is about the types that its keywords are about.
unsigned SchemaReader::types_of(const OrderedJson* schema) {
  unsigned types = 0;
  const OrderedJson* type = find(schema, "type");
  if (type == nullptr) {
    for (const auto& [name, value] : schema->items())
      if (name != "format" || pattern_of_format(value.get_ref<const std::string&>()) != nullptr)
        types |= find_keyword(name)->types;
    return types == 0 ? json_type::kAny : types;
  }
  const OrderedJson names = type->is_array() ? *type : OrderedJson::array({*type});
  for (const OrderedJson& name : names) {
    const std::optional<unsigned> bits = type_named(name.get_ref<const std::string&>());
    if (!bits)
      refuse(schema, "type", fmt::format("names '{}', which is no type", name.get_ref<const std::string&>()));
    types |= bits.value_or(0);
  }
  return types;
}

void SchemaReader::read_values(const OrderedJson* schema, Requirements& r) {
  for (std::string_view keyword : {"enum", "const"}) {
    const OrderedJson* given = find(schema, keyword);
    if (given == nullptr) continue;
    std::vector<OrderedJson> values;
    if (keyword == "const") {
      values = {*given};
    } else {
      values.assign(given->begin(), given->end());
    }
    if (r.values) {
      std::unordered_set<std::string> before;
      for (const OrderedJson& value : *r.values) before.insert(comparable(value));
      std::erase_if(values, [&](const OrderedJson& value) { return !before.contains(comparable(value)); });
    }
    r.values = std::move(values);
  }
  if (r.values) std::erase_if(*r.values, [&](const OrderedJson& v) { return (type_of(v) & r.types) == 0; });
}

std::optional<std::uint32_t> SchemaReader::count(const OrderedJson* schema, std::string_view keyword) {
  const OrderedJson* value = find(schema, keyword);
  return value == nullptr ? std::nullopt : std::optional(value->get<std::uint32_t>());
}

void SchemaReader::read_string(const OrderedJson* schema, unsigned types, Requirements& r) {
  r.least_length = std::max(r.least_length, count(schema, "minLength").value_or(0));
  r.most_length = std::min(r.most_length, count(schema, "maxLength").value_or(Grammar::kUnbounded));
  if ((types & json_type::kString) == 0)
    return;  // a format of numbers, such as OpenAPI's int32, says nothing more
  if (const OrderedJson* pattern = find(schema, "pattern"))
    r.strings.push_back(strings_matching(schema, "pattern", pattern->get_ref<const std::string&>()));
  if (const OrderedJson* format = find(schema, "format")) {
    const std::string& name = format->get_ref<const std::string&>();
    if (const std::string* pattern = pattern_of_format(name))
      r.strings.push_back(strings_matching(schema, "format", *pattern));
  }
}

const CharDfa* SchemaReader::strings_matching(const OrderedJson* schema, std::string_view keyword,
                                              const std::string& pattern) {
  auto [it, added] = patterns_.emplace(pattern, CharDfa{.states = std::vector<CharDfa::State>(1)});
  if (!added) return &it->second;
  if (patterns_.size() > kMostPatterns)
    refuse(schema, keyword, fmt::format("is one of more than {} different patterns", kMostPatterns));
  if (!status_.ok()) return &it->second;
  Result<CharDfa> dfa = compile_pattern(pattern, automaton_steps_);
  if (!dfa.ok()) {
    refuse(schema, keyword, fmt::format("is refused: {}", dfa.error().message));
  } else {
    it->second = std::move(*dfa);
  }
  return &it->second;
}

void SchemaReader::read_number(const OrderedJson* schema, Requirements& r) {
  for (std::string_view keyword : {"minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum"}) {
    const OrderedJson* given = find(schema, keyword);
    if (given == nullptr) continue;
    const std::optional<Decimal> value = Decimal::from(*given);
    if (!value)
      return refuse(schema, keyword, "is too far from zero, or too near to it, to be written in digits");
    const Bound bound{*value, keyword.starts_with("exclusive")};
    keyword.ends_with("inimum") ? r.numbers.at_least(bound) : r.numbers.at_most(bound);
  }
  if (const OrderedJson* given = find(schema, "multipleOf")) {
    const std::optional<Decimal> step = Decimal::from(*given);
    if (!step || !r.numbers.multiple_of(*step))
      refuse(schema, "multipleOf", "must be above zero, and neither very large nor very fine");
  }
}

void SchemaReader::read_array(const Schemas& schemas, Requirements& r) {
  struct Items {
    Schemas first;
    const OrderedJson* others = nullptr;
  };
  std::vector<Items> all;
  for (const OrderedJson* schema : schemas) {
    const OrderedJson* items = find(schema, "items");
    const bool old_tuple = items != nullptr && items->is_array();  // before draft 2020-12
    const char* rest = old_tuple ? "additionalItems" : "items";
    all.push_back({children(schema, old_tuple ? "items" : "prefixItems"),
                   find(schema, rest) == nullptr ? nullptr : child(schema, rest)});
    const Items& own = all.back();
    if (own.first.size() > kMostItems)
      return refuse(schema, "", fmt::format("is a tuple of more than {} items", kMostItems));
    r.first_items.resize(std::max(r.first_items.size(), own.first.size()));
    r.least_items = std::max(r.least_items, count(schema, "minItems").value_or(0));
    r.most_items = std::min(r.most_items, count(schema, "maxItems").value_or(Grammar::kUnbounded));
    if (own.others == nullptr && !own.first.empty())  // a tuple that ends
      r.most_items = std::min(r.most_items, static_cast<std::uint32_t>(own.first.size()));
    if (own.others != nullptr) r.other_items.push_back(own.others);
    const OrderedJson* unique = find(schema, "uniqueItems");
    if (unique != nullptr && unique->get<bool>()) r.unique = schema;
  }
  for (const Items& own : all)
    for (std::size_t i = 0; i < r.first_items.size(); ++i) {
      if (i < own.first.size()) r.first_items[i].push_back(own.first[i]);
      if (i >= own.first.size() && own.others != nullptr) r.first_items[i].push_back(own.others);
    }
}

}  // namespace verbatim
