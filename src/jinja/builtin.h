// Builtins: the functions that templates call: filters, tests, methods and globals, each a row of a table.
#pragma once

#include <optional>
#include <span>
#include <string_view>

#include "jinja/runtime.h"
#include "jinja/value.h"

namespace verbatim::jinja {

// One call, its arguments bound to the parameters of the function's row.
struct Call {
  Runtime& runtime;
  const Value& self;                                 // the filtered, tested or called-upon value
  std::vector<std::optional<Value>> args;            // one for each parameter; nullopt: not given
  std::vector<Value> rest;                           // what a parameter "*" takes
  std::vector<std::pair<std::string, Value>> named;  // what "**" takes

  Heap& heap() const { return runtime.heap; }
  bool given(std::size_t i) const { return args[i] && !args[i]->is_none(); }
  const Value& operator[](std::size_t i) const { return *args[i]; }
  // A default for what is not given. Raise where it has another type.
  std::int64_t integer(std::size_t i, std::int64_t otherwise = 0) const;
  std::string text(std::size_t i, std::string_view otherwise = "") const;
  bool truth(std::size_t i, bool otherwise) const;
};

struct Builtin {
  std::string_view name;
  std::string_view
      parameters;  // "old new count?": names in order, ? for those with a default, * and ** as in Python
  Value (*function)(const Call& call);
};

const Builtin* find_builtin(std::span<const Builtin> table, std::string_view name);

// Raises where the arguments do not fit the parameters.
Value invoke(Runtime& runtime, const Builtin& builtin, const Value& self, const Arguments& arguments);

// The tables.
const Builtin* find_filter(std::string_view name);
const Builtin* find_test(std::string_view name);
const Builtin* find_global(std::string_view name);
std::span<const Builtin> text_methods();
std::span<const Builtin> list_methods();
std::span<const Builtin> dict_methods();

// The filters' table is made of these.
std::span<const Builtin> text_filters();
std::span<const Builtin> number_filters();
std::span<const Builtin> sequence_filters();
std::span<const Builtin> selection_filters();

// A builtin as a value, bound to `self`.
Value bound(Heap& heap, const Builtin& builtin, Value self);

}  // namespace verbatim::jinja
