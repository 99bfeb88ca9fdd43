// Streams: they say what the body says, and they can be continued anywhere, exactly.
#include <map>

#include "server/api_fixture.h"

namespace verbatim::server {
namespace {

class ApiStreams : public ::testing::Test {
 protected:
  // Events of a stream that must be answered with 200.
  std::vector<StreamEvent> stream(const std::string& path, Json body) {
    body["stream"] = true;
    HttpResponse response = server.ask(path, body);
    EXPECT_EQ(response.status, 200) << response.body;
    EXPECT_TRUE(header_of(response, "Content-Type")->starts_with("text/event-stream"));
    return events_of(response.body);
  }

  TestServer server;
};

// What a client that joins the pieces has at the end: of each choice, text, finish reason, logprobs, ids.
struct Joined {
  std::string text, finish;
  Json logprobs = Json::array(), ids = Json::array(), tool_calls = Json::array();
  bool operator==(const Joined&) const = default;
};

std::map<int, Joined> join_chat(const std::vector<StreamEvent>& events) {
  std::map<int, Joined> joined;
  for (const StreamEvent& event : events) {
    if (event.data == "[DONE]") continue;
    Json chunk = event.json();
    EXPECT_EQ(chunk["object"], "chat.completion.chunk");
    for (const Json& choice : chunk["choices"]) {
      Joined& j = joined[choice["index"]];
      j.text += choice["delta"].value("content", "");
      if (choice["logprobs"].is_object())
        for (const Json& token : choice["logprobs"]["content"]) j.logprobs.push_back(token);
      for (const Json& id : choice.value("token_ids", Json::array())) j.ids.push_back(id);
      if (choice["finish_reason"].is_string()) j.finish = choice["finish_reason"];
    }
  }
  return joined;
}

const Json kChatCases[] = {
    {{"max_tokens", 20}},
    {{"max_tokens", 60}, {"ignore_eos", true}, {"temperature", 0}},
    {{"max_tokens", 30}, {"n", 3}, {"logprobs", true}, {"top_logprobs", 2}},
    {{"max_tokens", 40}, {"n", 4}, {"return_token_ids", true}, {"seed", 8}},
    {{"max_tokens", 60}, {"stop", {"a", "e"}}, {"n", 2}},
    {{"max_tokens", 0}},
};

TEST_F(ApiStreams, ChatSaysWhatTheBodySays) {
  for (Json asked : kChatCases) {
    SCOPED_TRACE(asked.dump());
    asked["messages"] = kMessages;
    Json body = server.answer("/v1/chat/completions", asked);
    std::vector<StreamEvent> events = stream("/v1/chat/completions", asked);
    ASSERT_GE(events.size(), 3u);
    EXPECT_EQ(events.back().data, "[DONE]");
    EXPECT_EQ(events.front().json()["choices"][0]["delta"]["role"], "assistant");
    std::map<int, Joined> joined = join_chat(events);
    ASSERT_EQ(joined.size(), body["choices"].size());
    for (const Json& choice : body["choices"]) {
      const Joined& j = joined[choice["index"]];
      EXPECT_EQ(Json(j.text), choice["message"]["content"]);
      EXPECT_EQ(Json(j.finish), choice["finish_reason"]);
      if (choice["logprobs"].is_object()) {
        EXPECT_EQ(j.logprobs, choice["logprobs"]["content"]);
      }
      if (choice.contains("token_ids")) {
        EXPECT_EQ(j.ids, choice["token_ids"]);
      }
    }
  }
}

TEST_F(ApiStreams, CompletionsSayWhatTheBodySays) {
  for (Json asked :
       {Json{{"max_tokens", 25}}, Json{{"max_tokens", 25}, {"logprobs", 2}, {"echo", true}, {"n", 2}},
        Json{{"max_tokens", 0}, {"logprobs", 1}, {"echo", true}},
        Json{{"max_tokens", 9}, {"return_token_ids", true}, {"echo", true}}}) {
    SCOPED_TRACE(asked.dump());
    asked["prompt"] = {"Once upon a time", "In"};
    Json body = server.answer("/v1/completions", asked);
    std::map<int, Json> joined;
    for (const StreamEvent& event : stream("/v1/completions", asked)) {
      if (event.data == "[DONE]") continue;
      Json chunk = event.json();
      EXPECT_EQ(chunk["object"], "text_completion");
      const Json& choice = chunk["choices"][0];
      auto [place, fresh] = joined.emplace(choice["index"], choice);
      Json& all = place->second;
      if (!fresh) {
        all["text"] = all["text"].get<std::string>() + choice["text"].get<std::string>();
        for (const char* list : {"tokens", "token_logprobs", "top_logprobs", "text_offset"})
          if (choice["logprobs"].is_object())
            for (const Json& value : choice["logprobs"][list]) all["logprobs"][list].push_back(value);
        for (const Json& id : choice.value("token_ids", Json::array())) all["token_ids"].push_back(id);
      }
      for (const char* key : {"finish_reason", "stop_reason"})
        if (choice.contains(key)) all[key] = choice[key];
    }
    ASSERT_EQ(joined.size(), body["choices"].size());
    for (const Json& choice : body["choices"]) EXPECT_EQ(joined[choice["index"]], choice);
  }
}

TEST_F(ApiStreams, ResponsesSayWhatTheBodySays) {
  Json asked = {{"input", "Hello there"}, {"max_output_tokens", 20}};
  Json body = server.answer("/v1/responses", asked);
  std::vector<StreamEvent> events = stream("/v1/responses", asked);
  std::string text;
  for (std::size_t i = 0; i < events.size(); ++i) {
    Json event = events[i].json();
    EXPECT_EQ(event["type"], events[i].name);
    EXPECT_EQ(event["sequence_number"], i);
    if (event["type"] == "response.output_text.delta") text += event["delta"].get<std::string>();
  }
  EXPECT_EQ(events.front().name, "response.created");
  EXPECT_EQ(Json(text), body["output"][0]["content"][0]["text"]);
  Json last = events.back().json()["response"];
  EXPECT_EQ(last["status"], body["status"]);
  EXPECT_EQ(last["output"][0]["content"], body["output"][0]["content"]);
}

TEST_F(ApiStreams, UsageComesLastWhenAskedFor) {
  Json asked = {{"messages", kMessages},
                {"max_tokens", 5},
                {"ignore_eos", true},
                {"stream_options", {{"include_usage", true}}}};
  std::vector<StreamEvent> events = stream("/v1/chat/completions", asked);
  Json usage = events[events.size() - 2].json();
  EXPECT_TRUE(usage["choices"].empty());
  EXPECT_EQ(usage["usage"]["completion_tokens"], 5);
  for (std::size_t i = 0; i + 2 < events.size(); ++i) EXPECT_TRUE(events[i].json()["usage"].is_null());
  asked["stream_options"] = Json::object();
  EXPECT_FALSE(stream("/v1/chat/completions", asked)[0].json().contains("usage"));
}

// ---- continuing -----------------------------------------------------------------------------------

class ApiResume : public ApiStreams {
 protected:
  std::string body_of(TestServer& at, const std::string& path, const Json& body, const std::string& last_id) {
    HttpResponse response = at.ask(path, body, {{"Last-Event-ID", last_id}});
    EXPECT_EQ(response.status, 200) << response.body;
    return response.body;
  }
};

const std::pair<const char*, Json> kResumeCases[] = {
    {"/v1/chat/completions",
     {{"messages", kMessages}, {"max_tokens", 12}, {"stream_options", {{"include_usage", true}}}}},
    {"/v1/chat/completions",
     {{"messages", kMessages}, {"max_tokens", 12}, {"n", 3}, {"logprobs", true}, {"seed", 5}}},
    {"/v1/completions", {{"prompt", {"Once", "In the"}}, {"max_tokens", 6}, {"n", 2}, {"echo", true}}},
    {"/v1/responses", {{"input", "Hello"}, {"max_output_tokens", 8}}},
};

// The events of a stream as they came. Comments, which a client drops, say only that time passed.
std::string without_comments(const std::string& stream) {
  std::string events;
  for (std::size_t at = 0, end = 0; at < stream.size(); at = end) {
    end = std::min(stream.find("\n\n", at), stream.size() - 2) + 2;
    if (stream[at] != ':') events += stream.substr(at, end - at);
  }
  return events;
}

// The joined stream is the uninterrupted one, byte for byte, wherever it broke, on this server and on another.
TEST_F(ApiResume, FromEveryEvent) {
  TestServer other;
  for (auto [path, asked] : kResumeCases) {
    SCOPED_TRACE(path);
    asked["stream"] = true;
    std::string whole = without_comments(server.ask(path, asked).body);
    std::vector<StreamEvent> events = events_of(whole);
    std::size_t at = 0;
    for (std::size_t i = 0; i < events.size(); ++i) {
      at = whole.find("\n\n", at) + 2;
      ASSERT_FALSE(events[i].id.empty());
      TestServer& replica = i % 2 == 0 ? server : other;
      EXPECT_EQ(whole.substr(0, at) + without_comments(body_of(replica, path, asked, events[i].id)), whole)
          << "from event " << i;
    }
    EXPECT_EQ(at, whole.size());
  }
}

// A crowd around it, in a pool too small for it, with preemptions.
TEST_F(ApiResume, UnderLoad) {
  TestServerOptions options;
  options.engine.kv_pages = 6;
  options.engine.schedule.max_sequences = 16;
  TestServer busy(options);
  Json asked = {
      {"messages", kMessages}, {"max_tokens", 150}, {"ignore_eos", true}, {"n", 3}, {"stream", true}};
  std::string whole = without_comments(server.ask("/v1/chat/completions", asked).body);
  std::vector<StreamEvent> events = events_of(whole);
  std::vector<std::shared_ptr<ApiClient>> crowd;
  for (int i = 0; i < 30; ++i)
    crowd.push_back(busy.post(
        "/v1/completions",
        {{"prompt", fmt::format("Crowd {}", i)}, {"seed", i}, {"max_tokens", 150}, {"ignore_eos", true}}));
  std::vector<std::pair<std::size_t, std::shared_ptr<ApiClient>>> resumed;
  for (std::size_t i = 0; i < events.size(); i += events.size() / 5)
    resumed.emplace_back(i, busy.post("/v1/chat/completions", asked, {{"Last-Event-ID", events[i].id}}));
  for (const auto& [from, client] : resumed) {
    std::size_t at = whole.find(events[from].id);
    at = whole.find("\n\n", at) + 2;
    EXPECT_EQ(without_comments(client->wait().body), whole.substr(at)) << "from event " << from;
  }
  for (const auto& client : crowd) EXPECT_EQ(client->wait().status, 200);
  busy.wait_idle();
  EngineStats stats = busy.engine().stats();
  EXPECT_GT(stats.schedule.preemptions, 0) << "the pool was too large for what this test is about";
  EXPECT_GT(stats.most_sequences, 4);
  EXPECT_EQ(busy.pages_used(), 0);
}

TEST_F(ApiResume, RefusesWhatDoesNotFit) {
  Json asked = {{"messages", kMessages}, {"max_tokens", 5}, {"stream", true}};
  std::vector<StreamEvent> events = events_of(server.ask("/v1/chat/completions", asked).body);
  const std::string id = events[1].id;
  auto refused = [&](const Json& body, const std::string& last) {
    return server.refusal("/v1/chat/completions", body, {{"Last-Event-ID", last}});
  };
  const std::pair<const char*, Json> kChanges[] = {
      {"max_tokens", 6},
      {"seed", 1},
      {"model", "alias"},
      {"messages", Json::array({{{"role", "user"}, {"content", "Another"}}})}};
  for (const auto& [key, value] : kChanges) {
    Json changed = asked;
    changed[key] = value;
    Json error = refused(changed, id);
    EXPECT_EQ(error["status"], 409) << key;
    EXPECT_EQ(error["param"], "Last-Event-ID");
  }
  EXPECT_EQ(refused(asked, "17")["status"], 400);
  Json whole = asked;
  whole["stream"] = false;
  EXPECT_EQ(refused(whole, id)["status"], 400);
  // Another endpoint's stream of the same body.
  Json responses = {{"input", "x"}, {"stream", true}, {"max_output_tokens", 2}};
  EXPECT_EQ(server.refusal("/v1/responses", responses, {{"Last-Event-ID", id}})["status"], 409);
  // An event that the stream never had.
  std::string beyond = id.substr(0, id.rfind('.')) + ".4000";
  HttpResponse response = server.ask("/v1/chat/completions", asked, {{"Last-Event-ID", beyond}});
  std::vector<StreamEvent> rest = events_of(response.body);
  ASSERT_EQ(rest.size(), 1u);
  EXPECT_EQ(rest[0].json()["error"]["param"], "Last-Event-ID");
  // Spaces and the order of lines do not matter to a body, the order of its keys does: templates see it.
  std::string spaced = asked.dump(2);
  HttpResponse same = server.send("POST", "/v1/chat/completions", spaced, {{"Last-Event-ID", id}})->wait();
  EXPECT_EQ(same.status, 200);
}

}  // namespace
}  // namespace verbatim::server
