// The small parts of the API, each alone.
#include <gtest/gtest.h>

#include <random>

#include "server/api_error.h"
#include "server/body_pieces.h"
#include "server/choice_order.h"
#include "server/json_text.h"
#include "server/memory_budget.h"
#include "server/metrics.h"
#include "server/pace.h"
#include "server/resume_id.h"

namespace verbatim::server {
namespace {

// What left a ChoiceOrder, in order: "<choice> prompt", "<choice> token <id> <text> <log-probability>", "<choice> end <tokens>".
struct WhatLeft final : ChoiceEvents {
  void prompt(std::size_t choice) override { lines.push_back(fmt::format("{} prompt", choice)); }
  void token(std::size_t choice, const TokenEvent& event) override {
    std::string line = fmt::format("{} token {} '{}'", choice, event.token, event.text);
    if (event.logprobs)
      for (const TokenLogprob& each : event.logprobs->top)
        line += fmt::format(" {}:{}", each.token, each.logprob);
    lines.push_back(line);
  }
  void finish(std::size_t choice, const Finish& finish) override {
    lines.push_back(fmt::format("{} end {}", choice, finish.tokens));
  }
  std::vector<std::string> lines;
};

// Event `number` of a choice that has `length` of them.
void give(ChoiceEvents& out, std::size_t choice, std::size_t number, std::size_t length, bool logprobs) {
  if (number == 0) return out.prompt(choice);
  if (number + 1 == length) {
    Finish finish;
    finish.tokens = static_cast<std::int64_t>(number);
    return out.finish(choice, finish);
  }
  TokenEvent event;
  event.token = static_cast<std::int32_t>(100 * choice + number);
  event.text = std::string(number % 3, static_cast<char>('a' + choice));
  if (logprobs)
    event.logprobs = Logprobs{{event.token, -1}, {{event.token, -1}, {7, -static_cast<float>(number)}}};
  out.token(choice, event);
}

struct IntoOrder final : ChoiceEvents {
  explicit IntoOrder(ChoiceOrder& into) : order(into) {}
  void prompt(std::size_t choice) override { order.prompt(choice); }
  void token(std::size_t choice, const TokenEvent& event) override { order.token(choice, event); }
  void finish(std::size_t choice, const Finish& finish) override { order.finish(choice, finish); }
  ChoiceOrder& order;
};

// Whatever way events of several choices come, they leave by (number, choice), whole.
TEST(ChoiceOrder, IsTheSameForEveryArrival) {
  std::mt19937 random(1);
  for (int round = 0; round < 300; ++round) {
    std::size_t choices = 1 + random() % 6;
    const bool logprobs = round % 2 == 0;
    std::vector<std::size_t> lengths(choices), sent(choices);
    for (std::size_t& length : lengths) length = 2 + random() % 9;
    WhatLeft expected, seen;
    for (std::size_t number = 0; number < 10; ++number)
      for (std::size_t choice = 0; choice < choices; ++choice)
        if (number < lengths[choice]) give(expected, choice, number, lengths[choice], logprobs);
    ChoiceOrder order(choices, seen);
    IntoOrder into(order);
    while (seen.lines.size() < expected.lines.size()) {
      EXPECT_FALSE(order.done());
      std::size_t choice = random() % choices;
      if (sent[choice] == lengths[choice]) continue;
      give(into, choice, sent[choice], lengths[choice], logprobs);
      ++sent[choice];
    }
    EXPECT_EQ(seen.lines, expected.lines);
    EXPECT_TRUE(order.done());
  }
}

TEST(ChoiceOrder, OneChoiceIsNeverHeldBack) {
  WhatLeft seen;
  ChoiceOrder order(1, seen);
  IntoOrder into(order);
  for (std::size_t i = 0; i < 5; ++i) {
    give(into, 0, i, 5, true);
    EXPECT_EQ(seen.lines.size(), i + 1);
  }
}

TEST(MemoryBudget, IsGivenBackAndNeverExceeded) {
  auto budget = std::make_shared<MemoryBudget>(100);
  {
    MemoryShare one(budget), other(budget, 10);
    EXPECT_TRUE(one.hold(60));
    EXPECT_TRUE(other.hold(50)) << "10 of it are free";
    EXPECT_EQ(budget->held(), 100u);
    EXPECT_FALSE(one.hold(61));
    EXPECT_TRUE(other.hold(10));
    EXPECT_TRUE(one.hold(100));
    EXPECT_FALSE(other.hold(11));
    EXPECT_TRUE(other.hold(3));
    EXPECT_TRUE(one.hold(1));
    EXPECT_EQ(budget->held(), 1u);
  }
  EXPECT_EQ(budget->held(), 0u);
}

BodyPieces counted_to(int end) {
  std::string out;
  for (int i = 0; i < end; ++i) {
    out += fmt::format("{} ", i);
    if (i % 3 == 2) co_yield out;
  }
  if (end < 0) throw std::bad_alloc();
  co_yield out += '.';
}

TEST(BodyPieces, ComeInOrderAndEnd) {
  BodyPieces pieces = counted_to(5);
  std::string piece;
  ASSERT_TRUE(pieces.next(piece));
  EXPECT_EQ(piece, "0 1 2 ");
  ASSERT_TRUE(pieces.next(piece));
  EXPECT_EQ(piece, "3 4 .");
  EXPECT_FALSE(pieces.next(piece));
  EXPECT_THROW(counted_to(-1).next(piece), std::bad_alloc);
}

TEST(ResumeId, ReadsWhatItWrote) {
  ResumeId id{"0123456789abcdef", 1700000000, std::string(24, 'a'), 42};
  EXPECT_EQ(id.text(), "0123456789abcdef.6553f100.aaaaaaaaaaaaaaaaaaaaaaaa.42");
  auto read = parse_resume_id(id.text());
  ASSERT_TRUE(read.ok());
  EXPECT_EQ(*read, id);
}

TEST(ResumeId, RefusesEverythingElse) {
  std::string good = ResumeId{"0123456789abcdef", 1700000000, std::string(24, 'a'), 42}.text();
  for (std::string bad :
       {std::string(), std::string("..."), good + " ", " " + good, good + ".1", good.substr(1),
        good.substr(0, good.rfind('.')), good.substr(0, good.size() - 2),
        std::string("0123456789ABCDEF.6553f100.aaaaaaaaaaaaaaaaaaaaaaaa.42"),
        std::string("0123456789abcdef.06553f100.aaaaaaaaaaaaaaaaaaaaaaaa.42"),
        std::string("0123456789abcdef.6553f100.aaaaaaaaaaaaaaaaaaaaaaaa.042"),
        std::string("0123456789abcdef.6553f100.aaaaaaaaaaaaaaaaaaaaaaaa.-1"),
        std::string("0123456789abcdef.6553f100.aaaaaaaaaaaaaaaaaaaaaaaa.99999999999999999999"),
        std::string(10000, 'a')})
    EXPECT_FALSE(parse_resume_id(bad).ok()) << bad;
}

TEST(JsonText, ReadsBackAsItWas) {
  std::string text = "quote \" backslash \\ newline \n tab \t bell \x07 nul ";
  text += '\0';
  text += " umlaut ü smile 😀";
  EXPECT_EQ(nlohmann::json::parse(json_string(text)).get<std::string>(), text);
  EXPECT_EQ(nlohmann::json::parse(json_string("cut \xe2\x82")).get<std::string>(), "cut \xef\xbf\xbd");
  std::mt19937 random(2);
  for (int i = 0; i < 20000; ++i) {
    float value = std::bit_cast<float>(static_cast<std::uint32_t>(random()));
    if (!std::isfinite(value)) continue;
    std::string written;
    append_json_number(written, value);
    auto read = static_cast<float>(nlohmann::json::parse(written).get<double>());
    EXPECT_EQ(std::bit_cast<std::uint32_t>(read), std::bit_cast<std::uint32_t>(value)) << written;
  }
}

TEST(ApiError, IsNestedAsClientsExpect) {
  auto error = nlohmann::json::parse(error_body(refuse("top_p", "top_p is {}", 2)))["error"];
  EXPECT_EQ(error["message"], "top_p is 2");
  EXPECT_EQ(error["type"], "invalid_request_error");
  EXPECT_EQ(error["param"], "top_p");
  EXPECT_EQ(error["code"], "invalid_value");
  EXPECT_TRUE(nlohmann::json::parse(error_body({503, "later", {}, {}, {}}))["error"]["param"].is_null());
}

// Retry-After: what waits, at the pace of the answers that ended last.
TEST(Pace, IsThatOfTheLastAnswers) {
  using std::chrono::milliseconds, std::chrono::seconds;
  Pace::Time start{};
  Pace pace(start);
  EXPECT_EQ(pace.time_for(1000, start), seconds(1)) << "nothing is known yet";
  EXPECT_EQ(pace.time_for(4, start + seconds(5)), seconds(21)) << "as if one ended now";
  for (int i = 1; i <= 1000; ++i) pace.count(start + i * milliseconds(100));
  Pace::Time now = start + seconds(100);
  EXPECT_EQ(pace.time_for(100, now), seconds(10));
  EXPECT_EQ(pace.time_for(0, now), seconds(1));
  EXPECT_EQ(pace.time_for(100'000, now), seconds(60));
  pace.restart(now + seconds(3600));
  EXPECT_EQ(pace.time_for(10, now + seconds(3601)), seconds(11)) << "an idle hour is no slow hour";
}

TEST(Metrics, HistogramsCountAndSum) {
  constexpr double kBounds[] = {1, 2};
  Histogram histogram(kBounds);
  for (double value : {0.5, 1.0, 1.5, 7.0}) histogram.observe(value);
  std::string text;
  histogram.append(text, "h", "m=\"x\"");
  EXPECT_EQ(text,
            "h_bucket{m=\"x\",le=\"1\"} 2\nh_bucket{m=\"x\",le=\"2\"} 3\nh_bucket{m=\"x\",le=\"+Inf\"} 4\n"
            "h_sum{m=\"x\"} 10\nh_count{m=\"x\"} 4\n");
}

}  // namespace
}  // namespace verbatim::server
