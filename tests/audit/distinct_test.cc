// Comparisons of answers made by hand, where every number can be seen.
#include "audit/distinct.h"

#include <gtest/gtest.h>

namespace verbatim::audit {
namespace {

ScoredToken token(const std::string& text, double logprob, std::vector<Token> top = {}) {
  return {{text, std::nullopt, std::nullopt, logprob}, std::move(top)};
}

Answer answer(std::vector<ScoredToken> tokens, const std::string& finish_reason = "length") {
  Answer made;
  for (const ScoredToken& each : tokens) made.text += each.text;
  made.tokens = std::move(tokens);
  made.finish_reason = finish_reason;
  return made;
}

Answer text_only(const std::string& text) {
  Answer made;
  made.text = text;
  made.finish_reason = "stop";
  return made;
}

std::vector<const Answer*> pointers(const std::vector<Answer>& answers) {
  std::vector<const Answer*> made;
  for (const Answer& each : answers) made.push_back(&each);
  return made;
}

const Token kB{" b", {}, {}, -1.0}, kC{" c", {}, {}, -1.5};

TEST(Distinct, TheMostCommonComesFirstAndOthersPartFromIt) {
  std::vector<Answer> answers = {
      answer({token(" a", -0.5), token(" c", -1)}),
      answer({token(" a", -0.5), token(" b", -1, {kB, kC})}),
      answer({token(" a", -0.5), token(" b", -1, {kB, kC})}),
      answer({token(" a", -0.5)}, "stop"),
  };
  auto distinct = distinct_answers(pointers(answers));
  ASSERT_EQ(distinct.size(), 3u);
  EXPECT_EQ(distinct[0].members, (std::vector<std::size_t>{1, 2}));
  EXPECT_FALSE(distinct[0].parting.has_value());
  EXPECT_EQ(distinct[1].parting->at, 1u);
  EXPECT_EQ(distinct[1].parting->common, " b");
  EXPECT_EQ(distinct[1].parting->other, " c");
  EXPECT_EQ(distinct[1].parting->margin(), 0.5);
  EXPECT_EQ(distinct[1].parting->own_logprob, -1);
  EXPECT_EQ(distinct[2].parting->at, 1u) << "one ends where the other goes on";
  EXPECT_EQ(distinct[2].parting->other, "");
  EXPECT_EQ(distinct[2].parting->margin(), std::nullopt);
}

TEST(Distinct, EqualTextsOfOtherTokensAreOtherAnswers) {
  std::vector<Answer> answers = {answer({token(" a", -1), token("b", -1)}), answer({token(" ab", -1)})};
  EXPECT_EQ(distinct_answers(pointers(answers)).size(), 2u);
}

// Some servers list tokens for a part of the answer alone.
TEST(Distinct, OtherTextsOfEqualTokensAreOtherAnswers) {
  std::vector<Answer> answers = {answer({token("a", -1)}), answer({token("a", -1)}),
                                 answer({token("a", -1)})};
  answers[0].text = answers[1].text = "a cat";
  answers[2].text = "a dog";
  auto distinct = distinct_answers(pointers(answers));
  ASSERT_EQ(distinct.size(), 2u);
  EXPECT_EQ(distinct[0].bit_patterns, 1);
  EXPECT_FALSE(distinct[1].parting->in_tokens);
  EXPECT_EQ(distinct[1].parting->at, 2u);
  EXPECT_EQ(distinct[1].parting->other, "dog");
}

TEST(Distinct, FinishReasonsCount) {
  std::vector<Answer> answers = {answer({token("a", -1)}, "stop"), answer({token("a", -1)}, "length")};
  EXPECT_EQ(distinct_answers(pointers(answers)).size(), 2u);
}

TEST(Distinct, BitsAreComparedAsPrinted) {
  std::vector<Answer> answers = {answer({token("a", -0.1)}), answer({token("a", -0.10000000000000002)}),
                                 answer({token("a", -0.1)}), answer({token("a", -0.1, {kB})})};
  auto distinct = distinct_answers(pointers(answers));
  ASSERT_EQ(distinct.size(), 1u);
  EXPECT_EQ(distinct[0].bit_patterns, 3) << "the top list counts, too";
}

// If one answer tells no tokens, texts decide for all.
TEST(Distinct, TextsPartAtABoundaryOfCharacters) {
  std::vector<Answer> answers = {text_only("na\xc3\xafve"), text_only("na\xc3\xafve"),
                                 text_only("na\xc3\xa9")};
  auto distinct = distinct_answers(pointers(answers));
  ASSERT_EQ(distinct.size(), 2u);
  EXPECT_FALSE(distinct[1].parting->in_tokens);
  EXPECT_EQ(distinct[1].parting->at, 3u) << "the byte";
  EXPECT_EQ(distinct[1].parting->other, "\xc3\xa9") << "the character";
}

TEST(Drift, IsMeasuredWhereTokensAgree) {
  Answer reference = answer({token("a", -0.5), token("b", -1, {kB, kC}), token("d", -2)});
  std::vector<Answer> answers = {
      reference,
      answer({token("a", -0.5), token("b", -1.25, {kB, {" c", {}, {}, -1.75}}), token("d", -2)}),
      answer({token("a", -0.5), token("x", -7), token("d", -9)}),
  };
  auto drift = drift_of(reference, pointers(answers));
  ASSERT_EQ(drift.size(), 3u);
  EXPECT_EQ(drift[0].compared, 3);
  EXPECT_EQ(drift[0].distinct, 1);
  EXPECT_TRUE(drift[0].same_bits);
  EXPECT_EQ(drift[0].largest, 0);
  EXPECT_EQ(drift[1].compared, 2);
  EXPECT_EQ(drift[1].distinct, 2);
  EXPECT_FALSE(drift[1].same_bits);
  EXPECT_EQ(drift[1].largest, 0.25);
  EXPECT_EQ(drift[1].margin, 0.5);
  EXPECT_EQ(drift[2].compared, 2) << "one has parted before";
  EXPECT_TRUE(drift[2].same_bits);
}

TEST(Drift, NeedsLogprobs) {
  Answer reference = text_only("a");
  std::vector<Answer> answers = {reference};
  EXPECT_TRUE(drift_of(reference, pointers(answers)).empty());
}

}  // namespace
}  // namespace verbatim::audit
