// The filters that look at or rearrange what a value holds.
#include <algorithm>
#include <unordered_set>

#include "jinja/attributes.h"
#include "jinja/builtin.h"
#include "jinja/compare.h"
#include "jinja/objects.h"
#include "jinja/repr.h"
#include "jinja/text.h"

namespace verbatim::jinja {
namespace {

// How items compare: by the attribute of argument `attribute`, without case unless argument `case_sensitive` is true.
class Key {
 public:
  Key(const Call& call, std::size_t attribute, std::size_t case_sensitive,
      std::optional<Value> otherwise = {})
      : Key(call, call.args[attribute].value_or(Value()), call.truth(case_sensitive, false),
            std::move(otherwise)) {}
  Key(const Call& call, const Value& path, bool case_sensitive, std::optional<Value> otherwise = {})
      : runtime_(call.runtime),
        path_(path, std::move(otherwise), call.heap()),
        case_sensitive_(case_sensitive) {}

  Value of(const Value& item) const {
    const Value place = path_.of(runtime_, item);
    return case_sensitive_ ? place : without_case(place, runtime_.heap);
  }
  Value with_case(const Value& item) const { return path_.of(runtime_, item); }

 private:
  Runtime& runtime_;
  const AttributePath path_;
  const bool case_sensitive_;
};

struct Keyed {
  Value key, item;
};

// Python's sorted: stable, also when reversed.
std::vector<Keyed> sorted(std::vector<Keyed> items, bool reverse, Heap& heap) {
  std::stable_sort(items.begin(), items.end(), [&](const Keyed& a, const Keyed& b) {
    return reverse ? less(b.key, a.key, heap) : less(a.key, b.key, heap);
  });
  return items;
}

Value items_only(std::vector<Keyed> keyed, Heap& heap) {
  std::vector<Value> items;
  for (Keyed& each : keyed) items.push_back(std::move(each.item));
  return heap.list(std::move(items));
}

Value sort(const Call& call) {
  std::vector<Key> keys;  // "age,name" names two
  const Value path = call.args[2].value_or(Value());
  const bool case_sensitive = call.truth(1, false);
  if (const Text* text = path.text()) {
    for (std::size_t at = 0; at <= text->bytes.size();) {
      const std::size_t end = std::min(text->bytes.find(',', at), text->bytes.size());
      keys.emplace_back(call, call.heap().text(text->bytes.substr(at, end - at)), case_sensitive);
      at = end + 1;
    }
  } else {
    keys.emplace_back(call, path, case_sensitive);
  }
  std::vector<Keyed> items;
  for (Value& item : items_of(call.self, call.heap())) {
    std::vector<Value> places;
    for (const Key& key : keys) places.push_back(key.of(item));
    items.push_back({call.heap().list(std::move(places)), std::move(item)});
  }
  return items_only(sorted(std::move(items), call.truth(0, false), call.heap()), call.heap());
}

Value dictsort(const Call& call) {
  const Dict* dict = call.self.dict();
  if (!dict) raise("dictsort needs a dict, not {}", call.self.require_defined().type_name());
  const std::string by = call.text(1, "key");
  if (by != "key" && by != "value") raise("You can only sort by either \"key\" or \"value\"");
  const Key fold(call, Value(), call.truth(0, false));
  std::vector<Keyed> items;
  for (const auto& [key, value] : dict->entries)
    items.push_back({fold.of(by == "key" ? key : value), call.heap().tuple({key, value})});
  return items_only(sorted(std::move(items), call.truth(2, false), call.heap()), call.heap());
}

Value groupby(const Call& call) {
  const Key key(call, 0, 2, call.given(1) ? call.args[1] : std::nullopt);
  const bool case_sensitive = call.truth(2, false);
  std::vector<Keyed> items;
  for (Value& item : items_of(call.self, call.heap())) items.push_back({key.of(item), item});
  items = sorted(std::move(items), false, call.heap());
  std::vector<Value> groups;
  for (std::size_t i = 0; i < items.size();) {
    const Value group_key = items[i].key;
    std::vector<Value> members;
    for (; i < items.size() && equal(items[i].key, group_key, call.heap()); ++i)
      members.push_back(items[i].item);
    if (members.empty()) members.push_back(items[i++].item);  // a key that differs from itself
    const Value shown = case_sensitive ? group_key : key.with_case(members[0]);
    groups.push_back(call.heap().list({shown, call.heap().list(std::move(members))}, List::Form::group));
  }
  return call.heap().list(std::move(groups));
}

template <bool want_less>
Value extreme(const Call& call) {
  const Key key(call, 1, 0);
  Iteration next = iterate(call.self, call.heap());
  std::optional<Value> best = next();
  if (!best) return call.heap().undefined("No aggregated item, sequence was empty.");
  Value best_key = key.of(*best);
  while (auto item = next()) {
    Value item_key = key.of(*item);
    if (want_less ? less(item_key, best_key, call.heap()) : less(best_key, item_key, call.heap())) {
      best = std::move(item);
      best_key = std::move(item_key);
    }
  }
  return *best;
}

// The values seen so far, compared as keys of a dict are.
struct Seen {
  bool insert(const Value& key, Heap& heap) {
    require_hashable(key);
    if (const Text* text = key.text()) {
      if (!texts.insert(text->bytes).second) return false;
      held.push_back(key);
      return true;
    }
    for (const Value& other : others) {
      if (equal(other, key, heap)) return false;
    }
    others.push_back(key);
    return true;
  }
  std::unordered_set<std::string_view> texts;  // of the values held
  std::vector<Value> held, others;
};

Value unique(const Call& call) {
  auto seen = std::make_shared<Seen>();
  Iteration next = iterate_later(call.self, call.heap());
  return make_generator(
      call.heap(),
      [seen, next, key = Key(call, 1, 0), &heap = call.heap()]() -> std::optional<Value> {
        while (auto item = next()) {
          if (seen->insert(key.of(*item), heap)) return item;
        }
        return std::nullopt;
      },
      call.self);
}

Value length_of(const Call& call) {
  const auto size = length(call.self);
  if (!size) raise("object of type '{}' has no len()", call.self.type_name());
  return *size;
}

Value list(const Call& call) { return call.heap().list(items_of(call.self, call.heap())); }

Value first(const Call& call) {
  auto item = iterate(call.self, call.heap())();
  return item ? *item : call.heap().undefined("No first item, sequence was empty.");
}

bool reversible(const Value& value) {
  return value.is_undefined() || value.text() || value.list() || value.dict() || value.object_as<Range>() ||
         value.object_as<DictView>();
}

Value last(const Call& call) {
  if (!reversible(call.self)) raise("'{}' object is not reversible", call.self.type_name());
  const auto size = length(call.self);
  if (*size == 0) return call.heap().undefined("No last item, sequence was empty.");
  if (call.self.text() || call.self.list()) return get_item(call.runtime, call.self, std::int64_t{-1});
  return items_of(call.self, call.heap()).back();
}

Value reverse(const Call& call) {
  if (call.self.text()) {
    const Value step(std::int64_t{-1});
    return get_slice(call.runtime, call.self, nullptr, nullptr, &step);
  }
  if (!try_iterate(call.self, call.heap())) raise("argument must be iterable");
  std::vector<Value> items = items_of(call.self, call.heap());
  std::reverse(items.begin(), items.end());
  const Value list = call.heap().list(std::move(items));
  return reversible(call.self) ? make_generator(call.heap(), iterate(list, call.heap()), list) : list;
}

Value join(const Call& call) {
  const std::string separator = call.args[0] ? str(call[0], call.heap()) : "";
  const AttributePath path(call.args[1].value_or(Value()), std::nullopt, call.heap());
  Iteration next = iterate(call.self, call.heap());
  std::string out;
  bool later = false;
  while (auto item = next()) {
    const std::string text = str(path.of(call.runtime, std::move(*item)), call.heap());
    call.heap().read(separator.size() + text.size());
    call.heap().require_room(1, out.size() + separator.size() + text.size());
    if (std::exchange(later, true)) out += separator;
    out += text;
  }
  return call.heap().text(std::move(out));
}

Value batch(const Call& call) {
  const std::int64_t size = call.integer(0);
  const Value fill = call.args[1].value_or(Value());
  call.heap().require_room(size, sizeof(Value));
  Iteration next = iterate_later(call.self, call.heap());
  // `ahead` is the item that begins the next row: Jinja cuts before an item, so a size below 1 never cuts.
  auto ahead = std::make_shared<std::optional<Value>>();
  return make_generator(
      call.heap(),
      [next, size, fill, ahead, &heap = call.heap()]() -> std::optional<Value> {
        std::vector<Value> row;
        if (ahead->has_value()) row.push_back(*std::exchange(*ahead, std::nullopt));
        while (auto item = next()) {
          if (static_cast<std::int64_t>(row.size()) == size) {
            if (row.empty()) {  // of size 0: Jinja gives one empty row first
              *ahead = std::move(item);
              return heap.list({});
            }
            *ahead = std::move(item);
            return heap.list(std::move(row));
          }
          row.push_back(std::move(*item));
          heap.require_room(static_cast<std::int64_t>(row.size()), sizeof(Value));
        }
        if (row.empty()) return std::nullopt;
        if (!fill.is_none()) {
          while (static_cast<std::int64_t>(row.size()) < size) row.push_back(fill);
        }
        return heap.list(std::move(row));
      },
      call.self);
}

Value slice(const Call& call) {
  const std::int64_t slices = call.integer(0);
  if (slices == 0) raise("integer division or modulo by zero");
  const Value all = list(call), fill = call.args[1].value_or(Value());
  const auto size = static_cast<std::int64_t>(all.list()->items.size());
  return make_generator(
      call.heap(),
      [all, fill, slices, size, number = std::int64_t{0},
       &heap = call.heap()]() mutable -> std::optional<Value> {
        if (number >= slices) return std::nullopt;
        const std::int64_t each = size / slices, longer = size % slices;
        const std::int64_t begin = number * each + std::min(number, longer);
        const std::int64_t end = begin + each + (number < longer ? 1 : 0);
        const auto& items = all.list()->items;
        std::vector<Value> row(items.begin() + begin, items.begin() + end);
        if (!fill.is_none() && number >= longer) row.push_back(fill);
        ++number;
        return heap.list(std::move(row));
      },
      all);
}

Value items(const Call& call) {
  Heap& heap = call.heap();
  const bool pairs = call.self.is_undefined() || call.self.dict();
  Iteration next = call.self.dict() ? DictView(call.self, DictView::Part::items).iterate(heap)
                                    : iterate_later(call.self, heap);
  return make_generator(
      heap,
      [next, pairs] {
        if (!pairs) raise("Can only get item pairs from a mapping.");
        return next();
      },
      call.self);
}

Value otherwise(const Call& call) {
  if (call.self.is_undefined() || (call.truth(1, false) && !truth(call.self)))
    return call.args[0] ? call[0] : call.heap().text("");
  return call.self;
}

// obj.name, but never obj['name']
Value attr(const Call& call) {
  const std::string name = call.text(0);
  const Value found = get_attribute(call.runtime, call.self, name);
  const bool is_key = call.self.dict() && !find_builtin(dict_methods(), name) && call.self.dict()->find(name);
  return is_key ? call.heap().undefined(fmt::format("'dict object' has no attribute '{}'", name)) : found;
}

constexpr Builtin kSequenceFilters[] = {
    {"attr", "name", attr},
    {"batch", "linecount fill_with?", batch},
    {"count", "", length_of},
    {"d", "default_value? boolean?", otherwise},
    {"default", "default_value? boolean?", otherwise},
    {"dictsort", "case_sensitive? by? reverse?", dictsort},
    {"first", "", first},
    {"groupby", "attribute default? case_sensitive?", groupby},
    {"items", "", items},
    {"join", "d? attribute?", join},
    {"last", "", last},
    {"length", "", length_of},
    {"list", "", list},
    {"max", "case_sensitive? attribute?", extreme<false>},
    {"min", "case_sensitive? attribute?", extreme<true>},
    {"reverse", "", reverse},
    {"slice", "slices fill_with?", slice},
    {"sort", "reverse? case_sensitive? attribute?", sort},
    {"unique", "case_sensitive? attribute?", unique},
};

}  // namespace

std::span<const Builtin> sequence_filters() { return kSequenceFilters; }

}  // namespace verbatim::jinja
