// Loop: what a for loop shows of itself as `loop` (jinja2.runtime.LoopContext). It looks ahead only when asked.
#pragma once

#include <deque>
#include <optional>

#include "jinja/runtime.h"
#include "jinja/value.h"

namespace verbatim::jinja {

class Loop : public Object {
 public:
  // length: nullopt where it must be found by reading on
  Loop(Iteration next, std::optional<std::int64_t> length) : next_(std::move(next)), length_(length) {}

  std::optional<Value> advance();  // the next item, if there is one
  // The loop is over: lets go of all values, and keeps none from now on, so that none can hold the loop itself.
  void finish();
  bool changed(std::vector<Value> values, Heap& heap);
  std::int64_t index0() const { return index0_; }

  std::string_view type_name() const override { return "LoopContext"; }
  std::string repr(Heap& heap) const override;
  std::optional<Value> attribute(Runtime& runtime, const Value& self, std::string_view name) override;

 private:
  const std::optional<Value>& peek();
  std::int64_t find_length(Heap& heap);

  Iteration next_;
  std::deque<Value> read_ahead_;  // by find_length
  std::optional<std::int64_t> length_;
  std::int64_t index0_ = -1;
  bool peeked_ = false, finished_ = false;
  std::optional<Value> after_, current_, before_;
  std::optional<std::vector<Value>> last_changed_;
};

}  // namespace verbatim::jinja
