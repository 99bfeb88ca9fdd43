// Value: what a template computes with, under Python's names and rules.
//
// Values are immutable, as Jinja's ImmutableSandboxedEnvironment has it: no method changes a list or a dict. What
// has state (a namespace, a loop, a generator) is an Object. Text is well-formed UTF-8 and is counted, indexed and
// cut by code point. Everything that grows is made by a Heap, which counts it.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

#include "jinja/failure.h"

namespace verbatim::jinja {

class Heap;
class Runtime;
class Value;
struct Arguments;

// The items one after the other; nullopt at the end.
using Iteration = std::function<std::optional<Value>()>;

// Bytes that a heap counts as held for as long as this lives.
class Charge {
 public:
  Charge() = default;
  Charge(Heap& heap, std::size_t bytes);
  Charge(const Charge&) = delete;
  Charge& operator=(const Charge&) = delete;
  ~Charge();

 private:
  Heap* heap_ = nullptr;
  std::size_t bytes_ = 0;
};

struct Text {
  explicit Text(std::string text, bool is_markup = false);
  Text(Heap& heap, std::string text, bool is_markup);
  bool ascii() const { return characters == static_cast<std::int64_t>(bytes.size()); }

  const std::string bytes;
  const std::int64_t characters;  // code points
  const bool markup;              // Python's Markup: `|safe`, `|escape`
  Charge charge;
};

struct List;
struct Dict;

// Something with state or behaviour of its own. The defaults are those of a Python object that has neither.
class Object {
 public:
  virtual ~Object() = default;
  virtual std::string_view type_name() const = 0;
  virtual std::string repr(Heap&) const { raise("a {} cannot be printed", type_name()); }
  virtual std::optional<Value> attribute(Runtime&, const Value& self,
                                         std::string_view name);  // nullopt: has none of this name
  virtual Iteration iterate(Heap&);                               // empty: not iterable
  virtual std::optional<std::int64_t> length() const { return std::nullopt; }
  virtual std::optional<Value> item(std::int64_t index) const;  // REQUIRES: 0 <= index < *length()
  virtual bool indexable() const { return false; }
  virtual bool callable() const { return false; }
  virtual Value call(Runtime&, const Arguments&);
  virtual int depth() const { return 1; }

  std::optional<Charge> charge;  // set by Heap::object
};

struct Undefined {
  std::shared_ptr<const Text> why;  // the sentence for whoever uses it
};
struct None {};

class Value {
 public:
  using Storage =
      std::variant<Undefined, None, bool, std::int64_t, double, std::shared_ptr<const Text>,
                   std::shared_ptr<const List>, std::shared_ptr<const Dict>, std::shared_ptr<Object>>;

  Value() : state_(None{}) {}
  Value(bool value) : state_(value) {}                                    // NOLINT: implicit by design
  Value(std::int64_t value) : state_(value) {}                            // NOLINT
  Value(double value) : state_(value) {}                                  // NOLINT
  Value(std::shared_ptr<const Text> value) : state_(std::move(value)) {}  // NOLINT
  Value(std::shared_ptr<const List> value) : state_(std::move(value)) {}  // NOLINT
  Value(std::shared_ptr<const Dict> value) : state_(std::move(value)) {}  // NOLINT
  Value(std::shared_ptr<Object> value) : state_(std::move(value)) {}      // NOLINT
  Value(const void*) = delete;
  Value(Undefined value) : state_(std::move(value)) {}  // NOLINT

  bool is_undefined() const { return state_.index() == 0; }
  bool is_none() const { return state_.index() == 1; }
  bool is_bool() const { return state_.index() == 2; }
  bool is_int() const { return state_.index() == 3; }
  bool is_float() const { return state_.index() == 4; }

  // nullptr when it is something else
  const Text* text() const { return raw<std::shared_ptr<const Text>>(); }
  const List* list() const { return raw<std::shared_ptr<const List>>(); }  // lists and tuples
  const Dict* dict() const { return raw<std::shared_ptr<const Dict>>(); }
  Object* object() const { return raw<std::shared_ptr<Object>>(); }
  template <class T>
  T* object_as() const {
    return dynamic_cast<T*>(object());
  }

  std::optional<bool> boolean() const {
    return is_bool() ? std::optional(std::get<bool>(state_)) : std::nullopt;
  }
  std::optional<std::int64_t> integer() const;  // of an int or a bool
  std::optional<double> real() const {          // of a float only
    return is_float() ? std::optional(std::get<double>(state_)) : std::nullopt;
  }

  const Storage& state() const { return state_; }
  std::string_view type_name() const;  // Python's: "NoneType", "str", ...
  int depth() const;                   // how deep lists and dicts lie in one another; a number has 0
  // Raises the sentence of an undefined value; nothing for others.
  const Value& require_defined() const;

 private:
  template <class P>
  typename P::element_type* raw() const {
    const P* pointer = std::get_if<P>(&state_);
    return pointer ? pointer->get() : nullptr;
  }
  Storage state_;
};

struct List {
  enum class Form { list, tuple, group };  // group: what groupby gives, a tuple with two names

  bool is_list() const { return form == Form::list; }

  const Form form;
  const std::vector<Value> items;
  const int depth;
  Charge charge;
};

// Insertion-ordered, with Python's keys: text, numbers, None, tuples.
struct Dict {
  using Entry = std::pair<Value, Value>;

  const Value* find(const Value& key, Heap& heap) const;  // raises where the key is not hashable
  const Value* find(std::string_view key) const;

  std::vector<Entry> entries;
  std::unordered_map<std::string_view, std::size_t> text_keys;  // into entries' own text
  int depth = 1;
  std::optional<Charge> charge;  // once the entries are known
};

// The arguments of a call.
struct Arguments {
  std::vector<Value> positional;
  std::vector<std::pair<std::string, Value>> named;
};

}  // namespace verbatim::jinja
