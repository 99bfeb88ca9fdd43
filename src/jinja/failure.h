// Failure: what ends parsing or rendering. It is thrown inside this module only: Template::create and
// Template::render (template.h) turn it into an Error.
#pragma once

#include <fmt/format.h>

#include <string>
#include <utility>

namespace verbatim::jinja {

struct Failure {
  std::string message;
  int line = 0;            // 0: not known yet; the innermost node that sees the failure fills it in
  bool from_user = false;  // raise_exception's own words, passed on as they are
};

// raise("'{}' object is not iterable", type)
template <class... Args>
[[noreturn]] void raise(fmt::format_string<Args...> format, Args&&... args) {
  throw Failure{fmt::format(format, std::forward<Args>(args)...)};
}

template <class... Args>
[[noreturn]] void raise_at(int line, fmt::format_string<Args...> format, Args&&... args) {
  throw Failure{fmt::format(format, std::forward<Args>(args)...), line};
}

}  // namespace verbatim::jinja
