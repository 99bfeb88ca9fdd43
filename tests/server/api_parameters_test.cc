// The table of parameters: right, of the wrong type, out of range, unsupported, unknown.
#include <gtest/gtest.h>

#include <algorithm>

#include "server/asked.h"

namespace verbatim::server {
namespace {

Result<ReadBody, ApiError> read(const std::string& body, Endpoint endpoint) {
  // The tree must outlive what was read; tests look at values only.
  static std::vector<std::unique_ptr<OrderedJson>> kept;
  auto tree = parse_body(body);
  EXPECT_TRUE(tree.ok()) << body;
  kept.push_back(std::make_unique<OrderedJson>(*std::move(tree)));
  return read_parameters(*kept.back(), endpoint, SamplingParams());
}

struct ParameterCase {
  std::string_view name;
  Endpoint endpoint;
  std::string_view right, wrong_type, out_of_range;  // JSON; empty: there is no such value
};

// One row for each row of the table.
constexpr ParameterCase kParameterCases[] = {
    {"model", kChat, R"("m")", "5", ""},
    {"messages", kChat, "[]", R"("hi")", ""},
    {"instructions", kResponses, R"("be kind")", "", ""},
    {"input", kResponses, R"("hi")", "", ""},
    {"prompt", kCompletions, R"("hi")", "", ""},
    {"content", kTokenize, R"("hi")", "", ""},
    {"tokens", kDetokenize, "[1]", "", ""},
    {"temperature", kChat, "0.5", R"("hot")", "-0.1"},
    {"top_p", kCompletions, "1", "[1]", "1.01"},
    {"top_k", kChat, "-1", "1.5", "-2"},
    {"min_p", kChat, "0", "{}", "-1"},
    {"presence_penalty", kChat, "-2", "true", "2.1"},
    {"frequency_penalty", kChat, "2", R"("2")", "-2.1"},
    {"repetition_penalty", kCompletions, "1.1", "[]", "101"},
    {"logit_bias", kChat, R"({"5":-100,"4":1.5})", "[5]", R"({"5":101})"},
    {"logit_bias", kChat, R"({})", R"({"five":1})", R"({"-5":1})"},
    {"logit_bias", kChat, R"({"0":1})", R"({"05":1})", R"({"5":"much"})"},
    {"seed", kChat, "-1", "1.5", "18446744073709551616"},
    {"n", kChat, "128", R"("1")", "129"},
    {"n", kCompletions, "1.0", "1.5", "0"},
    {"max_tokens", kCompletions, "-1", R"("many")", "-2"},
    {"max_completion_tokens", kChat, "7.0", "7.5", "-2"},
    {"max_output_tokens", kResponses, "1", "[]", "0"},
    {"min_tokens", kResponses, "5", R"("5")", "-1"},
    {"stop", kChat, R"("\n")", "5", R"("")"},
    {"stop", kCompletions, R"(["a","b"])", R"(["a",5])", R"(["a",""])"},
    {"stop_token_ids", kChat, "[1,2]", "1", "[-1]"},
    {"ignore_eos", kChat, "true", "1", ""},
    {"skip_special_tokens", kCompletions, "false", R"("no")", ""},
    {"add_special_tokens", kScore, "false", "0", ""},
    {"add_special", kTokenize, "true", "1", ""},
    {"parse_special", kTokenize, "false", "[]", ""},
    {"response_format", kChat, R"({"type":"text"})", R"("json")", ""},
    {"text", kResponses, R"({"format":{"type":"text"}})", R"("json")", R"({"format":5})"},
    {"text", kResponses, R"({})", R"([])", R"({"verbosity":"low"})"},
    {"prediction", kCompletions, R"({"type":"content","content":"hi"})", R"("hi")", ""},
    {"tools", kChat, "[]", "{}", ""},
    {"tool_choice", kChat, R"("auto")", "", ""},
    {"parallel_tool_calls", kChat, "false", R"("no")", ""},
    {"chat_template_kwargs", kChat, R"({"a":1})", "[1]", ""},
    {"add_generation_prompt", kChat, "false", "null_", ""},
    {"continue_final_message", kChat, "true", "1", ""},
    {"reasoning_effort", kChat, R"("none")", "3", R"("much")"},
    {"reasoning", kResponses, R"({"effort":"high","summary":null})", R"("high")", R"({"effort":"much"})"},
    {"reasoning", kResponses, "{}", "[]", R"({"summary":"auto"})"},
    {"logprobs", kChat, "true", "3", ""},
    {"logprobs", kCompletions, "20", "true", "21"},
    {"top_logprobs", kScore, "0", "1.5", "-1"},
    {"prompt_logprobs", kChat, "20", "true", "21"},
    {"score_from", kScore, "1", R"("1")", "0"},
    {"echo", kCompletions, "true", R"("yes")", ""},
    {"return_token_ids", kChat, "true", "1", ""},
    {"return_tokens_as_token_ids", kCompletions, "true", "1", ""},
    {"return_token_strs", kTokenize, "true", "1", ""},
    {"receipt", kResponses, "true", R"("yes")", ""},
    {"stream", kChat, "false", "0", ""},
    {"cache_salt", kCompletions, R"("of a user")", "5", R"("")"},
    {"user", kChat, R"("me")", "5", ""},
};

std::string body_of(std::string_view name, std::string_view value) {
  return fmt::format(R"({{"{}":{}}})", name, value == "null_" ? R"("null")" : value);
}

TEST(ApiParameters, AreTakenWhenRightAndRefusedByNameWhenWrong) {
  for (const ParameterCase& c : kParameterCases) {
    SCOPED_TRACE(fmt::format("{} {}", c.name, c.right));
    auto right = read(body_of(c.name, c.right), c.endpoint);
    ASSERT_TRUE(right.ok()) << right.error().message;
    EXPECT_TRUE(right->ignored.empty());
    for (std::string_view wrong : {c.wrong_type, c.out_of_range}) {
      if (wrong.empty()) continue;
      auto refused = read(body_of(c.name, wrong), c.endpoint);
      ASSERT_FALSE(refused.ok()) << wrong;
      EXPECT_EQ(refused.error().status, 400);
      EXPECT_EQ(refused.error().param, c.name) << wrong;
      EXPECT_NE(refused.error().message.find(c.name), std::string::npos) << refused.error().message;
    }
  }
}

TEST(ApiParameters, TheCasesCoverTheTable) {
  for (const ParameterInfo& parameter : known_parameters()) {
    if (!parameter.supported || parameter.name == "stream_options") continue;
    bool covered = std::ranges::any_of(kParameterCases, [&](const ParameterCase& c) {
      return c.name == parameter.name && (c.endpoint & parameter.endpoints) != 0;
    });
    EXPECT_TRUE(covered) << parameter.name << " has no case";
  }
}

TEST(ApiParameters, NullIsNotGiven) {
  std::string body = "{";
  for (const ParameterInfo& parameter : known_parameters())
    body += fmt::format(R"({}"{}":null)", body.size() == 1 ? "" : ",", parameter.name);
  // Two rows of the table may share a name; a body may not hold it twice.
  auto tree = nlohmann::ordered_json::parse(body + "}");
  auto all = read_parameters(tree, kChat, SamplingParams());
  ASSERT_TRUE(all.ok()) << all.error().message;
  EXPECT_TRUE(all->ignored.empty());
}

TEST(ApiParameters, ValuesArriveAsTheyAre) {
  auto all = read(R"({"temperature":0.7,"top_p":0.9,"top_k":-1,"min_p":0.05,"seed":18446744073709551615,
                      "presence_penalty":-1,"frequency_penalty":0.5,"repetition_penalty":1.1,
                      "logit_bias":{"7":-100,"3":2.5},"n":3,"stop":["a","b"],"max_completion_tokens":9,
                      "max_tokens":9,"logprobs":true,"top_logprobs":4,"stream":true,
                      "stream_options":{"include_usage":true}})",
                  kChat);
  ASSERT_TRUE(all.ok()) << all.error().message;
  const Asked& a = all->asked;
  EXPECT_EQ(a.sampling.temperature, 0.7f);
  EXPECT_EQ(a.sampling.top_p, 0.9f);
  EXPECT_EQ(a.sampling.top_k, 0);
  EXPECT_EQ(a.sampling.min_p, 0.05f);
  EXPECT_EQ(a.sampling.seed, 18446744073709551615u);
  EXPECT_EQ(a.sampling.presence_penalty, -1);
  EXPECT_EQ(a.sampling.repetition_penalty, 1.1f);
  using Biases = std::vector<std::pair<std::int32_t, float>>;
  EXPECT_EQ(a.sampling.logit_bias, (Biases{{3, 2.5f}, {7, -100.0f}}));
  EXPECT_EQ(a.n, 3);
  EXPECT_EQ(a.stop, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(a.max_tokens, 9);
  EXPECT_EQ(a.show.logprobs, 4);
  EXPECT_TRUE(a.show.stream);
  EXPECT_TRUE(a.show.usage_event);
}

TEST(ApiParameters, OnlyTogether) {
  struct {
    std::string body, param;
    Endpoint endpoint;
  } cases[] = {
      {R"({"top_logprobs":2})", "top_logprobs", kChat},
      {R"({"stream_options":{"include_usage":true}})", "stream_options", kChat},
      {R"({"stream":true,"stream_options":{"include_usage":1}})", "stream_options", kChat},
      {R"({"stream":true,"stream_options":{"continuous_usage_stats":1}})", "stream_options", kChat},
      {R"({"stream":true,"stream_options":{"chunk":5}})", "stream_options", kChat},
      {R"({"continue_final_message":true,"add_generation_prompt":true})", "continue_final_message", kChat},
      {R"({"stream":true,"stream_options":5})", "stream_options", kChat},
      {R"({"max_tokens":1,"max_completion_tokens":2})", "max_tokens", kChat},
      {R"({"stream":true,"prompt_logprobs":1})", "prompt_logprobs", kCompletions},
  };
  for (const auto& c : cases) {
    auto refused = read(c.body, c.endpoint);
    ASSERT_FALSE(refused.ok()) << c.body;
    EXPECT_EQ(refused.error().param, c.param) << c.body;
  }
}

TEST(ApiParameters, UnsupportedAreRefusedByNameUnlessTheyAskForNothing) {
  auto refused = read(R"({"best_of":2})", kCompletions);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().param, "best_of");
  EXPECT_EQ(refused.error().code, "unsupported_parameter");
  EXPECT_TRUE(
      read(R"({"best_of":1,"suffix":"","truncation":"disabled","length_penalty":1})", kCompletions).ok());
  for (const ParameterInfo& parameter : known_parameters()) {
    if (parameter.supported) continue;
    auto asked = read(fmt::format(R"({{"{}":"something of its own"}})", parameter.name), kChat);
    ASSERT_FALSE(asked.ok()) << parameter.name;
    EXPECT_EQ(asked.error().param, parameter.name);
  }
}

TEST(ApiParameters, UnknownAreListed) {
  auto body = read(R"({"temperature":1,"frobnicate":true,"metadata":{"a":"b"}})", kChat);
  ASSERT_TRUE(body.ok());
  EXPECT_EQ(body->ignored, (std::vector<std::string>{"frobnicate", "metadata"}));
  // Known elsewhere is unknown here.
  EXPECT_EQ(read(R"({"echo":true})", kChat)->ignored, (std::vector<std::string>{"echo"}));
}

TEST(ApiParameters, BadBodiesGetOneSentence) {
  std::string deep(1000, '['), deep_end(1000, ']');
  for (std::string body :
       {std::string(), std::string("{"), std::string("[]"), std::string("5"), std::string(R"({"a":1,"a":2})"),
        R"({"a":)" + deep + deep_end + "}", std::string("{\"a\":\"\xff\"}"), std::string(R"({"a":1}x)"),
        std::string(R"({"a":NaN})")}) {
    auto tree = parse_body(body);
    ASSERT_FALSE(tree.ok()) << body;
    EXPECT_EQ(tree.error().message.find('\n'), std::string::npos);
    EXPECT_EQ(tree.error().message.find("json.exception"), std::string::npos) << tree.error().message;
  }
}

}  // namespace
}  // namespace verbatim::server
