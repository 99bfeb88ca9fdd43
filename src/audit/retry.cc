#include "audit/retry.h"

#include <algorithm>
#include <charconv>
#include <ctime>

namespace verbatim::audit {

using std::chrono::milliseconds;

std::optional<milliseconds> parse_retry_after(const std::string& value,
                                              std::chrono::system_clock::time_point now) {
  constexpr double kYear = 365.0 * 24 * 3600;
  double seconds = 0;
  auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), seconds);
  if (error == std::errc() && end == value.data() + value.size() && seconds >= 0) {
    return milliseconds(static_cast<std::int64_t>(1000 * std::min(seconds, kYear)));
  }
  std::tm date{};
  const char* rest = ::strptime(value.c_str(), "%a, %d %b %Y %H:%M:%S GMT", &date);
  if (rest == nullptr || *rest != '\0') return std::nullopt;
  auto wait = std::chrono::system_clock::from_time_t(::timegm(&date)) - now;
  return std::max(milliseconds(0), std::chrono::ceil<milliseconds>(wait));
}

std::optional<milliseconds> wait_before_retry(const Retries& retries, int status, int attempts,
                                              const std::string& retry_after) {
  bool passing = status == 0 || status == 408 || status == 429 || status >= 500;
  if (!passing || attempts >= retries.attempts) return std::nullopt;
  if (auto asked = parse_retry_after(retry_after, std::chrono::system_clock::now())) {
    return *asked <= retries.longest_wait ? asked : std::nullopt;
  }
  return std::min(retries.longest_wait, retries.first_wait * (1 << std::min(attempts - 1, 20)));
}

}  // namespace verbatim::audit
