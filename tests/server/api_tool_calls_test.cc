// Calls of tools with tool_choice auto, from the model's tokens to what clients read: whole, streamed, continued.
//
// The models that come with the program call no tools. The model here draws, token for token, an answer that the
// test lays down; tokenizer, engine, sampler and server are what they always are. The answers are spelled in byte
// tokens: so each is cut everywhere that it can be cut.
#include <algorithm>

#include "host_model.h"
#include "server/api_fixture.h"
#include "server/call.h"

namespace verbatim::server {
namespace {

// After the token at position `start` - 1 + i it draws token i of `script`, and at its end the end of the text.
class ScriptedModel final : public HostModel {
 public:
  ScriptedModel(std::int64_t start, std::vector<std::int32_t> script)
      : start_(start), script_(std::move(script)) {}

  const ModelConfig& config() const override { return tiny_loaded_model().model->config(); }

 private:
  Computed compute(const StepBatch& batch, Pages&) override {
    Computed made;
    made.hidden.resize(batch.logits_rows.size());
    for (std::int32_t row : batch.logits_rows) {
      std::int64_t next = batch.positions[static_cast<std::size_t>(row)] + 1 - start_;
      bool within = next >= 0 && next < static_cast<std::int64_t>(script_.size());
      std::vector<float> logits(static_cast<std::size_t>(config().vocab_size));
      const std::int32_t token =
          within ? script_[static_cast<std::size_t>(next)] : *tiny_loaded_model().tokenizer->eos();
      logits[static_cast<std::size_t>(token)] = 100;
      made.logits.insert(made.logits.end(), logits.begin(), logits.end());
    }
    return made;
  }

  std::int64_t start_;
  std::vector<std::int32_t> script_;
};

std::vector<std::int32_t> byte_tokens(std::string_view text) {
  std::vector<std::int32_t> tokens;
  for (char c : text) tokens.push_back(3 + static_cast<unsigned char>(c));
  EXPECT_EQ(tiny_loaded_model().tokenizer->decode(tokens), text);
  return tokens;
}

// As Llama 3 has it: "parameters", and no tags.
constexpr const char* kLlamaTemplate =
    "{% if tools %}Answer with {\"name\": ..., \"parameters\": ...}{% for t in tools %} {{ t.function.name }}"
    "{% endfor %}{% endif %}{% for m in messages %}<|start_header_id|>{{ m.role }}<|end_header_id|>"
    "{{ m.content or '' }}{% for c in m.tool_calls or [] %}{\"name\": \"{{ c.function.name }}\", "
    "\"parameters\": "
    "{{ c.function.arguments | tojson }}}{% endfor %}<|eot_id|>{% endfor %}"
    "{% if add_generation_prompt %}<|start_header_id|>assistant<|end_header_id|>{% endif %}";

struct ScriptedAnswer {
  const char* chat_template;
  const char* answer;
  Json content;  // of the message; null: none
  std::vector<std::pair<const char*, Json>> calls;
  std::int64_t max_tokens = 200;
};

const ScriptedAnswer kScriptedAnswers[] = {
    {kTinyTemplate, "It is warm.", "It is warm.", {}},
    {kTinyTemplate,
     "<tool_call>\n{\"name\": \"weather\", \"arguments\": {\"city\": \"Oslo\"}}\n</tool_call>",
     nullptr,
     {{"weather", {{"city", "Oslo"}}}}},
    {kTinyTemplate,
     "Let me see.\n<tool_call>\n{\"name\": \"weather\", \"arguments\": {\"city\": \"Røros\"}}\n</tool_call>\n"
     "<tool_call>\n{\"name\": \"clock\", \"arguments\": {}}\n</tool_call>",
     "Let me see.",
     {{"weather", {{"city", "Røros"}}}, {"clock", Json::object()}}},
    // What only looks like a call is text, and the answer ends as text does.
    {kTinyTemplate,
     "<tool_call>\n{\"name\": weather}\n</tool_call>",
     "<tool_call>\n{\"name\": weather}\n</tool_call>",
     {}},
    {kTinyTemplate, "a < b <tool> c", "a < b <tool> c", {}},
    {kTinyTemplate,
     "<tool_call>\n{\"name\": \"weather\", \"arguments\": {\"city\": \"Oslo\"}}\n</tool_call>",
     "<tool_call>\n{\"name\": \"weather\"",
     {},
     30},
    // Behind them it is a call, of which there is as much as there is.
    {kTinyTemplate,
     "<tool_call>\n{\"name\": \"weather\", \"arguments\": {\"city\": \"Oslo\"}}\n</tool_call>",
     nullptr,
     {{"weather", R"({"city": "O)"}},
     56},
    {kLlamaTemplate, "It is warm.", "It is warm.", {}},
    {kLlamaTemplate,
     "{\"name\": \"weather\", \"parameters\": {\"city\": \"Oslo\"}}",
     nullptr,
     {{"weather", {{"city", "Oslo"}}}}},
    {kLlamaTemplate,
     "{\"name\": \"weather\", \"parameters\": {\"city\": \"Oslo\"}}; {\"name\": \"clock\", \"parameters\": "
     "{}}",
     nullptr,
     {{"weather", {{"city", "Oslo"}}}, {"clock", Json::object()}}},
    {kLlamaTemplate, "{\"name\": 5}", "{\"name\": 5}", {}},
};

Json asked_of(const ScriptedAnswer& c) {
  auto tool = [](const char* name) {
    return Json{{"type", "function"}, {"function", {{"name", name}, {"parameters", {{"type", "object"}}}}}};
  };
  return {{"messages", Json::array({{{"role", "user"}, {"content", "Weather?"}}})},
          {"tools", Json::array({tool("weather"), tool("clock")})},
          {"temperature", 0},
          {"max_tokens", c.max_tokens}};
}

// A server whose model gives this answer to that question.
class ScriptedServer {
 public:
  explicit ScriptedServer(const ScriptedAnswer& c)
      : model_(prompt_size(c), byte_tokens(c.answer)), server_(options(c)) {}
  TestServer* operator->() { return &server_; }

 private:
  static std::int64_t prompt_size(const ScriptedAnswer& c) {
    auto call = read_call(asked_of(c).dump(), kChat, tiny_served_model(c.chat_template));
    CHECK(call.ok(), "{}", call.error().message);
    return static_cast<std::int64_t>(call->prompts[0].tokens.size());
  }
  TestServerOptions options(const ScriptedAnswer& c) {
    TestServerOptions options;
    options.model = &model_;
    options.chat_template = c.chat_template;
    return options;
  }
  ScriptedModel model_;
  TestServer server_;
};

// {"content", "tool_calls", "finish_reason"} of a whole answer, or joined from a stream's deltas.
Json shown(const Json& choice) {
  const Json& message = choice["message"];
  return {{"content", message["content"]},
          {"tool_calls", message.value("tool_calls", Json::array())},
          {"finish_reason", choice["finish_reason"]}};
}
Json joined(const std::vector<StreamEvent>& events) {
  Json all = {{"content", ""}, {"tool_calls", Json::array()}, {"finish_reason", nullptr}};
  for (const StreamEvent& event : events) {
    if (event.data == "[DONE]") break;
    const Json choice = event.json()["choices"][0], delta = choice["delta"];
    all["content"] = all["content"].get<std::string>() + delta.value("content", "");
    for (Json call : delta.value("tool_calls", Json::array())) {
      const auto index = call["index"].get<std::size_t>();
      call.erase("index");
      if (call.contains("id")) {
        EXPECT_EQ(index, all["tool_calls"].size());
        EXPECT_EQ(call["function"]["arguments"], "");
        all["tool_calls"].push_back(call);
      } else {
        EXPECT_EQ(index + 1, all["tool_calls"].size());
        Json& arguments = all["tool_calls"][index]["function"]["arguments"];
        arguments = arguments.get<std::string>() + call["function"]["arguments"].get<std::string>();
      }
    }
    if (choice["finish_reason"].is_string()) all["finish_reason"] = choice["finish_reason"];
  }
  if (all["content"] == "" && !all["tool_calls"].empty()) all["content"] = nullptr;
  return all;
}
Json without_ids(Json shown) {  // they are random
  for (Json& call : shown["tool_calls"]) {
    EXPECT_TRUE(call["id"].get<std::string>().starts_with("call_"));
    call.erase("id");
  }
  return shown;
}

TEST(ApiToolCalls, AnswersAreTakenApart) {
  for (const ScriptedAnswer& c : kScriptedAnswers) {
    SCOPED_TRACE(c.answer);
    ScriptedServer server(c);
    Json expected = {{"content", c.content}, {"tool_calls", Json::array()}};
    bool cut = c.max_tokens < static_cast<std::int64_t>(std::string_view(c.answer).size());
    expected["finish_reason"] = cut ? "length" : c.calls.empty() ? "stop" : "tool_calls";
    Json whole = without_ids(shown(server->answer("/v1/chat/completions", asked_of(c))["choices"][0]));
    ASSERT_EQ(whole["tool_calls"].size(), c.calls.size()) << whole;
    for (std::size_t i = 0; i < c.calls.size(); ++i) {
      const Json& call = whole["tool_calls"][i];
      EXPECT_EQ(call["type"], "function");
      EXPECT_EQ(call["function"]["name"], c.calls[i].first);
      const auto arguments = call["function"]["arguments"].get<std::string>();
      EXPECT_EQ(c.calls[i].second.is_string() ? Json(arguments) : Json::parse(arguments), c.calls[i].second);
      expected["tool_calls"].push_back(call);
    }
    EXPECT_EQ(whole, expected);

    Json streamed = asked_of(c);
    streamed["stream"] = true;
    HttpResponse response = server->ask("/v1/chat/completions", streamed);
    EXPECT_EQ(without_ids(joined(events_of(response.body))), whole);
  }
}

// A stream that breaks before, within or behind a call goes on with the same ids, byte for byte.
TEST(ApiToolCalls, StreamsContinueAroundCalls) {
  for (const ScriptedAnswer& c : kScriptedAnswers) {
    SCOPED_TRACE(c.answer);
    ScriptedServer server(c);
    Json asked = asked_of(c);
    asked["stream"] = true;
    std::string whole = server->ask("/v1/chat/completions", asked).body;
    std::size_t at = 0;
    for (const StreamEvent& event : events_of(whole)) {
      at = whole.find("\n\n", at) + 2;
      std::string rest = server->ask("/v1/chat/completions", asked, {{"Last-Event-ID", event.id}}).body;
      EXPECT_EQ(whole.substr(0, at) + rest, whole);
    }
  }
}

// With tool_choice none the same tokens are text.
TEST(ApiToolCalls, NoneLeavesTheTextAlone) {
  ScriptedAnswer c = kScriptedAnswers[1];
  Json asked = asked_of(c);
  asked["tool_choice"] = "none";
  auto call = read_call(asked.dump(), kChat, tiny_served_model(c.chat_template));
  ASSERT_TRUE(call.ok());
  ScriptedModel model(static_cast<std::int64_t>(call->prompts[0].tokens.size()), byte_tokens(c.answer));
  TestServerOptions options;
  options.model = &model;
  TestServer server(options);
  Json choice = server.answer("/v1/chat/completions", asked)["choices"][0];
  EXPECT_EQ(choice["message"]["content"], c.answer);
  EXPECT_EQ(choice["finish_reason"], "stop");
}

}  // namespace
}  // namespace verbatim::server
