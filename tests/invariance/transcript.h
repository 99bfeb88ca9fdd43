// Transcript: everything that a sink received, kept for comparison on bits.
#pragma once

#include <gtest/gtest.h>

#include <bit>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "engine/engine.h"

namespace verbatim {

class Transcript : public TokenSink {
 public:
  using Place = std::pair<std::int64_t, std::int64_t>;  // choice, position

  void on_logits(std::int64_t choice, std::int64_t position, std::span<const float> row) override {
    EXPECT_TRUE(logits.emplace(Place{choice, position}, std::vector(row.begin(), row.end())).second)
        << "the logits of position " << position << " came twice";
  }
  void on_prompt_token(std::int64_t position, const Logprobs& value) override {
    EXPECT_TRUE(prompt.empty() || prompt.rbegin()->first == position - 1) << "prompt positions out of order";
    EXPECT_TRUE(prompt.emplace(position, value).second);
  }
  void on_token(const TokenEvent& event) override {
    EXPECT_FALSE(finish.contains(event.choice)) << "a token after the end";
    tokens[event.choice].push_back(event.token);
    text[event.choice] += event.text;
    if (event.logprobs) logprobs[{event.choice, event.position}] = *event.logprobs;
  }
  void on_finish(const Finish& f) override {
    EXPECT_TRUE(finish.emplace(f.choice, f).second) << "choice " << f.choice << " ended twice";
    text[f.choice] += f.text;
  }

  const Witness& witness(std::int64_t choice = 0) const { return finish.at(choice).witness; }

  // The tokens of the first answer.
  std::vector<std::int32_t> drawn() const {
    auto found = tokens.find(0);
    return found == tokens.end() ? std::vector<std::int32_t>() : found->second;
  }

  std::map<Place, std::vector<float>> logits;
  std::map<std::int64_t, Logprobs> prompt;
  std::map<std::int64_t, std::vector<std::int32_t>> tokens;
  std::map<std::int64_t, std::string> text;
  std::map<Place, Logprobs> logprobs;
  std::map<std::int64_t, Finish> finish;
};

inline std::uint32_t bits_of(float x) { return std::bit_cast<std::uint32_t>(x); }

// Compares every row of logits that `actual` holds with the same position of `expected`, and says how many
// rows that were. On a difference: how many floats differ, and the first with its coordinates and bits.
inline std::int64_t expect_same_logits(const Transcript& actual, const Transcript& expected,
                                       const std::string& name) {
  std::int64_t differing = 0;
  std::string first;
  for (const auto& [place, row] : actual.logits) {
    auto it = expected.logits.find(place);
    if (it == expected.logits.end()) {
      ADD_FAILURE() << name << ": position " << place.second << " has nothing to be compared with";
      return 0;
    }
    for (std::size_t i = 0; i < row.size(); ++i) {
      if (bits_of(row[i]) == bits_of(it->second[i])) continue;
      if (differing++ == 0)
        first = fmt::format("position {} token {}: {:a} ({:08x}), expected {:a} ({:08x})", place.second, i,
                            row[i], bits_of(row[i]), it->second[i], bits_of(it->second[i]));
    }
  }
  EXPECT_EQ(differing, 0) << name << ": " << differing << " logits differ, the first at " << first;
  return static_cast<std::int64_t>(actual.logits.size());
}

inline void expect_same_logprobs(const Logprobs& actual, const Logprobs& expected) {
  ASSERT_EQ(actual.top.size(), expected.top.size());
  EXPECT_EQ(actual.chosen.token, expected.chosen.token);
  EXPECT_EQ(bits_of(actual.chosen.logprob), bits_of(expected.chosen.logprob));
  for (std::size_t i = 0; i < actual.top.size(); ++i) {
    EXPECT_EQ(actual.top[i].token, expected.top[i].token);
    EXPECT_EQ(bits_of(actual.top[i].logprob), bits_of(expected.top[i].logprob));
  }
}

// Everything that a client may see.
inline void expect_same_answers(const Transcript& actual, const Transcript& expected,
                                const std::string& name) {
  SCOPED_TRACE(name);
  EXPECT_EQ(actual.tokens, expected.tokens);
  EXPECT_EQ(actual.text, expected.text);
  EXPECT_EQ(actual.logits.size(), expected.logits.size());
  ASSERT_EQ(actual.finish.size(), expected.finish.size());
  for (const auto& [choice, finish] : actual.finish) {
    const Finish& other = expected.finish.at(choice);
    EXPECT_EQ(finish.reason, other.reason);
    EXPECT_EQ(finish.message, other.message);
    EXPECT_EQ(finish.stop_string, other.stop_string);
    EXPECT_EQ(finish.stop_token, other.stop_token);
    EXPECT_EQ(finish.tokens, other.tokens);
  }
  ASSERT_EQ(actual.logprobs.size(), expected.logprobs.size());
  for (const auto& [place, value] : actual.logprobs) expect_same_logprobs(value, expected.logprobs.at(place));
  ASSERT_EQ(actual.prompt.size(), expected.prompt.size());
  for (const auto& [position, value] : actual.prompt)
    expect_same_logprobs(value, expected.prompt.at(position));
}

}  // namespace verbatim
