#include "jinja/heap.h"

#include <algorithm>
#include <limits>

#include "jinja/compare.h"
#include "json/library.h"

namespace verbatim::jinja {
namespace {

int depth_above(int deepest) {
  if (deepest >= kMaxValueDepth) raise("values lie in one another deeper than {}", kMaxValueDepth);
  return deepest + 1;
}

}  // namespace

void Heap::out_of_steps() const { raise("the template takes more than {} steps", limits_.steps); }

void Heap::require_room(std::int64_t count, std::size_t bytes) const {
  const std::int64_t room = limits_.memory_bytes - held_;
  if (count > 0 && bytes > 0 && count > room / static_cast<std::int64_t>(bytes))
    raise("the template needs more than {} bytes of memory", limits_.memory_bytes);
}

void Heap::hold(std::size_t bytes) {
  require_room(1, bytes);
  held_ += static_cast<std::int64_t>(bytes);
}

Value Heap::text(std::string text, bool markup) {
  read(text.size());
  return Value(std::make_shared<const Text>(*this, std::move(text), markup));
}

Value Heap::undefined(std::string why) {
  return Value(Undefined{std::make_shared<const Text>(*this, std::move(why), false)});
}

Value Heap::list(std::vector<Value> items, List::Form form) {
  step(1 + static_cast<std::int64_t>(items.size() / 4));
  int deepest = 0;
  for (const Value& item : items) deepest = std::max(deepest, item.depth());
  const std::size_t bytes = sizeof(List) + items.size() * sizeof(Value);
  return Value(std::shared_ptr<const List>(
      new List{form, std::move(items), depth_above(deepest), Charge(*this, bytes)}));
}

Value Heap::dict(std::vector<Dict::Entry> entries) {
  step(1 + static_cast<std::int64_t>(entries.size()));
  auto dict = std::make_shared<Dict>();
  int deepest = 0;
  for (auto& [key, value] : entries) {
    deepest = std::max({deepest, key.depth(), value.depth()});
    if (const Value* known = dict->find(key, *this)) {
      const_cast<Value&>(*known) = std::move(value);
      continue;
    }
    if (const Text* text = key.text()) dict->text_keys.emplace(text->bytes, dict->entries.size());
    dict->entries.emplace_back(std::move(key), std::move(value));
  }
  dict->depth = depth_above(deepest);
  dict->charge.emplace(*this, sizeof(Dict) + dict->entries.size() * (sizeof(Dict::Entry) + 64));
  return Value(std::shared_ptr<const Dict>(std::move(dict)));
}

Value Heap::from_json(const Json& json, int depth) {
  step();
  depth_above(depth);
  switch (json.type()) {
    case Json::value_t::boolean:
      return json.get<bool>();
    case Json::value_t::number_integer:
      return json.get<std::int64_t>();
    case Json::value_t::number_unsigned:
      if (json.get<std::uint64_t>() > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()))
        raise("the integer {} is larger than 64 bits hold", json.get<std::uint64_t>());
      return json.get<std::int64_t>();
    case Json::value_t::number_float:
      return json.get<double>();
    case Json::value_t::string:
      return text(json.get_ref<const std::string&>());
    case Json::value_t::array: {
      std::vector<Value> items;
      items.reserve(json.size());
      for (const Json& item : json) items.push_back(from_json(item, depth + 1));
      return list(std::move(items));
    }
    case Json::value_t::object: {
      std::vector<Dict::Entry> entries;
      entries.reserve(json.size());
      for (const auto& [key, value] : json.items())
        entries.emplace_back(text(key), from_json(value, depth + 1));
      return dict(std::move(entries));
    }
    case Json::value_t::null:
    case Json::value_t::binary:
    case Json::value_t::discarded:
      break;
  }
  return Value();
}

Value Heap::object(std::shared_ptr<Object> object) {
  constexpr std::size_t kBytes = 256;  // about what an object and its captured state take
  depth_above(object->depth() - 1);
  object->charge.emplace(*this, kBytes);
  return Value(std::move(object));
}

}  // namespace verbatim::jinja
