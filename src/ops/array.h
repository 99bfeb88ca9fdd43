// Memory and Array<T>: memory of one backend.
//
// Operations take pointers into it and run in the order in which they were enqueued, when the backend likes. Host code never
// follows such a pointer, which may lie on another device: it reaches this memory by write() and read() alone.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <new>
#include <span>
#include <type_traits>
#include <utility>

#include "base/check.h"

namespace verbatim {

// Whoever gives memory and takes it back. Not thread safe: one caller at a time, who also enqueues the operations.
class Memory {
 public:
  // 64-byte aligned and zeroed; nullptr for 0 bytes. Throws std::bad_alloc.
  virtual std::byte* allocate(std::size_t bytes) = 0;
  // Once all that was enqueued has run.
  virtual void release(std::byte* data, std::size_t bytes) noexcept = 0;

  // Enqueued; `from` may go away when it returns.
  virtual void write(std::byte* to, std::span<const std::byte> from) = 0;
  // Waits for what was enqueued before.
  virtual void read(const std::byte* from, std::span<std::byte> to) = 0;
  // Enqueued. The two do not overlap. Never fails.
  virtual void copy(std::byte* to, const std::byte* from, std::size_t bytes) noexcept = 0;

 protected:
  ~Memory() = default;
};

// n elements, zeroed when made. Moves, never copies.
template <class T>
class Array {
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  Array() = default;
  // memory: outlives the array
  Array(Memory& memory, std::size_t n)
      : memory_(&memory), data_(reinterpret_cast<T*>(memory.allocate(bytes_of(n)))), size_(n) {}
  Array(Memory& memory, std::span<const T> values) : Array(memory, values.size()) { write(values); }
  Array(Array&& other) noexcept
      : memory_(std::exchange(other.memory_, nullptr)),
        data_(std::exchange(other.data_, nullptr)),
        size_(std::exchange(other.size_, 0)) {}
  Array& operator=(Array&& other) noexcept {
    std::swap(memory_, other.memory_);
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    return *this;
  }
  ~Array() {
    if (data_ != nullptr) memory_->release(reinterpret_cast<std::byte*>(data_), size_ * sizeof(T));
  }

  T* data() const { return data_; }  // for operations
  std::size_t size() const { return size_; }

  // REQUIRES: first + values.size() <= size()
  void write(std::span<const T> values, std::size_t first = 0) {
    check(first, values.size());
    if (!values.empty()) memory_->write(reinterpret_cast<std::byte*>(data_ + first), std::as_bytes(values));
  }
  void read(std::span<T> values, std::size_t first = 0) const {
    check(first, values.size());
    if (!values.empty())
      memory_->read(reinterpret_cast<const std::byte*>(data_ + first), std::as_writable_bytes(values));
  }

 private:
  static std::size_t bytes_of(std::size_t n) {
    if (n > std::numeric_limits<std::size_t>::max() / sizeof(T)) throw std::bad_array_new_length();
    return n * sizeof(T);
  }
  void check(std::size_t first, std::size_t count) const {
    CHECK(first <= size_ && count <= size_ - first, "{} elements from {} on, of {}", count, first, size_);
  }

  Memory* memory_ = nullptr;
  T* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace verbatim
