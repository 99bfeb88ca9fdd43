// AnswerReader on what servers send: each form of the API, and what is not of it.
#include "audit/answer.h"

#include <gtest/gtest.h>

namespace verbatim::audit {
namespace {

Answer read(std::initializer_list<const char*> pieces) {
  AnswerReader reader;
  for (const char* piece : pieces) {
    auto part = reader.put(piece);
    EXPECT_TRUE(part.ok()) << part.error().message;
  }
  return reader.take();
}

TEST(AnswerReader, ChatStreams) {
  Answer answer = read({
      R"({"choices":[{"delta":{"role":"assistant","content":null},"finish_reason":null}]})",
      R"({"system_fingerprint":"fp","choices":[{"delta":{"reasoning_content":"hm, "}}]})",
      R"({"choices":[{"delta":{"content":"yes"},"logprobs":{"content":[{"token":"yes","logprob":-0.5,
          "bytes":[121,101,115],"top_logprobs":[{"token":"yes","logprob":-0.5},{"token":"no","logprob":-1}]}]}}]})",
      R"({"choices":[{"delta":{},"finish_reason":"stop"}]})",
      R"({"choices":[],"usage":{"completion_tokens":2}})",
  });
  EXPECT_EQ(answer.text, "hm, yes");
  EXPECT_EQ(answer.finish_reason, "stop");
  EXPECT_EQ(answer.fingerprint, "fp");
  EXPECT_EQ(answer.output_tokens, 2);
  ASSERT_EQ(answer.tokens.size(), 1u);
  EXPECT_EQ(answer.tokens[0].text, "yes");
  EXPECT_EQ(answer.tokens[0].logprob, -0.5);
  EXPECT_EQ(answer.tokens[0].bytes, (std::vector<std::int64_t>{121, 101, 115}));
  ASSERT_EQ(answer.tokens[0].top.size(), 2u);
  EXPECT_EQ(answer.tokens[0].top[1].text, "no");
}

TEST(AnswerReader, CompletionsWithLists) {
  Answer answer =
      read({R"({"choices":[{"text":" a b","finish_reason":"length","logprobs":{"tokens":[" a"," b"],
      "token_logprobs":[-0.25,null],"top_logprobs":[{" a":-0.25," c":-2},null]}}]})"});
  EXPECT_EQ(answer.text, " a b");
  ASSERT_EQ(answer.tokens.size(), 2u);
  EXPECT_EQ(answer.tokens[0].logprob, -0.25);
  EXPECT_EQ(answer.tokens[0].top.size(), 2u);
  EXPECT_FALSE(answer.tokens[1].logprob.has_value());
}

TEST(AnswerReader, TokenIds) {
  Answer answer = read({R"({"choices":[{"text":"a","token_ids":[7]}]})",
                        R"({"choices":[{"text":"b","token_ids":[8,9],"finish_reason":"stop"}]})"});
  ASSERT_EQ(answer.tokens.size(), 3u);
  EXPECT_EQ(answer.tokens[2].id, 9);
  answer = read({R"({"choices":[{"text":"a","token_ids":[7],"finish_reason":"stop","logprobs":{"content":
      [{"token":"a","logprob":-1}]}}]})"});
  ASSERT_EQ(answer.tokens.size(), 1u);
  EXPECT_EQ(answer.tokens[0].id, 7);
  EXPECT_EQ(answer.tokens[0].text, "a");
}

TEST(AnswerReader, WhatIsNotTheApiIsNamed) {
  auto refusal = [](const char* json) {
    AnswerReader reader;
    auto part = reader.put(json);
    return part ? "accepted" : part.error().message;
  };
  EXPECT_EQ(refusal(R"({"error":{"message":"full"}})"), R"(the server reports an error: {"message":"full"})");
  for (const char* json :
       {"", "nonsense", R"({"choices":[{"text":1}]})", R"({"choices":[{"token_ids":["a"]}]})",
        R"({"choices":[{"logprobs":{"content":[{}]}}]})",
        R"({"choices":[{"logprobs":{"tokens":["a"],"token_logprobs":[]}}]})"}) {
    EXPECT_EQ(refusal(json).substr(0, 25), "not what the API promises") << json;
  }
  for (const char* json : {"[]", "7", "{}", R"({"choices":[]})", R"({"choices":null,"usage":null})"}) {
    EXPECT_EQ(refusal(json), "accepted") << json;
  }
}

TEST(Token, IsComparedByWhatBothHave) {
  Token text{"a", {}, {}, -1.0}, id{"a", {}, 7, {}}, other_id{"a", {}, 8, {}};
  Token bytes{"\xef\xbf\xbd", std::vector<std::int64_t>{0xe2}, {}, {}};
  Token other_bytes{"\xef\xbf\xbd", std::vector<std::int64_t>{0x80}, {}, {}};
  EXPECT_TRUE(text.same_token(id));
  EXPECT_FALSE(id.same_token(other_id));
  EXPECT_FALSE(bytes.same_token(other_bytes));
}

}  // namespace
}  // namespace verbatim::audit
