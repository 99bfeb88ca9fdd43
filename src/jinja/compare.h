// How Python compares values: truth, ==, <, in, and which may be keys.
#pragma once

#include "jinja/value.h"

namespace verbatim::jinja {

bool truth(const Value& value);
bool equal(const Value& a, const Value& b, Heap& heap);
bool identical(const Value& a, const Value& b);  // Python's `is`
// a < b. Raises where Python has no order between the two.
bool less(const Value& a, const Value& b, Heap& heap);
bool contains(const Value& container, const Value& item, Heap& heap);
void require_hashable(const Value& key);

// len(value); nullopt where it has none.
std::optional<std::int64_t> length(const Value& value);

// Empty where the value is not iterable. Each item costs a step.
Iteration try_iterate(const Value& value, Heap& heap);
Iteration iterate(const Value& value, Heap& heap);        // raises instead
Iteration iterate_later(const Value& value, Heap& heap);  // raises when the first item is asked for
std::vector<Value> items_of(const Value& value, Heap& heap);

}  // namespace verbatim::jinja
