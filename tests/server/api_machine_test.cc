// One load on machines of three sizes: what a machine lacks may refuse an answer or break it off with an error that says
// so; it changes no token, no default, no finish reason.
#include "server/api_fixture.h"

namespace verbatim::server {
namespace {

struct Machine {
  std::int64_t kv_pages, seats;
};
constexpr Machine kMachines[] = {{200, 64}, {6, 3}, {2, 1}};  // 25,600, 768 and 256 tokens

TestServerOptions options_of(const Machine& machine) {
  TestServerOptions options;
  options.engine.kv_pages = machine.kv_pages;
  options.engine.schedule.max_sequences = machine.seats;
  return options;
}

const Json kLoad[] = {
    {{"prompt", "Once upon a time"}, {"max_tokens", 30}},
    {{"prompt", "Once upon a time"}, {"max_tokens", 40}, {"n", 9}, {"logprobs", 2}, {"ignore_eos", true}},
    {{"prompt", "In"}, {"max_tokens", 300}, {"ignore_eos", true}, {"temperature", 0}},
    {{"prompt", "In"}, {"max_tokens", 250}, {"ignore_eos", true}, {"n", 2}},
    {{"prompt", std::string(300, 'x')}, {"max_tokens", 5}},
    {{"prompt", {"a", "b", "c", "d", "e"}}, {"max_tokens", 20}, {"n", 3}, {"seed", 5}},
    {{"prompt", "To the end"}, {"max_tokens", -1}, {"ignore_eos", true}},
};

TEST(ApiMachine, SizesChangeNoAnswer) {
  std::vector<Json> wanted;
  for (const Machine& machine : kMachines) {
    SCOPED_TRACE(fmt::format("{} pages, {} seats", machine.kv_pages, machine.seats));
    TestServer server(options_of(machine));
    std::vector<std::shared_ptr<ApiClient>> clients;
    for (const Json& body : kLoad) clients.push_back(server.post("/v1/completions", body));
    int refused = 0;
    for (std::size_t i = 0; i < std::size(kLoad); ++i) {
      const HttpResponse& response = clients[i]->wait();
      const Json answer = Json::parse(response.body);
      if (&machine == kMachines) {
        ASSERT_EQ(response.status, 200) << response.body;
        wanted.push_back(bits_of_answer(answer));
      } else if (response.status == 200) {
        EXPECT_EQ(bits_of_answer(answer), wanted[i]) << kLoad[i];
      } else {
        ++refused;
        EXPECT_EQ(response.status, 503) << response.body;
        EXPECT_EQ(answer["error"]["code"], "kv_cache_too_small");
      }
    }
    EXPECT_EQ(refused, machine.kv_pages == 2 ? 3 : 0);
  }
}

// The default of max_tokens is the model's, also where there is no memory for it.
TEST(ApiMachine, DefaultsAreTheModels) {
  for (const Machine& machine : kMachines) {
    TestServer server(options_of(machine));
    HttpResponse response = server.ask("/v1/chat/completions", {{"messages", kMessages}, {"stop", "e"}});
    ASSERT_NE(header_of(response, "X-Verbatim-Effective-Parameters"), nullptr) << response.body;
    const auto prompt =
        server.answer("/tokenize", {{"messages", kMessages}, {"add_special_tokens", false}})["count"]
            .get<int>();
    EXPECT_TRUE(header_of(response, "X-Verbatim-Effective-Parameters")
                    ->starts_with(fmt::format("max_tokens={} ", 512 - prompt)));
  }
}

// A stream that has begun says it in an event without an id, so that its client goes on elsewhere.
TEST(ApiMachine, AStreamBreaksOffWithAnError) {
  TestServer small(options_of(kMachines[2])), large(options_of(kMachines[0]));
  const Json body = {
      {"prompt", "In"}, {"max_tokens", 300}, {"ignore_eos", true}, {"stream", true}, {"temperature", 0}};
  const std::string cut = small.ask("/v1/completions", body).body,
                    whole = large.ask("/v1/completions", body).body;
  const std::size_t error = cut.rfind("data: {\"error\"");
  ASSERT_NE(error, cut.npos);
  EXPECT_EQ(cut.find("finish_reason\":\"length"), cut.npos);
  EXPECT_EQ(cut.find("[DONE]"), cut.npos);
  EXPECT_NE(cut.find("kv_cache_too_small", error), cut.npos);
  EXPECT_EQ(cut.substr(error - 2, 2), "\n\n") << "no id stands before it";
  // Otherwise it is the same stream, ids and times aside.
  auto texts = [](const std::string& stream) {
    std::string all;
    for (const StreamEvent& event : events_of(stream))
      if (event.data != "[DONE]" && event.json().contains("choices"))
        all += event.json()["choices"][0]["text"].get<std::string>();
    return all;
  };
  EXPECT_TRUE(texts(whole).starts_with(texts(cut)));
  EXPECT_GT(texts(cut).size(), 100u);
}

}  // namespace
}  // namespace verbatim::server
