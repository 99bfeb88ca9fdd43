// Attributes and items: a.name, a['name'], a[0], a[1:2], as Jinja's sandbox looks them up.
#pragma once

#include "jinja/runtime.h"
#include "jinja/value.h"

namespace verbatim::jinja {

// value.name: an attribute or method first, then the key of that name; undefined where there is neither. Raises on
// an undefined value, and on a Python method that this engine lacks.
Value get_attribute(Runtime& runtime, const Value& value, std::string_view name);

// value[key]: an item first, then the attribute of that name.
Value get_item(Runtime& runtime, const Value& value, const Value& key);

// value[start:stop:step]; nullptr: left out
Value get_slice(Runtime& runtime, const Value& value, const Value* start, const Value* stop,
                const Value* step);

// "address.city" or "0.name" or 0, as filters' `attribute` arguments name a place in an item.
class AttributePath {
 public:
  // none: the item itself. `otherwise`: in place of undefined values on the way
  AttributePath(const Value& path, std::optional<Value> otherwise, Heap& heap);
  Value of(Runtime& runtime, Value item) const;

 private:
  std::vector<Value> parts_;
  std::optional<Value> otherwise_;
};

// The lower case of text, other values as they are: how filters compare unless case_sensitive is set.
Value without_case(const Value& value, Heap& heap);

}  // namespace verbatim::jinja
