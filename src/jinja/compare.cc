#include "jinja/compare.h"

#include <algorithm>

#include "jinja/heap.h"
#include "jinja/text.h"

namespace verbatim::jinja {
namespace {

// A number for comparison: every int64 and every double is exact in it on the machines we know, and where long
// double is no wider than double, integers above 2^53 compare rounded.
std::optional<long double> number(const Value& value) {
  if (auto integer = value.integer()) return static_cast<long double>(*integer);
  if (auto real = value.real()) return static_cast<long double>(*real);
  return std::nullopt;
}

bool equal_lists(const List& a, const List& b, Heap& heap) {
  if (a.is_list() != b.is_list() || a.items.size() != b.items.size()) return false;
  for (std::size_t i = 0; i < a.items.size(); ++i) {
    if (!equal(a.items[i], b.items[i], heap)) return false;
  }
  return true;
}

bool equal_dicts(const Dict& a, const Dict& b, Heap& heap) {
  if (a.entries.size() != b.entries.size()) return false;
  for (const auto& [key, value] : a.entries) {
    const Value* other = b.find(key, heap);
    if (!other || !equal(value, *other, heap)) return false;
  }
  return true;
}

bool less_lists(const List& a, const List& b, Heap& heap) {
  const std::size_t both = std::min(a.items.size(), b.items.size());
  for (std::size_t i = 0; i < both; ++i) {
    if (!equal(a.items[i], b.items[i], heap)) return less(a.items[i], b.items[i], heap);
  }
  return a.items.size() < b.items.size();
}

Iteration characters_of(const Value& value, Heap& heap) {
  return [value, at = std::size_t{0}, &heap]() mutable -> std::optional<Value> {
    const Text& text = *value.text();
    if (at == text.bytes.size()) return std::nullopt;
    const std::size_t begin = at;
    at = next_character(text.bytes, at);
    return heap.text(text.bytes.substr(begin, at - begin), text.markup);
  };
}

}  // namespace

bool truth(const Value& value) {
  if (value.is_undefined() || value.is_none()) return false;
  if (auto integer = value.integer()) return *integer != 0;
  if (auto real = value.real()) return *real != 0;
  const auto size = length(value);
  return !size || *size != 0;
}

bool identical(const Value& a, const Value& b) {
  if (a.state().index() != b.state().index()) return false;
  if (a.text()) return a.text()->bytes == b.text()->bytes;
  if (a.is_float()) return a.real() == b.real();
  if (a.list()) return a.list() == b.list();
  if (a.dict()) return a.dict() == b.dict();
  if (a.object()) return a.object() == b.object();
  return a.is_none() || (!a.is_undefined() && a.integer() == b.integer());
}

bool equal(const Value& a, const Value& b, Heap& heap) {
  heap.step();
  if (a.text() && b.text()) {
    heap.read(std::min(a.text()->bytes.size(), b.text()->bytes.size()));
    return a.text()->bytes == b.text()->bytes;
  }
  if (auto x = number(a)) {
    auto y = number(b);
    return y && *x == *y;
  }
  if (a.list() && b.list()) return a.list() == b.list() || equal_lists(*a.list(), *b.list(), heap);
  if (a.dict() && b.dict()) return a.dict() == b.dict() || equal_dicts(*a.dict(), *b.dict(), heap);
  if (a.object() && b.object()) return a.object() == b.object();
  return (a.is_none() && b.is_none()) || (a.is_undefined() && b.is_undefined());
}

bool less(const Value& a, const Value& b, Heap& heap) {
  heap.step();
  a.require_defined();
  b.require_defined();
  if (a.text() && b.text()) {  // UTF-8 sorts as its code points do
    heap.read(std::min(a.text()->bytes.size(), b.text()->bytes.size()));
    return a.text()->bytes < b.text()->bytes;
  }
  const auto x = number(a), y = number(b);
  if (x && y) return *x < *y;
  if (a.list() && b.list() && a.list()->is_list() == b.list()->is_list())
    return less_lists(*a.list(), *b.list(), heap);
  raise("'<' not supported between instances of '{}' and '{}'", a.type_name(), b.type_name());
}

bool contains(const Value& container, const Value& item, Heap& heap) {
  if (const Text* text = container.text()) {
    if (!item.text()) raise("'in <string>' requires string as left operand, not {}", item.type_name());
    return find_text(text->bytes, item.text()->bytes, 0, heap) != std::string::npos;
  }
  if (const Dict* dict = container.dict()) return dict->find(item, heap) != nullptr;
  Iteration next = try_iterate(container, heap);
  if (!next) raise("argument of type '{}' is not iterable", container.type_name());
  while (auto candidate = next()) {
    if (identical(*candidate, item) || equal(*candidate, item, heap)) return true;
  }
  return false;
}

void require_hashable(const Value& key) {
  if (key.dict() || (key.list() && key.list()->is_list())) raise("unhashable type: '{}'", key.type_name());
  if (key.list()) {
    for (const Value& item : key.list()->items) require_hashable(item);
  }
}

std::optional<std::int64_t> length(const Value& value) {
  if (value.is_undefined()) return 0;
  if (const Text* text = value.text()) return text->characters;
  if (const List* list = value.list()) return static_cast<std::int64_t>(list->items.size());
  if (const Dict* dict = value.dict()) return static_cast<std::int64_t>(dict->entries.size());
  return value.object() ? value.object()->length() : std::nullopt;
}

Iteration try_iterate(const Value& value, Heap& heap) {
  if (value.is_undefined()) return [] { return std::optional<Value>(); };
  if (value.text()) return characters_of(value, heap);
  if (value.list()) {
    return [value, i = std::size_t{0}, &heap]() mutable -> std::optional<Value> {
      heap.step();
      const auto& items = value.list()->items;
      return i < items.size() ? std::optional(items[i++]) : std::nullopt;
    };
  }
  if (value.dict()) {
    return [value, i = std::size_t{0}, &heap]() mutable -> std::optional<Value> {
      heap.step();
      const auto& entries = value.dict()->entries;
      return i < entries.size() ? std::optional(entries[i++].first) : std::nullopt;
    };
  }
  Iteration next = value.object() ? value.object()->iterate(heap) : Iteration();
  if (!next) return next;
  return [value, next = std::move(next)] { return next(); };  // the object lives as long as its iteration
}

Iteration iterate(const Value& value, Heap& heap) {
  Iteration next = try_iterate(value, heap);
  if (!next) raise("'{}' object is not iterable", value.type_name());
  return next;
}

Iteration iterate_later(const Value& value, Heap& heap) {
  return [value, next = Iteration(), &heap]() mutable {
    if (!next) next = iterate(value, heap);
    return next();
  };
}

std::vector<Value> items_of(const Value& value, Heap& heap) {
  std::vector<Value> items;
  Iteration next = iterate(value, heap);
  while (auto item = next()) {
    if (items.size() == items.capacity())
      heap.require_room(2 * (1 + static_cast<std::int64_t>(items.size())), sizeof(Value));
    items.push_back(std::move(*item));
  }
  return items;
}

}  // namespace verbatim::jinja
