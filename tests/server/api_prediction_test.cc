// Predictions: the answer comes in fewer steps, and is the same; so does the rest of a stream that broke.
#include "server/api_fixture.h"

namespace verbatim::server {
namespace {

class ApiPrediction : public ::testing::Test {
 protected:
  // Steps that the engine needs for a request.
  template <class Ask>
  std::int64_t steps_of(Ask&& ask) {
    server.wait_idle();
    const std::int64_t before = server.engine().stats().steps;
    ask();
    server.wait_idle();
    return server.engine().stats().steps - before;
  }

  TestServer server;
};

struct Question {
  const char* path;
  Json body;
};
const Question kAsked[] = {
    {"/v1/chat/completions",
     {{"messages", Json::array({{{"role", "user"}, {"content", "Hello"}}})}, {"max_tokens", 90}}},
    {"/v1/completions", {{"prompt", "Once upon a time"}, {"max_tokens", 90}, {"temperature", 0}}},
};

Json token_ids(const Json& ids) { return {{"type", "token_ids"}, {"token_ids", ids}}; }

TEST_F(ApiPrediction, SavesStepsAndChangesNothing) {
  for (Question asked : kAsked) {
    SCOPED_TRACE(asked.path);
    asked.body["ignore_eos"] = true;
    asked.body["return_token_ids"] = true;
    Json plain, predicted, misled, edited, text;
    const std::int64_t plain_steps = steps_of([&] { plain = server.answer(asked.path, asked.body); });
    EXPECT_EQ(plain["usage"]["completion_tokens_details"]["accepted_prediction_tokens"], 0);
    EXPECT_GE(plain_steps, 90);

    Json ids = plain["choices"][0]["token_ids"];
    asked.body["prediction"] = token_ids(ids);
    const std::int64_t steps = steps_of([&] { predicted = server.answer(asked.path, asked.body); });
    EXPECT_EQ(bits_of_answer(predicted), bits_of_answer(plain));
    EXPECT_LT(steps, 10);
    EXPECT_GT(predicted["usage"]["completion_tokens_details"]["accepted_prediction_tokens"], 80);
    EXPECT_EQ(predicted["usage"]["completion_tokens_details"]["rejected_prediction_tokens"], 0);

    for (std::size_t i = 0; i < ids.size(); i += 20) ids[i] = 7;
    asked.body["prediction"] = token_ids(ids);
    edited = server.answer(asked.path, asked.body);
    EXPECT_EQ(bits_of_answer(edited), bits_of_answer(plain));
    EXPECT_GT(edited["usage"]["completion_tokens_details"]["rejected_prediction_tokens"], 0);

    for (const Json& content : {Json("Something quite else."),
                                Json::array({{{"type", "text"}, {"text", "In "}}, {{"text", "parts"}}})}) {
      asked.body["prediction"] = {{"type", "content"}, {"content", content}};
      EXPECT_EQ(bits_of_answer(server.answer(asked.path, asked.body)), bits_of_answer(plain));
    }
  }
}

// With what it already has as prediction, a client that continues a stream gets the same rest, sooner.
TEST_F(ApiPrediction, ContinuesAStreamInAFewSteps) {
  for (Question asked : kAsked) {
    SCOPED_TRACE(asked.path);
    asked.body["ignore_eos"] = true;
    asked.body["return_token_ids"] = true;
    asked.body["stream"] = true;
    const std::string whole = server.ask(asked.path, asked.body).body;
    std::vector<StreamEvent> events = events_of(whole);
    ASSERT_GT(events.size(), 85u);
    const StreamEvent& last = events[80];
    const std::string rest = whole.substr(whole.find("\n\n", whole.find(last.id)) + 2);
    Json had = Json::array();
    for (std::size_t i = 0; i <= 80; ++i) {
      const Json choice = events[i].json()["choices"][0];
      for (const Json& id : choice.value("token_ids", Json::array())) had.push_back(id);
    }
    HttpResponse plain, predicted;
    const std::int64_t slow = steps_of([&] {
      plain = server.ask(asked.path, asked.body, {{"Last-Event-ID", last.id}});
    });
    asked.body["prediction"] = token_ids(had);
    const std::int64_t fast = steps_of([&] {
      predicted = server.ask(asked.path, asked.body, {{"Last-Event-ID", last.id}});
    });
    EXPECT_EQ(plain.body, rest);
    EXPECT_EQ(predicted.body, rest);
    EXPECT_GE(slow, 90);
    EXPECT_LT(fast, 25);
  }
}

TEST_F(ApiPrediction, RefusalsNameIt) {
  const Json body = {{"prompt", "Hello"}, {"max_tokens", 4}};
  auto refused = [&](const Json& prediction, const Json& more = Json::object()) {
    Json asked = body;
    asked.update(more);
    asked["prediction"] = prediction;
    Json error = server.refusal("/v1/completions", asked);
    EXPECT_EQ(error["status"], 400) << asked;
    return error.value("message", "");
  };
  EXPECT_TRUE(refused("text").starts_with("prediction is \"text\", must be an object"));
  EXPECT_TRUE(refused(Json::object()).starts_with("prediction is {}, must be {\"type\": \"content\""));
  EXPECT_TRUE(refused({{"type", "content"}, {"content", 3}}).starts_with("prediction.content is 3"));
  EXPECT_TRUE(refused({{"type", "token_ids"}, {"token_ids", {1, 300}}})
                  .starts_with("prediction.token_ids holds token 300 of a vocabulary of 300"));
  EXPECT_EQ(refused(token_ids(std::vector<std::int32_t>(513, 1))),
            "prediction has 513 tokens, more than the context of 512");
  EXPECT_TRUE(refused(token_ids({1}), {{"n", 2}}).starts_with("prediction is for one answer"));
  EXPECT_TRUE(refused(token_ids({1}), {{"prompt", {"a", "b"}}}).starts_with("prediction is for one answer"));
}

}  // namespace
}  // namespace verbatim::server
