#include "constrain/json_grammar.h"

#include <algorithm>
#include <map>
#include <utility>

#include "constrain/configurations.h"
#include "constrain/json_spelling.h"
#include "constrain/schema.h"

namespace verbatim {
namespace {

constexpr std::size_t kMostParts = 500'000;    // of the grammar: nodes and edges, about 40 MB
constexpr std::size_t kMostOptional = 400;     // properties in a row: a text may stand before each of them
constexpr std::size_t kMostDepth = 200;        // of the schema as a JSON text
constexpr std::size_t kMostUniqueItems = 100;  // that may be asked for: so many are always remembered
constexpr std::size_t kMostStructures = 256;   // arrays and objects of one enum

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
  // A fragment. After a complaint: any. object: the value is an object, whatever the schema allows.
  NodeId document(const OrderedJson& schema, std::string_view name, NodeId next, bool object = false) {
    static const OrderedJson any_object = {{"type", "object"}};
    reader_.enter(schema, name);
    root_ = {&schema};
    if (object) root_.push_back(&any_object);
    const NodeId start = value(root_);
    make_wanted();
    return next == Grammar::kEnd ? start : grammar_.call(start, next);
  }

  NodeId forms(const OrderedJson& list) {
    std::vector<JsonSpelling::Beginning> beginnings;
    for (const OrderedJson& form : list) {
      const NodeId after = grammar_.literal(form.value("after", ""), Grammar::kEnd);
      const std::string name = fmt::format("JSON schema {}", beginnings.size());
      const auto schema = form.find("schema");
      const NodeId value =
          schema == form.end() ? after : document(*schema, name, after, form.value("object", false));
      beginnings.push_back({form.value("before", ""), value});
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
  // What a rule is for.
  struct Key {
    Schemas schemas;
    const OrderedJson* unique = nullptr;
    friend auto operator<=>(const Key&, const Key&) = default;
  };

  void make_wanted() {
    while (!wanted_.empty() && reader_.status().ok()) {
      const auto [key, rule] = std::move(wanted_.back());
      wanted_.pop_back();
      unique_ = key.unique;
      std::vector<NodeId> choices;
      for (const Schemas& way : reader_.expand(key.schemas)) {
        add_choices(way, choices);
        if (!has_room_for(0) || !reader_.status().ok()) return;
      }
      grammar_.define(rule, grammar_.split(std::move(choices)));
    }
  }

  // The rule for a value that satisfies all of these: also a fragment that ends a rule.
  // unique: the schema whose uniqueItems asks for one spelling of each value; nullptr: none does
  NodeId value(const Schemas& schemas, const OrderedJson* unique = nullptr) {
    auto [it, added] = rules_.emplace(Key{schemas, unique}, 0);
    if (added) {
      it->second = grammar_.reserve();
      wanted_.push_back({it->first, it->second});
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
    if (unique_ != nullptr && (r.types & (kArray | kObject)) != 0) return refuse_structures();
    if (r.types & kInteger) choices.push_back(number(r.numbers));
    if (r.types & kString) choices.push_back(string(r));
    if (r.types & kArray) choices.push_back(grammar_.nested(array(r)));
    if (r.types & kObject) choices.push_back(grammar_.nested(object(r)));
  }

  bool has_room_for(std::size_t parts) {
    const bool fits = grammar_.size() + parts <= kMostParts;
    if (!fits)
      reader_.refuse(root_[0], "", "makes a grammar that is too large; make limits and lists smaller");
    return fits;
  }

  void refuse(std::string_view complaint) {
    const Schemas& schemas = way_->empty() ? root_ : *way_;
    reader_.refuse(schemas[0], "", complaint);
  }

  void refuse_structures() {
    reader_.refuse(
        unique_, "uniqueItems",
        "is true for items that may be arrays or objects, which are not compared; take it out, or give "
        "the items another type");
  }

  // Other keywords beside enum and const choose among the strings; of other types they are not supported.
  void add_values(const Requirements& r, std::vector<NodeId>& choices) {
    const Configurations strings = r.restricted && (r.types & json_type::kString) != 0
                                       ? start_of(grammar_.nodes(), string(r))
                                       : Configurations();
    std::vector<JsonSpelling::Beginning> texts;
    std::size_t structures = 0;
    for (const OrderedJson& value : *r.values) {
      const std::string text = value.is_structured() ? "" : JsonSpelling::scalar(value);
      const bool free = !r.restricted || value.is_null() || value.is_boolean();
      if (!free && !value.is_string())
        return refuse(
            "has enum or const beside keywords about numbers, arrays or objects; leave one of them out");
      if (!free && !accepts(strings, text)) continue;
      if (value.is_structured()) {
        if (unique_ != nullptr) return refuse_structures();
        if (++structures > kMostStructures)
          return refuse(fmt::format("has an enum of more than {} arrays and objects", kMostStructures));
        if (!has_room_for(2 * JsonSpelling::scalar(value).size())) return;
        choices.push_back(grammar_.nested(spelling_.constant(value, Grammar::kEnd)));
      } else {
        texts.push_back({text, Grammar::kEnd});
      }
    }
    std::ranges::sort(texts);
    std::size_t bytes = 0;  // that are not those of the text before
    for (std::size_t i = 0; i < texts.size(); ++i) {
      const std::string &text = texts[i].text, &before = texts[i == 0 ? 0 : i - 1].text;
      bytes += i == 0 ? text.size()
                      : static_cast<std::size_t>(text.end() - std::ranges::mismatch(text, before).in1);
    }
    if (!texts.empty() && has_room_for(2 * bytes)) choices.push_back(spelling_.one_of(std::move(texts)));
  }

  bool accepts(Configurations at, std::string_view text) const {
    for (char c : text) at = after(grammar_.nodes(), at, static_cast<std::uint8_t>(c));
    return outlook_of({.nodes = {}, .start = 0, .any_character = Grammar::kEnd}, at).may_end;
  }

  NodeId number(NumberRange range) {
    range.one_spelling = unique_ != nullptr;
    auto text = [](const std::optional<Bound>& b) {
      if (!b) return std::string("none");
      return fmt::format("{}{}.{}{}", b->value.negative ? "-" : "", b->value.whole, b->value.fraction,
                         b->exclusive ? "!" : "");
    };
    auto [it, added] =
        numbers_.emplace(fmt::format("{} {} {} {} {} {}", text(range.low), text(range.high), range.fractions,
                                     range.units, range.places, range.one_spelling),
                         0);
    if (!added) return it->second;
    const std::optional<NodeId> made = number_in(grammar_, range, Grammar::kEnd);
    if (!made) refuse("has a multipleOf that needs too large an automaton");
    return it->second = made.value_or(Grammar::kEnd);
  }

  NodeId string(const Requirements& r) {
    if (r.least_length > r.most_length) return grammar_.reserve();  // there is none
    std::optional<CharDfa> all = reader_.strings_of(r);
    if (!all && unique_ == nullptr)
      return spelling_.free_string(r.least_length, r.most_length, Grammar::kEnd);
    if (!all) all = CharDfa::of_words({}).complement();
    if (r.least_length == 0 && r.most_length == Grammar::kUnbounded)
      return unique_ == nullptr ? spelling_.string_in(*all, Grammar::kEnd) : string_in_one_spelling(*all);
    if (const auto lengths = all->lengths(r.most_length, reader_.automaton_steps()))
      return spelling_.string_in(*all, *lengths, r.least_length, r.most_length, Grammar::kEnd);
    const Result<CharDfa> of_length = CharDfa::of_length(r.least_length, r.most_length);
    const Result<CharDfa> both =
        of_length.ok() ? CharDfa::intersection(*all, *of_length, reader_.automaton_steps()) : of_length;
    if (both.ok()) return spelling_.string_in(*both, Grammar::kEnd);
    refuse("has patterns, formats and lengths that together need too large an automaton");
    return grammar_.reserve();
  }

  NodeId string_in_one_spelling(const CharDfa& strings) {
    return spelling_.string_in(strings, CharDfa::any_length(strings), 0, Grammar::kUnbounded, Grammar::kEnd);
  }

  // Item i, and what may follow it.
  NodeId item(const Requirements& r, std::size_t i, NodeId next) {
    const NodeId rule = value(i < r.first_items.size() ? r.first_items[i] : r.other_items, r.unique);
    return r.unique == nullptr ? grammar_.call(rule, next) : grammar_.member(rule, next);
  }

  // The comma before item i, and the item.
  NodeId another_item(const Requirements& r, std::size_t i, NodeId next) {
    const NodeId here = grammar_.byte(',', spelling_.space(item(r, i, next)));
    if (r.unique == nullptr) return here;
    return grammar_.room(value(i < r.first_items.size() ? r.first_items[i] : r.other_items, r.unique), here);
  }

  // How many there are at most.
  std::size_t different_values(const Schemas& schemas) {
    using namespace json_type;
    std::size_t all = 0;
    for (const Schemas& way : reader_.expand(schemas)) {
      const Requirements r = reader_.requirements_of(way);
      if (!r.values && (r.types & ~(kNull | kBoolean)) != 0) return SIZE_MAX;
      all += r.values ? r.values->size() : (r.types & kNull ? 1 : 0) + (r.types & kBoolean ? 2 : 0);
    }
    return all;
  }

  // [ item , item ... ]: the first ones each in their place, the others repeated.
  NodeId array(const Requirements& r) {
    if (r.least_items > r.most_items) return grammar_.reserve();
    if (r.unique != nullptr && r.first_items.empty() && r.least_items > different_values(r.other_items))
      return grammar_.reserve();
    if (r.unique != nullptr && r.least_items > kMostUniqueItems)
      reader_.refuse(r.unique, "uniqueItems",
                     fmt::format("is true beside a minItems of more than {}", kMostUniqueItems));
    const NodeId close = grammar_.byte(']', Grammar::kEnd), spaced_close = spelling_.space(close);
    const std::size_t most = r.most_items, least = r.least_items;
    const std::size_t single = std::min(std::max<std::size_t>(r.first_items.size(), 1), most);
    const auto left = [&](std::uint32_t limit) {
      return limit == Grammar::kUnbounded
                 ? limit
                 : static_cast<std::uint32_t>(limit - std::min<std::size_t>(limit, single));
    };
    const NodeId another = another_item(r, r.first_items.size(), Grammar::kEnd);
    NodeId rest = grammar_.repeat(another, left(r.least_items), left(r.most_items), spaced_close);
    for (std::size_t i = single; i-- > 0;) {
      // Before item i, i of them are there.
      const NodeId here = i == 0 ? item(r, i, rest) : another_item(r, i, rest);
      rest = i < least ? here : grammar_.split({here, i == 0 ? close : spaced_close});
    }
    const NodeId items = single == 0 ? close : rest;
    return grammar_.byte('[',
                         spelling_.space(r.unique == nullptr ? items : grammar_.set(items, Grammar::kEnd)));
  }

  // { "name": value, ... }: properties in their order, where those not required may be left out, then others.
  // From the last to the first, with two nodes each: nothing written yet, and something written. Where the
  // number of members is limited, each is counted before it is begun.
  NodeId object(const Requirements& r) {
    if (r.least_members > r.most_members) return grammar_.reserve();
    const bool counted = r.least_members > 0 || r.most_members != Grammar::kUnbounded;
    const bool distinct = r.least_members > 1 && !r.others.empty();  // a name twice is one member
    std::uint32_t least_left = 0, most_left = r.others.empty() ? 0 : Grammar::kUnbounded;
    const auto count = [&](std::uint32_t members, NodeId next) {
      return counted ? grammar_.tick(members, least_left, most_left, next) : next;
    };
    const NodeId close = grammar_.byte('}', Grammar::kEnd), spaced_close = spelling_.space(close);
    NodeId none = counted ? grammar_.tick(0, 0, 0, close) : close;
    NodeId some = counted ? grammar_.tick(0, 0, 0, spaced_close) : spaced_close;
    if (!r.others.empty()) {
      const NodeId again = grammar_.reserve();
      const OtherMember made = other_member(r, distinct);
      const NodeId other = grammar_.call(made.member, again);
      NodeId another = grammar_.byte(',', spelling_.space(other));
      if (distinct) another = grammar_.room(made.name, another);
      grammar_.define(again, grammar_.optional(count(1, another), some));
      none = grammar_.optional(count(1, other), none);
      some = again;
    }
    std::size_t optional_in_a_row = 0;
    for (auto it = r.properties.rbegin(); it != r.properties.rend(); ++it) {
      const NodeId member = grammar_.call(
          grammar_.literal(JsonSpelling::scalar(it->first) + ":", spelling_.space(value(it->second))), some);
      const bool required = std::ranges::binary_search(r.required, it->first);
      const NodeId first = count(1, member), later = count(1, grammar_.byte(',', spelling_.space(member)));
      none = required ? first : grammar_.optional(first, none);
      some = required ? later : grammar_.optional(later, some);
      least_left += required ? 1 : 0;
      most_left += most_left == Grammar::kUnbounded ? 0 : 1;
      optional_in_a_row = required ? 0 : optional_in_a_row + 1;
      if (optional_in_a_row > kMostOptional)
        refuse(fmt::format("has more than {} optional properties in a row", kMostOptional));
    }
    if (!counted) return grammar_.byte('{', spelling_.space(none));
    if (least_left > r.most_members || most_left < r.least_members) return grammar_.reserve();
    const NodeId members = grammar_.count(none, r.least_members, r.most_members, Grammar::kEnd);
    return grammar_.byte('{', spelling_.space(distinct ? grammar_.set(members, Grammar::kEnd) : members));
  }

  // A member whose name is none of the properties; and the rule of its name, where names differ.
  struct OtherMember {
    NodeId member = Grammar::kEnd, name = Grammar::kEnd;
  };
  OtherMember other_member(const Requirements& r, bool distinct) {
    std::vector<NodeId> members, names;
    for (const auto& [strings, values] : r.others) {
      const NodeId colon = grammar_.byte(':', spelling_.space(value(values)));
      if (distinct) {
        names.push_back(string_in_one_spelling(strings ? *strings : CharDfa::of_words({}).complement()));
        members.push_back(grammar_.member(names.back(), colon));
      } else {
        members.push_back(strings ? spelling_.string_in(*strings, colon)
                                  : spelling_.free_string(0, Grammar::kUnbounded, colon));
      }
    }
    return {grammar_.split(std::move(members)), grammar_.split(std::move(names))};
  }

  GrammarBuilder grammar_;
  JsonSpelling spelling_{grammar_};
  SchemaReader reader_;
  Schemas root_;                         // of the document that is being made
  const Schemas* way_ = nullptr;         // that is being made
  const OrderedJson* unique_ = nullptr;  // of the rule that is being made
  std::map<Key, NodeId> rules_;
  std::map<std::string, NodeId> numbers_;
  std::vector<std::pair<Key, NodeId>> wanted_;
};

Status check_document(const OrderedJson& schema, std::string_view name) {
  if (!schema.is_object() && !schema.is_boolean()) return fail("{}: '#' must be an object", name);
  if (is_deeper_than(schema, kMostDepth)) return fail("{}: '#' is nested deeper than {}", name, kMostDepth);
  return {};
}

Status check_form(const OrderedJson& form, std::string_view name) {
  if (!form.is_object()) return fail("{}: the form is no object", name);
  for (const auto& [key, value] : form.items())
    if (key != "schema" && !((key == "before" || key == "after") && value.is_string()) &&
        !(key == "object" && value.is_boolean()))
      return fail("{}: the form has a strange '{}'", name, key);
  return form.contains("schema") ? check_document(form["schema"], name) : Status();
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
