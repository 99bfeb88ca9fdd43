// Who shares with whom: pages of the prefix cache within a key and a cache_salt, steps and seats among keys and requests.
#include <thread>

#include "server/api_fixture.h"
#include "server/resume_id.h"

namespace verbatim::server {
namespace {

struct Asker {
  std::optional<std::size_t> key;
  std::string salt;  // empty: none
};

std::shared_ptr<ApiClient> post_as(TestServer& server, const Asker& asker, Json body) {
  if (!asker.salt.empty()) body["cache_salt"] = asker.salt;
  HttpRequest request{"POST", "/v1/completions", {}, {{"Content-Type", "application/json"}}, body.dump(),
                      "test"};
  request.key = asker.key;
  auto client = std::make_shared<ApiClient>();
  server.api().handle(std::move(request), client);
  return client;
}

Json answer_as(TestServer& server, const Asker& asker, const Json& body) {
  const HttpResponse response = post_as(server, asker, body)->wait();
  EXPECT_EQ(response.status, 200) << response.body;
  return Json::parse(response.body);
}

std::int64_t cached_tokens(const Json& answer) {
  return answer["usage"]["prompt_tokens_details"]["cached_tokens"].get<std::int64_t>();
}

const Json kSecret = {{"prompt", "The secret that nobody else may guess, letter by letter"},
                      {"max_tokens", 4}};

// How much the second asker finds of what the first one asked.
std::int64_t found(const TestServerOptions& options, const Asker& first, const Asker& second) {
  TestServer server(options);
  const Json wanted = answer_as(server, first, kSecret), got = answer_as(server, second, kSecret);
  EXPECT_EQ(cached_tokens(wanted), 0);
  EXPECT_EQ(bits_of_answer(got), bits_of_answer(wanted));
  return cached_tokens(got);
}

TEST(ApiTenants, PromptsOfAnotherKeyAreNotFound) {
  EXPECT_EQ(found({}, {0, ""}, {1, ""}), 0);
  EXPECT_EQ(found({}, {0, "a"}, {0, "b"}), 0);
  EXPECT_EQ(found({}, {0, "a"}, {0, ""}), 0);
  EXPECT_EQ(found({}, {0, "a"}, {1, "a"}), 0);
  EXPECT_EQ(found({}, {{}, "a"}, {{}, "b"}), 0);
  EXPECT_EQ(found({}, {1, ""}, {{}, "key 1 "}), 0) << "a salt is no key";
}

TEST(ApiTenants, PromptsOfTheSameKeyAre) {
  EXPECT_GT(found({}, {0, ""}, {0, ""}), 40);
  EXPECT_GT(found({}, {0, "a"}, {0, "a"}), 40);
  EXPECT_GT(found({}, {{}, ""}, {{}, ""}), 40);
  TestServerOptions shared;
  shared.api.share_prefix_cache = true;
  EXPECT_GT(found(shared, {0, ""}, {1, ""}), 40);
  EXPECT_EQ(found(shared, {0, "a"}, {1, "b"}), 0);
}

// The salt is no part of the answer: not of the name of a stream, nor of receipts.
TEST(ApiTenants, TheSaltIsNoPartOfTheAnswer) {
  TestServer server;
  auto digest_and_receipt = [&](const Asker& asker) {
    Json body = kSecret;
    body["stream"] = true;
    body["receipt"] = true;
    std::string digest, receipt;
    const HttpResponse response = post_as(server, asker, body)->wait();
    for (const StreamEvent& event : events_of(response.body)) {
      if (const auto id = parse_resume_id(event.id); id.ok()) digest = id->digest;
      const Json json = event.json();
      if (json.is_object() && json["choices"][0].contains("receipt"))
        receipt = json["choices"][0]["receipt"].dump();
    }
    return std::pair(digest, receipt);
  };
  const auto [digest, receipt] = digest_and_receipt({{}, ""});
  const auto [salted_digest, salted_receipt] = digest_and_receipt({{}, "salt"});
  EXPECT_EQ(digest.size(), 24u);
  EXPECT_EQ(salted_digest, digest);
  EXPECT_NE(receipt.find("max_tokens"), std::string::npos) << receipt;
  EXPECT_EQ(salted_receipt.find("salt"), std::string::npos) << salted_receipt;
}

// A list of prompts holds every seat; somebody else is served in the meantime, with the bits that it has alone.
TEST(ApiTenants, AListOfPromptsKeepsNobodyOut) {
  TestServerOptions options;
  options.engine.schedule.max_sequences = 4;
  options.engine.kv_pages = 512;
  TestServer server(options);
  const Json asked = {{"prompt", "Somebody else"}, {"max_tokens", 5}, {"ignore_eos", true}};
  const Json alone = bits_of_answer(server.answer("/v1/completions", asked));
  for (auto keys : {std::pair<std::optional<std::size_t>, std::optional<std::size_t>>{}, {0, 1}, {0, 0}}) {
    Json list = {{"prompt", Json::array()}, {"max_tokens", 400}, {"ignore_eos", true}};
    for (int i = 0; i < 60; ++i) list["prompt"].push_back(fmt::format("Prompt {}", i));
    auto crowd = post_as(server, {keys.first, ""}, list);
    while (server.engine().stats().running < 4) std::this_thread::yield();
    const Json got = answer_as(server, {keys.second, ""}, asked);
    EXPECT_EQ(bits_of_answer(got), alone);
    const EngineStats stats = server.engine().stats();
    EXPECT_GT(stats.waiting, 40) << "the list is done: it did not keep anybody out";
    EXPECT_GT(stats.schedule.preemptions, 0) << "a seat was free";
    crowd->leave();
    server.wait_idle();
  }
}

}  // namespace
}  // namespace verbatim::server
