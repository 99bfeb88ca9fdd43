// The objects that templates meet beside text, numbers, lists and dicts.
#pragma once

#include "jinja/builtin.h"
#include "jinja/runtime.h"

namespace verbatim::jinja {

// range(start, stop, step)
class Range : public Object {
 public:
  Range(std::int64_t start, std::int64_t step, std::int64_t count, std::int64_t stop)
      : start_(start), step_(step), count_(count), stop_(stop) {}
  std::string_view type_name() const override { return "range"; }
  std::string repr(Heap& heap) const override;
  Iteration iterate(Heap& heap) override;
  std::optional<std::int64_t> length() const override { return count_; }
  std::optional<Value> item(std::int64_t i) const override { return Value(start_ + i * step_); }
  bool indexable() const override { return true; }

 private:
  const std::int64_t start_, step_, count_, stop_;
};

// dict.keys(), dict.values(), dict.items()
class DictView : public Object {
 public:
  enum class Part { keys, values, items };
  DictView(Value dict, Part part) : dict_(std::move(dict)), part_(part) {}
  std::string_view type_name() const override;
  std::string repr(Heap& heap) const override;
  Iteration iterate(Heap& heap) override;
  std::optional<std::int64_t> length() const override {
    return static_cast<std::int64_t>(dict_.dict()->entries.size());
  }
  int depth() const override { return dict_.depth() + 1; }

 private:
  const Value dict_;
  const Part part_;
};

// What map, select and their like return: items made when they are asked for, once.
class Generator : public Object {
 public:
  // depth: of the value that it reads from
  Generator(Iteration next, int depth) : next_(std::move(next)), depth_(depth + 1) {}
  std::string_view type_name() const override { return "generator"; }
  Iteration iterate(Heap& heap) override;
  int depth() const override { return depth_; }

 private:
  Iteration next_;
  const int depth_;
};

// namespace(): the one thing whose attributes `set` changes.
class Namespace : public Object {
 public:
  explicit Namespace(std::vector<Dict::Entry> entries);
  std::string_view type_name() const override { return "Namespace"; }
  std::string repr(Heap& heap) const override;
  std::optional<Value> attribute(Runtime&, const Value& self, std::string_view name) override;
  void set(std::string_view name, Value value, Heap& heap);

 private:
  std::vector<std::pair<std::string, Value>> attributes_;
  mutable int printing_ = 0;
};

// cycler(a, b, ...)
class Cycler : public Object {
 public:
  explicit Cycler(std::vector<Value> items) : items_(std::move(items)) {}
  std::string_view type_name() const override { return "Cycler"; }
  std::optional<Value> attribute(Runtime& runtime, const Value& self, std::string_view name) override;
  Value next();
  void reset() { at_ = 0; }

 private:
  const std::vector<Value> items_;
  std::size_t at_ = 0;
};

// joiner(separator): "" at the first call, the separator afterwards
class Joiner : public Object {
 public:
  explicit Joiner(Value separator) : separator_(std::move(separator)) {}
  std::string_view type_name() const override { return "Joiner"; }
  bool callable() const override { return true; }
  Value call(Runtime& runtime, const Arguments& arguments) override;

 private:
  const Value separator_;
  bool used_ = false;
};

Value make_generator(Heap& heap, Iteration next, const Value& source);

}  // namespace verbatim::jinja
