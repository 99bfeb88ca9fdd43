// The functions that every template may call by name.
#include <algorithm>

#include "jinja/builtin.h"
#include "jinja/compare.h"
#include "jinja/objects.h"
#include "jinja/repr.h"

namespace verbatim::jinja {
namespace {

Value range(const Call& call) {
  if (call.rest.empty() || call.rest.size() > 3)
    raise("range expected 1 to 3 arguments, got {}", call.rest.size());
  std::int64_t bounds[3] = {0, 0, 1};
  for (std::size_t i = 0; i < call.rest.size(); ++i) {
    const auto bound = call.rest[i].require_defined().integer();
    if (!bound) raise("'{}' object cannot be interpreted as an integer", call.rest[i].type_name());
    bounds[call.rest.size() == 1 ? 1 : i] = *bound;
  }
  const auto [start, stop, step] = bounds;
  if (step == 0) raise("range() arg 3 must not be zero");
  const long double distance = static_cast<long double>(stop) - static_cast<long double>(start);
  const long double count = distance / static_cast<long double>(step);
  if (count > static_cast<long double>(kMaxRange)) raise("range() has more than {} items", kMaxRange);
  const bool empty = step > 0 ? start >= stop : start <= stop;
  // Distances of 64-bit integers need the unsigned type.
  const auto from = static_cast<std::uint64_t>(start), to = static_cast<std::uint64_t>(stop),
             by = static_cast<std::uint64_t>(step);
  const std::uint64_t steps = step > 0 ? (to - from - 1) / by : (from - to - 1) / (0 - by);
  const std::int64_t items = empty ? 0 : static_cast<std::int64_t>(steps) + 1;
  if (items > kMaxRange) raise("range() has more than {} items", kMaxRange);
  return call.heap().object(std::make_shared<Range>(start, step, items, stop));
}

// dict(pairs or a dict, name=value...)
std::vector<Dict::Entry> entries_of(const Call& call) {
  std::vector<Dict::Entry> entries;
  if (call.rest.size() > 1) raise("dict expected at most 1 argument, got {}", call.rest.size());
  if (!call.rest.empty() && call.rest[0].dict()) {
    entries = call.rest[0].dict()->entries;
  } else if (!call.rest.empty()) {
    for (const Value& pair : items_of(call.rest[0], call.heap())) {
      std::vector<Value> parts = items_of(pair, call.heap());
      if (parts.size() != 2)
        raise("dictionary update sequence element has length {}; 2 is required", parts.size());
      entries.emplace_back(std::move(parts[0]), std::move(parts[1]));
    }
  }
  for (const auto& [key, value] : call.named) entries.emplace_back(call.heap().text(key), value);
  return entries;
}

Value dict(const Call& call) { return call.heap().dict(entries_of(call)); }

Value make_namespace(const Call& call) {
  return call.heap().keep<Namespace>(call.heap().dict(entries_of(call)).dict()->entries);
}

Value cycler(const Call& call) {
  if (call.rest.empty()) raise("at least one item has to be provided");
  return call.heap().keep<Cycler>(call.rest);
}

Value joiner(const Call& call) {
  return call.heap().keep<Joiner>(call.args[0] ? call[0] : call.heap().text(", "));
}

Value raise_exception(const Call& call) { throw Failure{str(call[0], call.heap()), 0, true}; }

Value strftime_now(const Call& call) {
  return call.heap().text(format_date(call.text(0), call.runtime.date()));
}

constexpr Builtin kGlobals[] = {
    {"cycler", "*", cycler},
    {"dict", "* **", dict},
    {"joiner", "sep?", joiner},
    {"namespace", "* **", make_namespace},
    {"raise_exception", "message", raise_exception},
    {"range", "*", range},
    {"strftime_now", "format", strftime_now},
};

}  // namespace

const Builtin* find_global(std::string_view name) { return find_builtin(kGlobals, name); }

}  // namespace verbatim::jinja
