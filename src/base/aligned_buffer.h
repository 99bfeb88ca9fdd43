// AlignedBuffer<T>: an owned array of n trivially copyable elements, 64-byte aligned, zeroed when made; large
// ones ask the kernel for huge pages. Moves, never copies. Memory that is not there, or could not be (n
// elements that overflow a size), throws std::bad_alloc.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <new>
#include <type_traits>
#include <utility>

#include "base/check.h"

namespace verbatim {

void* allocate_zeroed(std::size_t bytes);  // 64-byte aligned; nullptr for 0 bytes
void release(void* data, std::size_t bytes);

template <class T>
class AlignedBuffer {
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  AlignedBuffer() = default;
  explicit AlignedBuffer(std::size_t n) : data_(static_cast<T*>(allocate_zeroed(bytes_of(n)))), size_(n) {}
  AlignedBuffer(AlignedBuffer&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}
  AlignedBuffer& operator=(AlignedBuffer&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    return *this;
  }
  ~AlignedBuffer() { release(data_, size_ * sizeof(T)); }

  T* data() { return data_; }
  const T* data() const { return data_; }
  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  T& operator[](std::size_t i) { return data_[i]; }
  const T& operator[](std::size_t i) const { return data_[i]; }
  T* begin() { return data_; }
  T* end() { return data_ + size_; }
  const T* begin() const { return data_; }
  const T* end() const { return data_ + size_; }

 private:
  static std::size_t bytes_of(std::size_t n) {
    if (n > std::numeric_limits<std::size_t>::max() / sizeof(T)) throw std::bad_array_new_length();
    return n * sizeof(T);
  }

  T* data_ = nullptr;
  std::size_t size_ = 0;
};

// The elements of a buffer with room for n: made anew, zeroed, where it has less.
template <class T>
T* at_least(AlignedBuffer<T>& buffer, std::int64_t n) {
  if (buffer.size() < static_cast<std::size_t>(n)) buffer = AlignedBuffer<T>(static_cast<std::size_t>(n));
  return buffer.data();
}

}  // namespace verbatim
