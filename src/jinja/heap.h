// Heap: makes the values of one rendering, and counts: steps taken and bytes held (limits.h). Values must not outlive
// it. Not thread-safe: a rendering is one thread's.
#pragma once

#include <deque>
#include <nlohmann/json_fwd.hpp>

#include "jinja/limits.h"
#include "jinja/value.h"

namespace verbatim::jinja {

using Json = nlohmann::ordered_json;

class Heap {
 public:
  explicit Heap(const Limits& limits) : limits_(limits), steps_left_(limits.steps) {}
  Heap(const Heap&) = delete;
  Heap& operator=(const Heap&) = delete;

  void step(std::int64_t n = 1) {
    if ((steps_left_ -= n) < 0) out_of_steps();
  }
  void read(std::size_t bytes) { step(1 + static_cast<std::int64_t>(bytes / 64)); }  // or written
  // Raises where `count` things of `bytes` each would not fit: asked before they are made.
  void require_room(std::int64_t count, std::size_t bytes) const;

  Value text(std::string text, bool markup = false);
  Value undefined(std::string why);  // why: the sentence for whoever uses it
  Value list(std::vector<Value> items, List::Form form = List::Form::list);
  Value tuple(std::vector<Value> items) { return list(std::move(items), List::Form::tuple); }
  Value dict(
      std::vector<Dict::Entry> entries);  // of two equal keys: the first one's place, the last one's value
  // REQUIRES: text is well-formed UTF-8. Raises on integers above 2^63 - 1 and on deep nesting.
  Value from_json(const Json& json, int depth = 0);  // depth: of values around this one
  // An object that lives until the rendering ends, so that it may hold itself.
  template <class T, class... Args>
  std::shared_ptr<Object> keep(Args&&... args) {
    hold(sizeof(T));
    kept_.push_back(std::make_unique<T>(std::forward<Args>(args)...));
    return {std::shared_ptr<void>(), kept_.back().get()};
  }
  Value object(std::shared_ptr<Object> object);  // an object that is new

  const Limits& limits() const { return limits_; }

 private:
  friend class Charge;
  void hold(std::size_t bytes);
  void release(std::size_t bytes) { held_ -= static_cast<std::int64_t>(bytes); }
  [[noreturn]] void out_of_steps() const;

  const Limits limits_;
  std::int64_t steps_left_;
  std::int64_t held_ = 0;
  std::deque<std::unique_ptr<Object>> kept_;
};

}  // namespace verbatim::jinja
