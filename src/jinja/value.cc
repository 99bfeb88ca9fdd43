#include "jinja/value.h"

#include "jinja/compare.h"
#include "jinja/heap.h"
#include "jinja/text.h"

namespace verbatim::jinja {

Charge::Charge(Heap& heap, std::size_t bytes) : heap_(&heap), bytes_(bytes) { heap.hold(bytes); }
Charge::~Charge() {
  if (heap_) heap_->release(bytes_);
}

Text::Text(std::string text, bool is_markup)
    : bytes(std::move(text)), characters(count_characters(bytes)), markup(is_markup) {}
Text::Text(Heap& heap, std::string text, bool is_markup)
    : bytes(std::move(text)),
      characters(count_characters(bytes)),
      markup(is_markup),
      charge(heap, sizeof(Text) + bytes.size()) {}

std::optional<Value> Object::attribute(Runtime&, const Value&, std::string_view) { return std::nullopt; }
Iteration Object::iterate(Heap&) { return {}; }
std::optional<Value> Object::item(std::int64_t) const { return std::nullopt; }
Value Object::call(Runtime&, const Arguments&) { raise("'{}' object is not callable", type_name()); }

std::optional<std::int64_t> Value::integer() const {
  if (is_int()) return std::get<std::int64_t>(state_);
  if (is_bool()) return std::get<bool>(state_) ? 1 : 0;
  return std::nullopt;
}

std::string_view Value::type_name() const {
  constexpr std::string_view kNames[] = {"Undefined", "NoneType", "bool", "int", "float"};
  if (state_.index() < std::size(kNames)) return kNames[state_.index()];
  if (const Text* t = text()) return t->markup ? "Markup" : "str";
  if (const List* l = list()) return l->is_list() ? "list" : "tuple";
  return dict() ? "dict" : object()->type_name();
}

int Value::depth() const {
  if (const List* l = list()) return l->depth;
  if (const Dict* d = dict()) return d->depth;
  return object() ? object()->depth() : 0;
}

const Value& Value::require_defined() const {
  if (is_undefined()) raise("{}", std::get<Undefined>(state_).why->bytes);
  return *this;
}

const Value* Dict::find(std::string_view key) const {
  auto it = text_keys.find(key);
  return it == text_keys.end() ? nullptr : &entries[it->second].second;
}

const Value* Dict::find(const Value& key, Heap& heap) const {
  if (const Text* text = key.text()) return find(text->bytes);
  require_hashable(key);
  if (text_keys.size() == entries.size()) return nullptr;
  for (const auto& [known, value] : entries) {
    heap.step();
    if (equal(known, key, heap)) return &value;
  }
  return nullptr;
}

}  // namespace verbatim::jinja
