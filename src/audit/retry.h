// Which failures are worth another attempt, and how long to wait before it.
#pragma once

#include <chrono>
#include <optional>
#include <string>

namespace verbatim::audit {

struct Retries {
  int attempts = 5;  // in all
  std::chrono::milliseconds first_wait{500}, longest_wait{60'000};
};

// The value of a Retry-After header (RFC 9110, section 10.2.3): seconds, or a date. Nothing: it is neither.
std::optional<std::chrono::milliseconds> parse_retry_after(const std::string& value,
                                                           std::chrono::system_clock::time_point now);

// status: of the response; 0: none came. attempts: made so far. retry_after: its header. Nothing: give up; also
// where the server asks for more patience than longest_wait.
std::optional<std::chrono::milliseconds> wait_before_retry(const Retries& retries, int status, int attempts,
                                                           const std::string& retry_after);

}  // namespace verbatim::audit
