// Parameters that other servers of this API know and this one does not: refused by name, so that nobody believes
// that they did something.
#pragma once

#include <span>
#include <string_view>

#include "server/json_text.h"

namespace verbatim::server {

struct UnsupportedParameter {
  std::string_view name;
  std::string_view harmless;  // a value, as JSON, that asks for nothing; empty: only null does
  std::string_view instead;   // what to do in its place

  bool asks_for_nothing(const OrderedJson& value) const;
};

std::span<const UnsupportedParameter> unsupported_parameters();
const UnsupportedParameter* find_unsupported(std::string_view name);  // nullptr: not one of them

}  // namespace verbatim::server
