// CHECK(condition, "sentence {}", args...): our own promises. A failed CHECK is a bug of ours and ends the
// process with the sentence, the condition and its place. It is never the answer to bad input (see result.h).
// In code for a GPU it ends the kernel; what runs on the host beside it says the sentence as it is written.
#pragma once

#ifndef __CUDACC__
#include <fmt/format.h>
#endif

#include <string_view>

namespace verbatim {

[[noreturn]] void check_failed(const char* file, int line, const char* condition, std::string_view sentence);

}  // namespace verbatim

#if defined(__CUDA_ARCH__)
#define CHECK(condition, ...) ((condition) ? void() : __trap())
#elif defined(__CUDACC__)
#define VERBATIM_SENTENCE(sentence, ...) sentence
#define CHECK(condition, ...) \
  ((condition)                \
       ? void()               \
       : ::verbatim::check_failed(__FILE__, __LINE__, #condition, VERBATIM_SENTENCE(__VA_ARGS__, "")))
#else
#define CHECK(condition, ...)                                                               \
  do {                                                                                      \
    if (!(condition)) [[unlikely]]                                                          \
      ::verbatim::check_failed(__FILE__, __LINE__, #condition, ::fmt::format(__VA_ARGS__)); \
  } while (false)
#endif
