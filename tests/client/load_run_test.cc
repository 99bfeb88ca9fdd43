// run_load against our own transport with an API that tells it what the OpenAI API tells its clients.
#include "client/load_run.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "json/library.h"
#include "server/http_fixture.h"

namespace verbatim::client {
namespace {

using server::HttpRequest;
using server::HttpResponse;
using server::Responder;
using Json = nlohmann::json;

void answer_models(Responder& responder) {
  responder.respond({200, {{"Content-Type", "application/json"}}, R"({"data":[{"id":"tiny"}]})"});
}

// An answer of max_tokens pieces, then the usage; as vLLM streams it.
void stream(const HttpRequest& request, Responder& responder) {
  Json body = Json::parse(request.body);
  bool chat = request.path == "/v1/chat/completions";
  responder.begin_stream({200, {{"Content-Type", "text/event-stream"}}, ""});
  auto count = body.at("max_tokens").get<int>();
  for (int i = 0; i < count; ++i) {
    Json choice = {{"index", 0}, {"finish_reason", i + 1 == count ? Json("length") : Json()}};
    if (chat) {
      choice["delta"] = {{"content", fmt::format("{} ", i)}};
    } else {
      choice["text"] = fmt::format("{} ", i);
    }
    responder.write(fmt::format("data: {}\n\n", Json{{"choices", {choice}}, {"usage", nullptr}}.dump()));
    responder.write(": keep-alive\n\n");
  }
  Json usage = {{"choices", Json::array()}, {"usage", {{"prompt_tokens", 5}, {"completion_tokens", count}}}};
  responder.write(fmt::format("data: {}\n\ndata: [DONE]\n\n", usage.dump()));
  responder.end();
}

using Api = std::function<void(const HttpRequest&, const std::shared_ptr<Responder>&)>;

std::unique_ptr<server::HttpServer> serve(Api api) {
  return server::start(server::on_free_port(),
                       [api](HttpRequest request, std::shared_ptr<Responder> responder) {
                         if (request.path == "/v1/models") return answer_models(*responder);
                         api(request, responder);
                       });
}

LoadTarget target_of(const server::HttpServer& http) {
  LoadTarget target;
  target.url = *parse_url(fmt::format("http://127.0.0.1:{}/v1", http.port()));
  return target;
}

std::vector<PlannedRequest> plan_of(std::int64_t prompts) {
  LoadShape shape;
  shape.prompts = prompts;
  shape.input_words = 3;
  shape.output_tokens = 4;
  return plan_load(shape);
}

TEST(LoadRun, BothEndpointsAreUnderstood) {
  for (Endpoint endpoint : {Endpoint::completions, Endpoint::chat}) {
    std::mutex mutex;
    std::vector<Json> bodies;
    auto http = serve([&](const HttpRequest& request, const std::shared_ptr<Responder>& responder) {
      {
        std::lock_guard lock(mutex);
        bodies.push_back(Json::parse(request.body));
      }
      stream(request, *responder);
    });
    LoadTarget target = target_of(*http);
    target.endpoint = endpoint;
    target.max_concurrency = 2;
    target.seed = 7;
    auto plan = plan_of(20);
    auto result = run_load(target, plan);
    ASSERT_TRUE(result.ok()) << result.error().message;
    EXPECT_EQ(result->model, "tiny");
    ASSERT_EQ(result->outcomes.size(), 20u);
    for (const Outcome& outcome : result->outcomes) {
      EXPECT_EQ(outcome.error, "");
      EXPECT_EQ(outcome.text, "0 1 2 3 ");
      EXPECT_EQ(outcome.finish_reason, "length");
      EXPECT_EQ(outcome.input_tokens, 5);
      EXPECT_EQ(outcome.output_tokens, 4);
      ASSERT_EQ(outcome.events.size(), 4u);
      EXPECT_TRUE(std::ranges::is_sorted(outcome.events));
      EXPECT_LE(outcome.sent, outcome.events.front());
      EXPECT_LE(outcome.events.back(), outcome.done);
      EXPECT_LE(outcome.done, result->seconds);
    }
    for (const Json& body : bodies) {
      EXPECT_EQ(body.at("model"), "tiny");
      EXPECT_EQ(body.at("seed"), 7);
      EXPECT_EQ(body.at("stream"), true);
      EXPECT_EQ(body.contains("ignore_eos"), false);
      EXPECT_EQ(body.contains("messages"), endpoint == Endpoint::chat);
    }
    EXPECT_EQ(http->stats().connections, 3) << "one to ask for the model, and one for each client";
  }
}

// Answers nothing until all requests have come: only a client that does not wait for answers gets any.
TEST(LoadRun, AnOpenLoopDoesNotWaitForAnswers) {
  std::mutex mutex;
  std::vector<std::pair<HttpRequest, std::shared_ptr<Responder>>> held;
  auto http = serve([&](const HttpRequest& request, const std::shared_ptr<Responder>& responder) {
    std::lock_guard lock(mutex);
    held.emplace_back(request, responder);
    if (held.size() < 200) return;
    for (auto& [each, to] : held) stream(each, *to);
    held.clear();
  });
  auto result = run_load(target_of(*http), plan_of(200));
  ASSERT_TRUE(result.ok()) << result.error().message;
  for (const Outcome& outcome : result->outcomes) EXPECT_EQ(outcome.error, "");
}

TEST(LoadRun, AClosedLoopKeepsToItsLimit) {
  std::mutex mutex;
  std::size_t most = 0;
  std::vector<std::pair<HttpRequest, std::shared_ptr<Responder>>> held;
  auto http = serve([&](const HttpRequest& request, const std::shared_ptr<Responder>& responder) {
    std::lock_guard lock(mutex);
    held.emplace_back(request, responder);
    most = std::max(most, held.size());
    if (held.size() < 8) return;  // until then no more can come
    for (auto& [each, to] : held) stream(each, *to);
    held.clear();
  });
  LoadTarget target = target_of(*http);
  target.max_concurrency = 8;
  auto result = run_load(target, plan_of(64));
  ASSERT_TRUE(result.ok()) << result.error().message;
  for (const Outcome& outcome : result->outcomes) EXPECT_EQ(outcome.error, "");
  EXPECT_EQ(most, 8u);
}

TEST(LoadRun, RequestsComeAtTheirTimes) {
  auto http = serve([](const HttpRequest& request, const std::shared_ptr<Responder>& responder) {
    stream(request, *responder);
  });
  auto plan = plan_of(5);
  for (int i = 0; i < 5; ++i) plan[i].at = 0.02 * i;
  auto result = run_load(target_of(*http), plan);
  ASSERT_TRUE(result.ok()) << result.error().message;
  for (int i = 0; i < 5; ++i) EXPECT_GE(result->outcomes[i].sent, plan[i].at);
}

// Each kind of failure is told, and spoils nothing but its own request.
TEST(LoadRun, FailuresAreOutcomes) {
  std::atomic<int> asked{0};
  auto http = serve([&](const HttpRequest& request, const std::shared_ptr<Responder>& responder) {
    switch (asked++) {
      case 0:
        return responder->respond({429, {}, R"({"error":{"message":"full"}})"});
      case 1:
        responder->begin_stream({200, {}, ""});
        responder->write("data: {\"error\":{\"message\":\"out of pages\"}}\n\n");
        return responder->end();
      case 2:
        responder->begin_stream({200, {}, ""});
        responder->write("data: {\"choices\":[{\"text\":\"half\"}]}\n\n");
        return responder->end();
      case 3:
        responder->begin_stream({200, {}, ""});
        return responder->write("data: {\"choices\":[{\"text\":\"half\"}]}\n\n");  // and forgets it
      case 4:
        responder->begin_stream({200, {}, ""});
        responder->write("data: nonsense\n\n");
        return responder->end();
      default:
        return stream(request, *responder);
    }
  });
  LoadTarget target = target_of(*http);
  target.max_concurrency = 1;
  auto result = run_load(target, plan_of(7));
  ASSERT_TRUE(result.ok()) << result.error().message;
  const char* errors[] = {"answers 429", "out of pages", "without [DONE]", "connection failed",
                          "not what the API"};
  for (int i = 0; i < 5; ++i) EXPECT_PRED2(server::contains, result->outcomes[i].error, errors[i]);
  for (int i = 5; i < 7; ++i) EXPECT_EQ(result->outcomes[i].text, "0 1 2 3 ");
}

TEST(LoadRun, AServerThatClosesEachConnectionIsFine) {
  auto http = serve([](const HttpRequest& request, const std::shared_ptr<Responder>& responder) {
    stream(request, *responder);
  });
  LoadTarget target = target_of(*http);
  target.max_concurrency = 2;
  auto plan = plan_of(40);
  plan[20].at = 0.6;  // its connection is idle for longer than the server waits
  server::HttpServerOptions options = server::on_free_port();
  options.idle_timeout = std::chrono::milliseconds(100);
  auto hasty = server::start(options, [](HttpRequest request, std::shared_ptr<Responder> responder) {
    if (request.path == "/v1/models") return answer_models(*responder);
    stream(request, *responder);
  });
  for (auto* each : {http.get(), hasty.get()}) {
    target.url.port = fmt::to_string(each->port());
    auto result = run_load(target, plan);
    ASSERT_TRUE(result.ok()) << result.error().message;
    for (const Outcome& outcome : result->outcomes) EXPECT_EQ(outcome.error, "");
  }
}

TEST(LoadRun, AServerThatCannotBeAskedIsAnError) {
  LoadTarget target;
  {
    auto http = serve([](const HttpRequest&, const std::shared_ptr<Responder>&) {});
    target = target_of(*http);
  }
  auto result = run_load(target, plan_of(1));
  ASSERT_FALSE(result.ok());
  EXPECT_PRED2(server::contains, result.error().message, "cannot be asked");

  server::HttpServerOptions options = server::on_free_port();
  options.api_keys = {"right"};
  auto closed = server::start(options, [](HttpRequest request, std::shared_ptr<Responder> responder) {
    if (request.path == "/v1/models") return answer_models(*responder);
    stream(request, *responder);
  });
  target = target_of(*closed);
  result = run_load(target, plan_of(1));
  ASSERT_FALSE(result.ok());
  EXPECT_PRED2(server::contains, result.error().message, "401");
  target.api_key = "right";
  result = run_load(target, plan_of(1));
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(result->outcomes.front().error, "");
}

}  // namespace
}  // namespace verbatim::client
