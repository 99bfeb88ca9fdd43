#include "constrain/json_grammar.h"

#include <algorithm>
#include <map>
#include <utility>

#include "constrain/configurations.h"
#include "constrain/json_spelling.h"
#include "constrain/schema.h"

namespace verbatim {
namespace {

constexpr std::size_t kMostParts = 500'000;  // of the grammar: nodes and edges, about 40 MB
constexpr std::size_t kMostOptional = 400;   // properties in a row: a text may stand before each of them
constexpr std::size_t kMostDepth = 200;      // of the schema as a JSON text

// Without recursion, so that whoever comes after may recurse.
bool is_deeper_than(const OrderedJson& json, std::size_t most) {
  std::vector<std::pair<const OrderedJson*, std::size_t>> todo = {{&json, 1}};
  while (!todo.empty()) {
    const auto [value, depth] = todo.back();
    todo.pop_back();
    if (depth > most) return true;
    if (!value->is_structured()) continue;
    for (const OrderedJson& inside : *value) todo.push_back({&inside, depth + 1});
  }
  return false;
}

// A rule for each list of schemas that some value must satisfy. Rules are made one after another from a list
// of those still wanted, so deep and recursive schemas need no deep calls.
class GrammarMaker {
 public:
  // A fragment. After a complaint: any.
  NodeId document(const OrderedJson& schema, std::string_view name, NodeId next) {
    reader_.enter(schema, name);
    root_ = {&schema};
    const NodeId start = value(root_);
    make_wanted();
    return next == Grammar::kEnd ? start : grammar_.call(start, next);
  }

  NodeId forms(const OrderedJson& list) {
    std::vector<JsonSpelling::Beginning> beginnings;
    for (const OrderedJson& form : list) {
      const NodeId after = grammar_.literal(form.value("after", ""), Grammar::kEnd);
      const std::string name = fmt::format("JSON schema {}", beginnings.size());
      beginnings.push_back({form.value("before", ""), document(form.at("schema"), name, after)});
    }
    return spelling_.one_of(std::move(beginnings));
  }

  Result<Grammar> finish(NodeId start) && {
    if (!reader_.status().ok()) return reader_.status().error();
    Grammar made;
    if (!std::move(grammar_).finish(start, spelling_.any_character(), made))
      return fail("JSON schema: '#' is satisfied by no value");
    return made;
  }

 private:
  void make_wanted() {
    while (!wanted_.empty() && reader_.status().ok()) {
      const auto [schemas, rule] = std::move(wanted_.back());
      wanted_.pop_back();
      std::vector<NodeId> choices;
      for (const Schemas& way : reader_.expand(schemas)) {
        add_choices(way, choices);
        if (grammar_.size() > kMostParts)
          reader_.refuse(root_[0], "", "makes a grammar that is too large; make limits and lists smaller");
        if (!reader_.status().ok()) return;
      }
      grammar_.define(rule, grammar_.split(std::move(choices)));
    }
  }

  // The rule for a value that satisfies all of these: also a fragment that ends a rule.
  NodeId value(const Schemas& schemas) {
    auto [it, added] = rules_.emplace(schemas, 0);
    if (added) {
      it->second = grammar_.reserve();
      wanted_.push_back({schemas, it->second});
    }
    return it->second;
  }

  void add_choices(const Schemas& way, std::vector<NodeId>& choices) {
    using namespace json_type;
    const Requirements r = reader_.requirements_of(way);
    if (!reader_.status().ok()) return;
    way_ = &way;
    if (r.values) return add_values(r, choices);
    if (r.types & kNull) choices.push_back(grammar_.literal("null", Grammar::kEnd));
    if (r.types & kBoolean) {
      choices.push_back(grammar_.literal("true", Grammar::kEnd));
      choices.push_back(grammar_.literal("false", Grammar::kEnd));
    }
    if (r.types & kInteger) choices.push_back(number(r.numbers));
    if (r.types & kString) choices.push_back(string(r));
    if (r.types & kArray) choices.push_back(grammar_.nested(array(r)));
    if (r.types & kObject) choices.push_back(grammar_.nested(object(r)));
  }

  void refuse(std::string_view complaint) {
    const Schemas& schemas = way_->empty() ? root_ : *way_;
    reader_.refuse(schemas[0], "", complaint);
  }

  // Other keywords beside enum and const choose among the strings; of other types they are not supported.
  void add_values(const Requirements& r, std::vector<NodeId>& choices) {
    const Configurations strings = r.restricted && (r.types & json_type::kString) != 0
                                       ? start_of(grammar_.nodes(), string(r))
                                       : Configurations();
    std::vector<JsonSpelling::Beginning> texts;
    for (const OrderedJson& value : *r.values) {
      const std::string text = value.is_structured() ? "" : JsonSpelling::scalar(value);
      const bool free = !r.restricted || value.is_null() || value.is_boolean();
      if (!free && !value.is_string())
        return refuse(
            "has enum or const beside keywords about numbers, arrays or objects; leave one of them out");
      if (!free && !accepts(strings, text)) continue;
      if (value.is_structured()) {
        choices.push_back(grammar_.nested(spelling_.constant(value, Grammar::kEnd)));
      } else {
        texts.push_back({text, Grammar::kEnd});
      }
    }
    if (!texts.empty()) choices.push_back(spelling_.one_of(std::move(texts)));
  }

  bool accepts(Configurations at, std::string_view text) const {
    for (char c : text) at = after(grammar_.nodes(), at, static_cast<std::uint8_t>(c));
    return outlook_of({.nodes = {}, .start = 0, .any_character = Grammar::kEnd}, at).may_end;
  }

  NodeId number(const NumberRange& range) {
    auto text = [](const std::optional<Bound>& b) {
      if (!b) return std::string("none");
      return fmt::format("{}{}.{}{}", b->value.negative ? "-" : "", b->value.whole, b->value.fraction,
                         b->exclusive ? "!" : "");
    };
    auto [it, added] =
        numbers_.emplace(fmt::format("{} {} {}", text(range.low), text(range.high), range.fractions), 0);
    if (added) it->second = number_in(grammar_, range, Grammar::kEnd);
    return it->second;
  }

  NodeId string(const Requirements& r) {
    if (r.least_length > r.most_length) return grammar_.reserve();  // there is none
    if (r.strings.empty()) return spelling_.free_string(r.least_length, r.most_length, Grammar::kEnd);
    CharDfa all = *r.strings[0];
    auto narrow = [&](const Result<CharDfa>& other) {
      Result<CharDfa> both =
          other.ok() ? CharDfa::intersection(all, *other, reader_.automaton_steps()) : other;
      if (!both.ok())
        return refuse("has patterns, formats and lengths that together need too large an automaton");
      all = std::move(*both);
    };
    for (std::size_t i = 1; i < r.strings.size(); ++i) narrow(*r.strings[i]);
    if (r.least_length > 0 || r.most_length != Grammar::kUnbounded)
      narrow(CharDfa::of_length(r.least_length, r.most_length));
    return spelling_.string_in(all, Grammar::kEnd);
  }

  // Item i, and what may follow it.
  NodeId item(const Requirements& r, std::size_t i, NodeId next) {
    return grammar_.call(value(i < r.first_items.size() ? r.first_items[i] : r.other_items), next);
  }

  // [ item , item ... ]: the first ones each in their place, the others repeated.
  NodeId array(const Requirements& r) {
    if (r.least_items > r.most_items) return grammar_.reserve();
    const NodeId close = grammar_.byte(']', Grammar::kEnd), spaced_close = spelling_.space(close);
    const std::size_t most = r.most_items, least = r.least_items;
    const std::size_t single = std::min(std::max<std::size_t>(r.first_items.size(), 1), most);
    const auto left = [&](std::uint32_t limit) {
      return limit == Grammar::kUnbounded
                 ? limit
                 : static_cast<std::uint32_t>(limit - std::min<std::size_t>(limit, single));
    };
    const NodeId another = grammar_.byte(',', spelling_.space(value(r.other_items)));
    NodeId rest = grammar_.repeat(another, left(r.least_items), left(r.most_items), spaced_close);
    for (std::size_t i = single; i-- > 0;) {
      // Before item i, i of them are there.
      NodeId here = item(r, i, rest);
      if (i > 0) here = grammar_.byte(',', spelling_.space(here));
      rest = i < least ? here : grammar_.split({here, i == 0 ? close : spaced_close});
    }
    return grammar_.byte('[', spelling_.space(single == 0 ? close : rest));
  }

  // { "name": value, ... }: properties in their order, where those not required may be left out, then others.
  // From the last to the first, with two nodes each: nothing written yet, and something written.
  NodeId object(const Requirements& r) {
    const NodeId close = grammar_.byte('}', Grammar::kEnd), spaced_close = spelling_.space(close);
    NodeId none = close, some = spaced_close;
    if (r.open) {
      const NodeId other = other_member(r);
      const NodeId another = grammar_.byte(',', spelling_.space(other));
      some = grammar_.repeat(another, 0, Grammar::kUnbounded, spaced_close);
      none = grammar_.optional(grammar_.call(other, some), close);
    }
    std::size_t optional_in_a_row = 0;
    for (auto it = r.properties.rbegin(); it != r.properties.rend(); ++it) {
      const NodeId member =
          grammar_.literal(JsonSpelling::scalar(it->first) + ":", spelling_.space(value(it->second)));
      const bool required = std::ranges::binary_search(r.required, it->first);
      const NodeId first = grammar_.call(member, some);
      const NodeId later = grammar_.byte(',', spelling_.space(grammar_.call(member, some)));
      none = required ? first : grammar_.optional(first, none);
      some = required ? later : grammar_.optional(later, some);
      optional_in_a_row = required ? 0 : optional_in_a_row + 1;
      if (optional_in_a_row > kMostOptional)
        refuse(fmt::format("has more than {} optional properties in a row", kMostOptional));
    }
    return grammar_.byte('{', spelling_.space(none));
  }

  // A member whose name is none of the properties.
  NodeId other_member(const Requirements& r) {
    const NodeId colon = grammar_.byte(':', spelling_.space(value(r.other_properties)));
    if (r.properties.empty()) return spelling_.free_string(0, Grammar::kUnbounded, colon);
    std::vector<std::string> names;
    for (const auto& [name, schemas] : r.properties) names.push_back(name);
    return spelling_.string_in(CharDfa::all_but(names), colon);
  }

  GrammarBuilder grammar_;
  JsonSpelling spelling_{grammar_};
  SchemaReader reader_;
  Schemas root_;                  // of the document that is being made
  const Schemas* way_ = nullptr;  // that is being made
  std::map<Schemas, NodeId> rules_;
  std::map<std::string, NodeId> numbers_;
  std::vector<std::pair<Schemas, NodeId>> wanted_;
};

Status check_document(const OrderedJson& schema, std::string_view name) {
  if (!schema.is_object() && !schema.is_boolean()) return fail("{}: '#' must be an object", name);
  if (is_deeper_than(schema, kMostDepth)) return fail("{}: '#' is nested deeper than {}", name, kMostDepth);
  return {};
}

Status check_form(const OrderedJson& form, std::string_view name) {
  if (!form.is_object() || !form.contains("schema")) return fail("{}: the form has no schema", name);
  for (const auto& [key, value] : form.items())
    if (key != "schema" && !((key == "before" || key == "after") && value.is_string()))
      return fail("{}: the form has a strange '{}'", name, key);
  return check_document(form["schema"], name);
}

}  // namespace

Result<Grammar> json_grammar(const nlohmann::ordered_json& schema) {
  GrammarMaker maker;
  if (!schema.is_array()) {
    constexpr std::string_view kName = "JSON schema";
    if (Status good = check_document(schema, kName); !good.ok()) return good.error();
    const NodeId start = maker.document(schema, kName, Grammar::kEnd);
    return std::move(maker).finish(start);
  }
  if (schema.empty()) return fail("JSON schema: a list of forms is empty");
  for (std::size_t i = 0; i < schema.size(); ++i)
    if (Status good = check_form(schema[i], fmt::format("JSON schema {}", i)); !good.ok())
      return good.error();
  const NodeId start = maker.forms(schema);
  return std::move(maker).finish(start);
}

}  // namespace verbatim
