// The first thing in which what was found differs from what a server writes.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "json/json.h"
#include "json/reader.h"

namespace verbatim {

// Why an answer is not accepted. The other kind of error of a Result.
struct Mismatch {
  std::string what;  // "request.seed", "response/choices/0/text"
  std::string message;
};

struct FirstDifference {
  std::string
      place;  // of a value: a JSON pointer (RFC 6901); of a stream: "/events/4", and the pointer in it
  std::string sentence;  // "is 4, must be 5": what goes on after the place
};

// As JSON values: the order of keys means nothing, 1 is 1.0, and every key counts.
std::optional<FirstDifference> first_difference(const Json& found, const Json& expected);

// As bytes, comments that keep a connection alive aside. expected: the events, each whole; first: the number of the
// first of them
std::optional<FirstDifference> first_difference(std::string_view found,
                                                const std::vector<std::string>& expected, std::int64_t first);

}  // namespace verbatim
