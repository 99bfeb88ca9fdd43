// Receipts of the API: in bodies and streams, of every choice, signed, and valid under any load.
#include "verify/verify_fixture.h"

namespace verbatim::server {
namespace {

// With the key that must have signed them.
Judged judge_signed(const std::string& text, const std::string& key) {
  VerifyAnswersOptions options;
  options.receipts.public_key = key;
  return judge(text, options);
}

Json completion() {
  return {{"prompt", {"once upon", "a time"}}, {"max_tokens", 20}, {"n", 2}, {"seed", 5}, {"receipt", true}};
}
Json chat() {
  return {{"messages", {{{"role", "user"}, {"content", "hello"}}}}, {"max_tokens", 20}, {"receipt", true}};
}

TEST(ApiReceipt, BodiesCarryAReceiptOfEveryChoice) {
  TestServer server;
  Json answer = server.answer("/v1/completions", completion());
  ASSERT_EQ(answer["choices"].size(), 4u);
  for (const Json& choice : answer["choices"]) EXPECT_EQ(choice["receipt"]["version"], "test");
  Json said = server.answer("/v1/chat/completions", chat());
  Json response =
      server.answer("/v1/responses", {{"input", "hello"}, {"max_output_tokens", 9}, {"receipt", true}});
  Json nothing = completion();
  nothing["max_tokens"] = 0;
  Json empty = server.answer("/v1/completions", nothing);
  server.wait_idle();
  expect_valid(judge(answer.dump()), 4);
  expect_valid(judge(said.dump()), 1);
  expect_valid(judge(response.dump()), 1);
  expect_valid(judge(empty.dump()), 4);
}

TEST(ApiReceipt, NobodyGetsOneUnasked) {
  TestServer server;
  Json body = completion();
  body["receipt"] = false;
  EXPECT_FALSE(server.answer("/v1/completions", body)["choices"][0].contains("receipt"));
  body["receipt"] = "yes";
  EXPECT_EQ(server.refusal("/v1/completions", body)["param"], "receipt");
}

// Every receipt holds its request's parameters.
TEST(ApiReceipt, MoreOfThemThanMemoryIsForAreRefused) {
  TestServer server;
  Json body = completion();
  body["response_format"] = {
      {"type", "json_schema"},
      {"json_schema", {{"schema", {{"type", "object"}, {"description", std::string(100'000, 'x')}}}}}};
  body["max_tokens"] = 1;
  EXPECT_EQ(server.ask("/v1/completions", body).status, 200);
  body["prompt"] = std::vector<std::string>(700, "a");
  const Json refusal = server.refusal("/v1/completions", body);
  EXPECT_EQ(refusal["status"], 400);
  EXPECT_EQ(refusal["param"], "receipt");
  body["receipt"] = false, body["n"] = 1, body["prompt"] = std::vector<std::string>(2, "a");
  EXPECT_EQ(server.ask("/v1/completions", body).status, 200);
}

TEST(ApiReceipt, EchoToolsAndSchemasAreNoObstacle) {
  TestServer server;
  Json echo = completion();
  echo["echo"] = true, echo["logprobs"] = 1;
  Json echoed = server.answer("/v1/completions", echo);
  Json schema = {{"type", "object"}, {"properties", {{"b", {{"const", 1}}}, {"a", {{"type", "null"}}}}}};
  Json shaped = chat();
  shaped["response_format"] = {{"type", "json_schema"}, {"json_schema", {{"name", "x"}, {"schema", schema}}}};
  Json object = server.answer("/v1/chat/completions", shaped);
  Json tools = chat();
  tools["tools"] = {{{"type", "function"}, {"function", {{"name", "look"}, {"parameters", schema}}}}};
  Json may_call = server.answer("/v1/chat/completions", tools);
  tools["tool_choice"] = "required";
  Json calls = server.answer("/v1/chat/completions", tools);
  server.wait_idle();
  expect_valid(judge(echoed.dump()), 4);
  expect_valid(judge(object.dump()), 1);
  EXPECT_TRUE(object["choices"][0]["receipt"]["request"]["schema"].is_string());
  expect_valid(judge(may_call.dump()), 1);
  expect_valid(judge(calls.dump()), 1);
}

// A stream's receipts are its body's, in the event that ends each choice, and a stream that is continued has them too.
TEST(ApiReceipt, StreamsCarryThemInTheLastEventOfAChoice) {
  TestServer server;
  for (auto [path, body] : {std::pair{"/v1/completions", completion()}, {"/v1/chat/completions", chat()}}) {
    Json whole = server.answer(path, body);
    body["stream"] = true;
    body["stream_options"] = {{"include_usage", true}};
    const std::string text = server.ask(path, body).body;
    std::map<std::size_t, Json> receipts;
    const std::vector<StreamEvent> events = events_of(text);
    for (const StreamEvent& event : events) {
      Json json = event.json();
      if (!json.is_object() || json["choices"].empty()) continue;
      const Json& choice = json["choices"][0];
      EXPECT_EQ(choice.contains("receipt"), !choice["finish_reason"].is_null()) << event.data;
      if (choice.contains("receipt")) receipts[choice["index"]] = choice["receipt"];
    }
    ASSERT_EQ(receipts.size(), whole["choices"].size());
    for (auto& [index, receipt] : receipts) {  // but for how they are shown, and so for the chain
      const Json& other = whole["choices"][index]["receipt"];
      for (const char* key : {"version", "fingerprint", "request", "answer"})
        EXPECT_EQ(receipt[key], other[key]);
    }
    const std::string rest = server.ask(path, body, {{"Last-Event-ID", events[events.size() / 2].id}}).body;
    EXPECT_TRUE(text.ends_with(rest));
    server.wait_idle();
    expect_valid(judge(text), receipts.size());
  }
  Json body = {{"input", "hello"}, {"max_output_tokens", 9}, {"receipt", true}, {"stream", true}};
  const std::string text = server.ask("/v1/responses", body).body;
  EXPECT_TRUE(events_of(text).back().json()["response"].contains("receipt"));
  server.wait_idle();
  expect_valid(judge(text), 1);
}

TEST(ApiReceipt, TheServersKeySignsThem) {
  TestServerOptions options;
  options.signer = signer();
  TestServer server(options), keyless;
  const std::string key = Json::parse(server.get("/version").body)["receipt_key"];
  EXPECT_EQ(key, kSignerPublicKey);
  EXPECT_EQ(Json::parse(server.get("/v1/models").body)["data"][0]["receipt_key"], key);
  EXPECT_TRUE(Json::parse(keyless.get("/version").body)["receipt_key"].is_null());

  const Json answer = server.answer("/v1/completions", completion()),
             again = server.answer("/v1/completions", completion());
  EXPECT_EQ(bits_of_answer(answer), bits_of_answer(again));
  server.wait_idle();
  const Json plain = keyless.answer("/v1/completions", completion());
  keyless.wait_idle();
  expect_valid(judge_signed(answer.dump(), key), 4);
  expect_invalid(judge_signed(plain.dump(), key), "signature");

  // A stream of signed receipts is not continued by a server without the key.
  Json body = completion();
  body["stream"] = true;
  const std::string id = events_of(server.ask("/v1/completions", body).body)[1].id;
  server.wait_idle();
  EXPECT_EQ(keyless.ask("/v1/completions", body, {{"Last-Event-ID", id}}).status, 409);
}

TEST(ApiReceipt, ACrowdChangesNoReceipt) {
  TestServerOptions options;
  options.engine.kv_pages = 8;
  options.engine.schedule.max_sequences = 5;
  options.engine.schedule.preempt_every = 3;
  TestServer server(options), calm;
  std::vector<std::pair<Json, std::shared_ptr<ApiClient>>> crowd;
  for (int i = 0; i < 30; ++i) {
    Json body = completion();
    body["seed"] = i % 10;
    body["temperature"] = i % 3;
    body["max_tokens"] = 5 + i;
    crowd.emplace_back(body, server.post("/v1/completions", body));
  }
  for (auto& [body, client] : crowd) client->wait();
  server.wait_idle();  // the two engines share a model, which is not thread safe
  EXPECT_GT(server.engine().stats().schedule.preemptions, 0);
  for (auto& [body, client] : crowd) {
    const Json answer = Json::parse(client->wait().body);
    EXPECT_EQ(bits_of_answer(answer), bits_of_answer(calm.answer("/v1/completions", body)));
  }
  calm.wait_idle();
  for (auto& [body, client] : crowd) expect_valid(judge(client->wait().body), 4);
}

}  // namespace
}  // namespace verbatim::server
