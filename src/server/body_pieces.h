// BodyPieces: a body that is written piece by piece while it is sent, so that no more of it is held than a piece.
//
// A coroutine that writes into a string and, whenever that has grown enough, yields it:
//
//   BodyPieces list(std::shared_ptr<const Things> things) {
//     std::string out = "[";
//     for (const Thing& thing : *things) {
//       append(out, thing);
//       if (is_piece(out)) co_yield out;  // which is empty after it
//     }
//     co_yield out += ']';
//   }
//
// What its arguments refer to must live as long as it does.
#pragma once

#include <coroutine>
#include <cstddef>
#include <exception>
#include <string>
#include <utility>

namespace verbatim::server {

class BodyPieces {
 public:
  struct promise_type {
    BodyPieces get_return_object() {
      return BodyPieces(std::coroutine_handle<promise_type>::from_promise(*this));
    }
    std::suspend_always initial_suspend() noexcept { return {}; }
    std::suspend_always final_suspend() noexcept { return {}; }
    std::suspend_always yield_value(std::string& written) {
      piece = std::exchange(written, {});
      return {};
    }
    void return_void() {}
    void unhandled_exception() { throw; }

    std::string piece;
  };

  explicit BodyPieces(std::coroutine_handle<promise_type> handle) : handle_(handle) {}
  BodyPieces(BodyPieces&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  BodyPieces& operator=(BodyPieces&& other) noexcept {
    std::swap(handle_, other.handle_);
    return *this;
  }
  ~BodyPieces() {
    if (handle_) handle_.destroy();
  }

  // The next piece; false: that was the last one. Throws what the writing throws, such as std::bad_alloc.
  // REQUIRES: it was not the last one
  bool next(std::string& piece) {
    handle_.resume();
    if (handle_.done()) return false;
    piece = std::move(handle_.promise().piece);
    return true;
  }

 private:
  std::coroutine_handle<promise_type> handle_;
};

// Whether `out` is worth sending.
inline bool is_piece(const std::string& out) { return out.size() >= (std::size_t{32} << 10); }

}  // namespace verbatim::server
