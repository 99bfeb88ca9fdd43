// CHECK(condition, "sentence {}", args...): our own promises. A failed CHECK is a bug of ours and ends the
// process with the sentence, the condition and its place. It is never the answer to bad input (see result.h).
#pragma once

#include <fmt/format.h>

#include <string_view>

namespace verbatim {

[[noreturn]] void check_failed(const char* file, int line, const char* condition, std::string_view sentence);

}  // namespace verbatim

#define CHECK(condition, ...)                                                               \
  do {                                                                                      \
    if (!(condition)) [[unlikely]]                                                          \
      ::verbatim::check_failed(__FILE__, __LINE__, #condition, ::fmt::format(__VA_ARGS__)); \
  } while (false)
