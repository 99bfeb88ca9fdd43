// Result<T>: a value, or one sentence saying what was wrong with the input.
//
// Used for everything that a user's file, flag or request can get wrong. The sentence names the file, key or
// field. A broken promise of our own code is not an Error: see check.h. Result<T, E> carries another kind of
// error, which has a `message` too.
#pragma once

#include <fmt/format.h>

#include <string>
#include <utility>
#include <variant>

#include "base/check.h"

namespace verbatim {

struct Error {
  std::string message;
};

// fail("{}: tensor '{}' has no data", path, name)
template <class... Args>
Error fail(fmt::format_string<Args...> format, Args&&... args) {
  return Error{fmt::format(format, std::forward<Args>(args)...)};
}

template <class T, class E = Error>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::move(value)) {}  // NOLINT: implicit by design
  Result(E error) : state_(std::move(error)) {}  // NOLINT
  bool ok() const { return state_.index() == 0; }
  explicit operator bool() const { return ok(); }

  // REQUIRES: ok()
  T& value() & {
    require_ok();
    return std::get<0>(state_);
  }
  const T& value() const& {
    require_ok();
    return std::get<0>(state_);
  }
  T&& value() && {
    require_ok();
    return std::get<0>(std::move(state_));
  }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

  // REQUIRES: !ok()
  const E& error() const {
    CHECK(!ok(), "error() asked of a Result that holds a value");
    return std::get<1>(state_);
  }

 private:
  void require_ok() const {
    CHECK(ok(), "value() asked of a Result that holds the error: {}", std::get<1>(state_).message);
  }
  std::variant<T, E> state_;
};

// The outcome of an action that returns nothing.
class [[nodiscard]] Status {
 public:
  Status() = default;
  Status(Error error) : error_(std::move(error)), ok_(false) {}  // NOLINT
  bool ok() const { return ok_; }
  explicit operator bool() const { return ok_; }
  const Error& error() const {
    CHECK(!ok_, "error() asked of a Status that is ok");
    return error_;
  }

 private:
  Error error_;
  bool ok_ = true;
};

}  // namespace verbatim
