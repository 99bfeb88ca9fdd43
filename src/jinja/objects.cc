#include "jinja/objects.h"

#include <algorithm>

#include "jinja/compare.h"
#include "jinja/repr.h"

namespace verbatim::jinja {

std::string Range::repr(Heap&) const {
  return step_ == 1 ? fmt::format("range({}, {})", start_, stop_)
                    : fmt::format("range({}, {}, {})", start_, stop_, step_);
}

Iteration Range::iterate(Heap& heap) {
  return [start = start_, step = step_, left = count_, &heap]() mutable -> std::optional<Value> {
    heap.step();
    if (left-- <= 0) return std::nullopt;
    const Value value(start);
    if (left > 0) start += step;
    return value;
  };
}

std::string_view DictView::type_name() const {
  return part_ == Part::keys ? "dict_keys" : part_ == Part::values ? "dict_values" : "dict_items";
}

std::string DictView::repr(Heap& heap) const {
  Iteration next = const_cast<DictView*>(this)->iterate(heap);
  std::vector<Value> items;
  while (auto item = next()) items.push_back(std::move(*item));
  return fmt::format("{}({})", type_name(), jinja::repr(heap.list(std::move(items)), heap));
}

Iteration DictView::iterate(Heap& heap) {
  return [dict = dict_, part = part_, i = std::size_t{0}, &heap]() mutable -> std::optional<Value> {
    heap.step();
    if (i == dict.dict()->entries.size()) return std::nullopt;
    const auto& [key, value] = dict.dict()->entries[i++];
    return part == Part::keys ? key : part == Part::values ? value : heap.tuple({key, value});
  };
}

Iteration Generator::iterate(Heap& heap) {
  return [this, &heap]() -> std::optional<Value> {
    heap.step();
    std::optional<Value> item;
    if (next_) item = next_();
    if (!item) next_ = nullptr;
    return item;
  };
}

Namespace::Namespace(std::vector<Dict::Entry> entries) {
  for (auto& [key, value] : entries) {
    if (!key.text()) raise("the keys of a namespace must be text");
    attributes_.emplace_back(key.text()->bytes, std::move(value));
  }
}

std::string Namespace::repr(Heap& heap) const {
  if (printing_ > 0) return "<Namespace {...}>";
  std::vector<Dict::Entry> entries;
  for (const auto& [name, value] : attributes_) entries.emplace_back(heap.text(name), value);
  ++printing_;
  std::string text = jinja::repr(heap.dict(std::move(entries)), heap);
  --printing_;
  return "<Namespace " + text + ">";
}

std::optional<Value> Namespace::attribute(Runtime&, const Value&, std::string_view name) {
  for (const auto& [known, value] : attributes_) {
    if (known == name) return value;
  }
  return std::nullopt;
}

void Namespace::set(std::string_view name, Value value, Heap& heap) {
  heap.step(1 + static_cast<std::int64_t>(attributes_.size() / 16));
  auto same = [&](const auto& attribute) { return attribute.first == name; };
  auto found = std::find_if(attributes_.begin(), attributes_.end(), same);
  if (found == attributes_.end()) {
    attributes_.emplace_back(name, std::move(value));
  } else {
    found->second = std::move(value);
  }
}

std::optional<Value> Cycler::attribute(Runtime& runtime, const Value& self, std::string_view name) {
  static constexpr auto object_of = [](const Call& call) { return call.self.object_as<Cycler>(); };
  static constexpr Builtin kMethods[] = {
      {"next", "", [](const Call& call) { return object_of(call)->next(); }},
      {"reset", "", [](const Call& call) { return object_of(call)->reset(), Value(); }},
  };
  if (name == "current") return items_[at_];
  if (const Builtin* method = find_builtin(kMethods, name)) return bound(runtime.heap, *method, self);
  return std::nullopt;
}

Value Cycler::next() {
  const Value value = items_[at_];
  at_ = (at_ + 1) % items_.size();
  return value;
}

Value Joiner::call(Runtime& runtime, const Arguments&) {
  return std::exchange(used_, true) ? separator_ : runtime.heap.text("");
}

Value make_generator(Heap& heap, Iteration next, const Value& source) {
  heap.step();
  return heap.object(std::make_shared<Generator>(std::move(next), source.depth()));
}

}  // namespace verbatim::jinja
