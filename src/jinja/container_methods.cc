// The methods of list, tuple and dict that change nothing.
#include "jinja/builtin.h"
#include "jinja/compare.h"
#include "jinja/objects.h"

namespace verbatim::jinja {
namespace {

Value count_equal(const Call& call) {
  std::int64_t n = 0;
  for (const Value& item : call.self.list()->items) n += equal(item, call[0], call.heap());
  return n;
}

Value index_of_equal(const Call& call) {
  const auto& items = call.self.list()->items;
  const auto size = static_cast<std::int64_t>(items.size());
  auto clamp = [&](std::int64_t i) { return std::clamp<std::int64_t>(i < 0 ? i + size : i, 0, size); };
  const std::int64_t end = clamp(call.integer(2, size));
  for (std::int64_t i = clamp(call.integer(1, 0)); i < end; ++i) {
    if (equal(items[static_cast<std::size_t>(i)], call[0], call.heap())) return i;
  }
  raise("the value is not in the {}", call.self.type_name());
}

Value copy(const Call& call) { return call.self; }

Value get(const Call& call) {
  const Value* found = call.self.dict()->find(call[0], call.heap());
  return found ? *found : call.args[1].value_or(Value());
}

template <DictView::Part part>
Value view(const Call& call) {
  return call.heap().object(std::make_shared<DictView>(call.self, part));
}

constexpr Builtin kListMethods[] = {
    {"copy", "", copy},
    {"count", "value", count_equal},
    {"index", "value start? stop?", index_of_equal},
};

constexpr Builtin kDictMethods[] = {
    {"copy", "", copy},
    {"get", "key default?", get},
    {"items", "", view<DictView::Part::items>},
    {"keys", "", view<DictView::Part::keys>},
    {"values", "", view<DictView::Part::values>},
};

}  // namespace

std::span<const Builtin> list_methods() { return kListMethods; }
std::span<const Builtin> dict_methods() { return kDictMethods; }

}  // namespace verbatim::jinja
