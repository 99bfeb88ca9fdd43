#include "jinja/loop.h"

#include "jinja/builtin.h"
#include "jinja/compare.h"

namespace verbatim::jinja {
namespace {

Loop& loop_of(const Call& call) { return *call.self.object_as<Loop>(); }

Value cycle(const Call& call) {
  if (call.rest.empty()) raise("no items for cycling given");
  return call.rest[static_cast<std::size_t>(loop_of(call).index0()) % call.rest.size()];
}

Value changed(const Call& call) { return loop_of(call).changed(call.rest, call.heap()); }

constexpr Builtin kLoopMethods[] = {{"changed", "*", changed}, {"cycle", "*", cycle}};

}  // namespace

std::optional<Value> Loop::advance() {
  std::optional<Value> item = peek();
  if (!item) return item;
  peeked_ = false;
  ++index0_;
  before_ = std::exchange(current_, item);
  return item;
}

void Loop::finish() {
  finished_ = true;
  next_ = nullptr;
  read_ahead_.clear();
  last_changed_.reset();
}

const std::optional<Value>& Loop::peek() {
  if (peeked_) return after_;
  peeked_ = true;
  if (!read_ahead_.empty()) {
    after_ = std::move(read_ahead_.front());
    read_ahead_.pop_front();
  } else {
    after_ = next_ ? next_() : std::nullopt;
  }
  return after_;
}

std::int64_t Loop::find_length(Heap& heap) {
  if (length_) return *length_;
  while (auto item = next_ ? next_() : std::nullopt) {
    heap.require_room(2 * static_cast<std::int64_t>(read_ahead_.size()), sizeof(Value));
    read_ahead_.push_back(std::move(*item));
  }
  next_ = nullptr;
  const std::int64_t peeked = peeked_ && after_ ? 1 : 0;
  length_ = index0_ + 1 + peeked + static_cast<std::int64_t>(read_ahead_.size());
  return *length_;
}

bool Loop::changed(std::vector<Value> values, Heap& heap) {
  const bool same = last_changed_ && equal(heap.tuple(*last_changed_), heap.tuple(values), heap);
  if (!same && !finished_) last_changed_ = std::move(values);
  return !same;
}

std::string Loop::repr(Heap& heap) const {
  return fmt::format("<LoopContext {}/{}>", index0_ + 1, const_cast<Loop*>(this)->find_length(heap));
}

std::optional<Value> Loop::attribute(Runtime& runtime, const Value& self, std::string_view name) {
  Heap& heap = runtime.heap;
  if (name == "index") return index0_ + 1;
  if (name == "index0") return index0_;
  if (name == "first") return index0_ == 0;
  if (name == "last") return !peek();
  if (name == "length") return find_length(heap);
  if (name == "revindex") return find_length(heap) - index0_;
  if (name == "revindex0") return find_length(heap) - index0_ - 1;
  if (name == "depth") return std::int64_t{1};  // of a loop that is not recursive
  if (name == "depth0") return std::int64_t{0};
  if (name == "previtem") return before_ ? *before_ : heap.undefined("there is no previous item");
  if (name == "nextitem") return peek() ? *peek() : heap.undefined("there is no next item");
  if (const Builtin* method = find_builtin(kLoopMethods, name)) return bound(heap, *method, self);
  return std::nullopt;
}

}  // namespace verbatim::jinja
