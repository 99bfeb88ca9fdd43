#include "audit/retry.h"

#include <gtest/gtest.h>

namespace verbatim::audit {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

TEST(Retry, RetryAfterIsSecondsOrADate) {
  auto now =
      std::chrono::system_clock::from_time_t(784111777);  // RFC 9110, 5.6.7: Sun, 06 Nov 1994 08:49:37 GMT
  EXPECT_EQ(parse_retry_after("120", now), seconds(120));
  EXPECT_EQ(parse_retry_after("0.25", now), milliseconds(250));
  EXPECT_EQ(parse_retry_after("Sun, 06 Nov 1994 08:49:47 GMT", now), seconds(10));
  EXPECT_EQ(parse_retry_after("Sun, 06 Nov 1994 08:00:00 GMT", now), seconds(0));
  for (const char* neither : {"", "soon", "-1", "nan", "1 hour", "Sun, 06 Nov 1994"}) {
    EXPECT_EQ(parse_retry_after(neither, now), std::nullopt) << neither;
  }
  EXPECT_GT(parse_retry_after("1e300", now), seconds(1000));
}

TEST(Retry, WaitsLongerEachTimeAndGivesUp) {
  Retries retries;
  EXPECT_EQ(wait_before_retry(retries, 503, 1, ""), milliseconds(500));
  EXPECT_EQ(wait_before_retry(retries, 503, 2, ""), milliseconds(1000));
  EXPECT_EQ(wait_before_retry(retries, 0, 4, ""), milliseconds(4000));
  EXPECT_EQ(wait_before_retry(retries, 0, 5, ""), std::nullopt);
  retries.attempts = 100;
  EXPECT_EQ(wait_before_retry(retries, 500, 90, ""), retries.longest_wait);
}

TEST(Retry, DoesWhatTheServerAsks) {
  Retries retries;
  EXPECT_EQ(wait_before_retry(retries, 429, 1, "7"), seconds(7));
  EXPECT_EQ(wait_before_retry(retries, 429, 1, "3600"), std::nullopt) << "more patience than there is";
}

TEST(Retry, WhatWillNotPassIsNotTriedAgain) {
  for (int status : {400, 401, 403, 404, 413, 422})
    EXPECT_EQ(wait_before_retry({}, status, 1, ""), std::nullopt);
  for (int status : {0, 408, 429, 500, 502, 503, 504})
    EXPECT_NE(wait_before_retry({}, status, 1, ""), std::nullopt);
}

}  // namespace
}  // namespace verbatim::audit
