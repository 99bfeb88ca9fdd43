// Which tokens end an answer: by their spelling, whatever the file says of them.
#include "load/end_of_turn.h"

#include <gtest/gtest.h>

namespace verbatim {
namespace {

using Ids = std::vector<std::int32_t>;

Ids ends_among(std::vector<std::string> tokens) {
  TokenizerData data;
  data.tokens = std::move(tokens);
  return ends_by_spelling(data);
}

TEST(EndOfTurn, IsToldByTheSpelling) {
  EXPECT_EQ(ends_among({"a", "<|im_end|>", "<|im_start|>", "<end_of_turn>", "<|eot_id|>", "<|endoftext|>"}),
            (Ids{1, 3, 4, 5}));
  EXPECT_EQ(ends_among({"<｜end▁of▁sentence｜>", "<|end_of_text|", "end_of_turn", "", "_<EOT>"}),
            (Ids{0, 4}));
  EXPECT_EQ(ends_among({}), Ids{});
}

TEST(EndOfTurn, HarmonysEndIsOfAMessage) {
  EXPECT_EQ(ends_among({"<|end|>", "<|user|>"}), Ids{0});
  EXPECT_EQ(ends_among({"<|end|>", "<|return|>"}), (Ids{0, 1}));
  EXPECT_EQ(ends_among({"<|end|>", "<|return|>", "<|call|>"}), (Ids{1, 2}));
  EXPECT_EQ(ends_among({"<|end|>", "<|flush|>", "<|calls|>"}), (Ids{1, 2}));
  EXPECT_EQ(ends_among({"</s>", "x"}), Ids{0});
  EXPECT_EQ(ends_among({"</s>", "<|tool_response>"}), Ids{1});
}

TEST(EndOfTurn, StopsAreAddedOnce) {
  TokenizerData data;
  data.stop_ids = {5, 1};
  add_stops({1, 2, 5}, data);
  EXPECT_EQ(data.stop_ids, (Ids{5, 1, 2}));
}

}  // namespace
}  // namespace verbatim
