// The filters that apply another filter or a test to each item: map, select, reject and their kind.
#include "jinja/attributes.h"
#include "jinja/builtin.h"
#include "jinja/compare.h"
#include "jinja/objects.h"

namespace verbatim::jinja {
namespace {

using Change = std::function<std::optional<Value>(Value)>;  // nullopt: leave the item out

// The items of the filtered value, changed; nothing where it is false. Nothing happens before items are asked for.
Value each(const Call& call, Change change) {
  return make_generator(
      call.heap(),
      [source = call.self, change = std::move(change), next = Iteration(),
       &heap = call.heap()]() mutable -> std::optional<Value> {
        if (!next) {
          if (!truth(source)) return std::nullopt;
          next = iterate(source, heap);
        }
        while (auto item = next()) {
          if (auto changed = change(std::move(*item))) return changed;
        }
        return std::nullopt;
      },
      call.self);
}

// The filter or test that the argument at `i` names, with the arguments after it.
struct Applied {
  const Builtin* builtin;
  Arguments arguments;
};

Applied applied(const Call& call, std::size_t i, const Builtin* (*find)(std::string_view),
                std::string_view kind) {
  const Text* name = call.rest[i].text();
  const Builtin* builtin = name ? find(name->bytes) : nullptr;
  if (!builtin) raise("there is no {} named '{}'", kind, name ? name->bytes : call.rest[i].type_name());
  const auto after = call.rest.begin() + static_cast<std::ptrdiff_t>(i) + 1;
  return {builtin, {std::vector<Value>(after, call.rest.end()), call.named}};
}

Value map(const Call& call) {
  const auto named = [&](std::string_view name) -> std::optional<Value> {
    for (const auto& [key, value] : call.named) {
      if (key == name) return value;
    }
    return std::nullopt;
  };
  Runtime& runtime = call.runtime;
  if (call.rest.empty() && named("attribute")) {
    for (const auto& [key, value] : call.named) {
      if (key != "attribute" && key != "default") raise("Unexpected keyword argument '{}'", key);
    }
    const auto otherwise = named("default");
    const AttributePath path(*named("attribute"),
                             otherwise && !otherwise->is_none() ? otherwise : std::nullopt, call.heap());
    return each(call, [path, &runtime](Value item) { return path.of(runtime, std::move(item)); });
  }
  if (call.rest.empty()) raise("map requires a filter argument");
  return each(call, [filter = applied(call, 0, find_filter, "filter"), &runtime](Value item) {
    return invoke(runtime, *filter.builtin, item, filter.arguments);
  });
}

template <bool keep, bool by_attribute>
Value select(const Call& call) {
  constexpr std::size_t kTest = by_attribute ? 1 : 0;
  if (by_attribute && call.rest.empty()) raise("Missing parameter for attribute name");
  const AttributePath path(by_attribute ? call.rest[0] : Value(), std::nullopt, call.heap());
  std::optional<Applied> test;
  if (call.rest.size() > kTest) test = applied(call, kTest, find_test, "test");
  return each(call, [path, test, &runtime = call.runtime](Value item) -> std::optional<Value> {
    const Value place = path.of(runtime, item);
    const bool passes = truth(test ? invoke(runtime, *test->builtin, place, test->arguments) : place);
    return passes == keep ? std::optional(std::move(item)) : std::nullopt;
  });
}

constexpr Builtin kSelectionFilters[] = {
    {"map", "* **", map},
    {"reject", "* **", select<false, false>},
    {"rejectattr", "* **", select<false, true>},
    {"select", "* **", select<true, false>},
    {"selectattr", "* **", select<true, true>},
};

}  // namespace

std::span<const Builtin> selection_filters() { return kSelectionFilters; }

}  // namespace verbatim::jinja
