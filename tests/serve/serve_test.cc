// `verbatim serve` as its user runs it: what it prints, whom it lets in, and the sentence for flags that cannot work.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>

#include "json/library.h"
#include "program.h"
#include "server/http_server.h"
#include "server/self_signed.h"
#include "thinning.h"

namespace verbatim {
namespace {

using server::Client;
using server::ClientResponse;
using Json = nlohmann::json;

constexpr const char* kJson = "Content-Type: application/json\r\n";
constexpr const char* kPrompt = R"({"prompt": "Once upon a time", "max_tokens": 4, "temperature": 0})";

ClientResponse get(int port, const char* path, const std::string& headers = "") {
  Client client(port);
  client.get(path, headers);
  return client.read();
}
ClientResponse complete(Client& client, const std::string& body, const std::string& headers = "") {
  client.post("/v1/completions", body, kJson + headers);
  return client.read();
}

TEST(Serve, SaysWhatItServes) {
  Serve serve({"--served-model-name", "teller", "--served-model-name", "other", "--max-num-seqs", "8",
               "--max-step-tokens", "64", "--kv-cache-bytes", "16MiB"});
  int port = serve.port();
  Json model = Json::parse(get(port, "/v1/models").body)["data"][0];
  EXPECT_EQ(model["id"], "teller");
  for (const std::string& line :
       {std::string("model        storyteller, served as teller, other\n"),
        "fingerprint  " + model["fingerprint"].get<std::string>() + "\n",
        std::string("backend      [a-z0-9]+, 2 threads\n"),
        std::string("widths       activations 16, KV 16 bits\n"),
        std::string("KV cache     3456 tokens in 27 pages, 15 MiB\n"),
        std::string("context      1024 tokens; at most 8 sequences, 64 tokens a step\n"),
        "listening    http://127.0.0.1:" + std::to_string(port) + "\n$"})
    EXPECT_TRUE(serve.prints(line));
  Client client(port);
  Json answer = Json::parse(complete(client, kPrompt).body);
  EXPECT_EQ(answer["model"], "teller");
  EXPECT_EQ(answer["system_fingerprint"], model["system_fingerprint"]);
}

TEST(Serve, TlsByFlags) {
  server::SelfSigned identity;
  Serve serve({"--tls-cert", identity.certificate_path(), "--tls-key", identity.key_path()});
  int port = serve.port();
  EXPECT_TRUE(serve.prints("listening +https://127.0.0.1"));
  Client client(port, identity.client());
  ASSERT_TRUE(client.connected());
  ClientResponse response = complete(client, kPrompt);
  EXPECT_EQ(response.status, 200) << response.body;
  EXPECT_EQ(Json::parse(response.body)["choices"][0]["text"], " there was a king");
  Client plain(port);
  plain.get("/health");
  EXPECT_NE(plain.read().status, 200);
  serve.signal(SIGTERM);
  EXPECT_EQ(serve.wait(), 0);
}

// Keys by flag and by environment: the latter are not seen in the list of processes.
TEST(Serve, KeysAreAskedFor) {
  Serve by_flag({"--api-key", "first", "--api-key", "second"});
  Serve by_environment({}, {"VERBATIM_API_KEY=first"});
  for (int port : {by_flag.port(), by_environment.port()}) {
    Client client(port);
    EXPECT_EQ(complete(client, kPrompt, "Authorization: Bearer first\r\n").status, 200);
    EXPECT_EQ(get(port, "/v1/models", "Authorization: Bearer first\r\n").status, 200);
    EXPECT_EQ(get(port, "/health").status, 200);
    for (const char* header : {"", "Authorization: Bearer firs\r\n", "Authorization: Bearer first1\r\n",
                               "Authorization: Basic first\r\n", "Authorization: Bearer \r\n"}) {
      Client stranger(port);
      ClientResponse response = complete(stranger, kPrompt, header);
      EXPECT_EQ(response.status, 401) << header;
      EXPECT_EQ(response.header("WWW-Authenticate"), "Bearer");
      EXPECT_EQ(Json::parse(response.body)["error"]["code"], "invalid_api_key");
    }
  }
  EXPECT_EQ(get(by_flag.port(), "/v1/models", "Authorization: Bearer second\r\n").status, 200);
  EXPECT_EQ(get(by_environment.port(), "/v1/models", "Authorization: Bearer second\r\n").status, 401);
}

TEST(Serve, KeysOfAFileAreAskedFor) {
  server::SelfSigned identity;
  const std::string path = identity.key_path() + ".keys";
  std::ofstream(path) << "# of the team\nfirst\r\n\nsecond\n";
  Serve serve({"--api-key-file", path, "--api-key", "third"});
  for (const char* key : {"first", "second", "third"})
    EXPECT_EQ(get(serve.port(), "/v1/models", fmt::format("Authorization: Bearer {}\r\n", key)).status, 200)
        << key;
  for (const char* key : {"", "# of the team", "fourth"})
    EXPECT_EQ(get(serve.port(), "/v1/models", fmt::format("Authorization: Bearer {}\r\n", key)).status, 401)
        << key;
}

TEST(Serve, SaysWhereEveryUserMayReadAKey) {
  server::SelfSigned identity;
  namespace fs = std::filesystem;
  for (const bool readable : {true, false}) {
    fs::permissions(identity.key_path(), readable ? fs::perms(0644) : fs::perms(0600));
    Serve serve({"--tls-cert", identity.certificate_path(), "--tls-key", identity.key_path()});
    EXPECT_TRUE(serve.prints("listening"));
    EXPECT_EQ(serve.text().find(identity.key_path() + ": every user may read this key") != std::string::npos,
              readable);
  }
}

ClientResponse preflight(int port, const char* origin) {
  Client client(port);
  client.send(
      fmt::format("OPTIONS /v1/completions HTTP/1.1\r\nHost: localhost\r\nOrigin: {}\r\n"
                  "Access-Control-Request-Method: POST\r\n"
                  "Access-Control-Request-Headers: authorization,content-type\r\n\r\n",
                  origin));
  return client.read();
}

// A browser asks first, without a key, and then sends its request.
TEST(Serve, PagesOfNamedOriginsMayCall) {
  Serve serve(
      {"--cors-origin", "https://chat.example", "--cors-origin", "http://localhost:3000", "--api-key", "k"});
  int port = serve.port();
  for (const char* origin : {"https://chat.example", "http://localhost:3000"}) {
    ClientResponse allowed = preflight(port, origin);
    EXPECT_EQ(allowed.status, 204);
    EXPECT_EQ(allowed.header("Access-Control-Allow-Origin"), origin);
    EXPECT_EQ(allowed.header("Access-Control-Allow-Headers"), "authorization,content-type");
    EXPECT_NE(allowed.header("Access-Control-Allow-Methods").find("POST"), std::string::npos);
    Client client(port);
    std::string headers = fmt::format("Origin: {}\r\n", origin);
    ClientResponse answer = complete(client, kPrompt, headers + "Authorization: Bearer k\r\n");
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(answer.header("Access-Control-Allow-Origin"), origin);
    EXPECT_EQ(answer.header("Access-Control-Expose-Headers"), "*");
    EXPECT_EQ(answer.header("Vary"), "Origin");
    ClientResponse refused = complete(client, kPrompt, headers);  // the page is to read the error too
    EXPECT_EQ(refused.status, 401);
    EXPECT_EQ(refused.header("Access-Control-Allow-Origin"), origin);
  }
  ClientResponse stranger = preflight(port, "https://other.example");
  EXPECT_EQ(stranger.status, 403);
  EXPECT_EQ(stranger.header("Access-Control-Allow-Origin"), "");
}

TEST(Serve, ByDefaultNoPageMayCall) {
  Serve serve({});
  int port = serve.port();
  EXPECT_EQ(preflight(port, "https://chat.example").status, 403);
  EXPECT_EQ(get(port, "/v1/models", "Origin: https://chat.example\r\n").header("Access-Control-Allow-Origin"),
            "");
}

TEST(Serve, VerboseShowsTheParametersInEffect) {
  Serve serve({"--verbose"});
  Client client(serve.port());
  ClientResponse response =
      complete(client, R"({"prompt": "Once", "max_tokens": 3, "top_p": 0.5, "seed": 7})");
  std::string effective = response.header("X-Verbatim-Effective-Parameters");
  EXPECT_EQ(effective,
            "max_tokens=3 temperature=1 top_k=0 top_p=0.5 min_p=0 repetition_penalty=1 frequency_penalty=0 "
            "presence_penalty=0 seed=7");
  EXPECT_TRUE(serve.prints(response.header("X-Request-Id") + " /v1/completions: " + effective + "\n"));
}

TEST(Serve, AccessLogOnStderr) {
  Serve serve({"--access-log", "-"});
  get(serve.port(), "/nowhere", "User-Agent: me\r\n");
  EXPECT_TRUE(
      serve.prints("[0-9-]+T[0-9:.]+Z 127.0.0.1:[0-9]+ GET /nowhere 404 [0-9]+ [0-9.]+ sent \"me\"\n"));
}

// One sentence that names what to change, and nothing else; 1: the machine or a file; 2: the flags.
TEST(Serve, WhatCannotWorkIsSaidInOneSentence) {
  server::SelfSigned identity;
  Serve first({});
  std::string taken = std::to_string(first.port());
  struct Refusal {
    std::vector<std::string> flags;
    int code;
    std::string sentence;
  };
  const Refusal kRefusals[] = {
      // Before the model is loaded, which may take minutes.
      {{"--port", taken, "--model", "nowhere.gguf"}, 1, "verbatim: host 127.0.0.1, port " + taken + ": .*\n"},
      {{"--port", taken},
       1,
       "verbatim: host 127.0.0.1, port " + taken + ": cannot be listened on: Address already in use\n"},
      {{"--host", "example"}, 1, "verbatim: host 'example': must be an address, .*\n"},
      {{"--host", "unix:/dev/null/socket"},
       1,
       "verbatim: host unix:/dev/null/socket.*: cannot be listened on: .*\n"},
      {{"--port", "70000"}, 2, "--port: Value 70000 not in range 0 to 65535\n.*\n"},
      {{"--tls-cert", identity.certificate_path()},
       1,
       "verbatim: TLS needs both a certificate and a key: .*\n"},
      {{"--tls-cert", "nowhere.pem", "--tls-key", identity.key_path()},
       1,
       "verbatim: nowhere.pem: .*: No such file or directory\n"},
      {{"--tls-cert", identity.key_path(), "--tls-key", identity.key_path()},
       1,
       "verbatim: .*/key.pem: cannot be used as a PEM certificate chain: .*\n"},
      {{"--tls-cert", identity.certificate_path(), "--tls-key", "nowhere.pem"},
       1,
       "verbatim: nowhere.pem: cannot be used as the PEM private key of .*: No such file or directory\n"},
      {{"--api-key", "two words"}, 1, "verbatim: an API key must consist of .*\n"},
      {{"--api-key-file", "nowhere.keys"},
       1,
       "verbatim: nowhere.keys: cannot be read: No such file or directory\n"},
      {{"--api-key-file", "/dev/null"}, 1, "verbatim: /dev/null: holds no API key: write one a line\n"},
      {{"--cors-origin", "example.org"}, 1, "verbatim: 'example.org' is no origin: .*\n"},
      {{"--access-log", "/dev/null/log"},
       1,
       "verbatim: /dev/null/log: cannot be opened as the access log: .*\n"},
      {{"--model", "nowhere.gguf"},
       1,
       "verbatim: nowhere.gguf: cannot be opened: No such file or directory\n"},
      {{"--chat-template", "nowhere.jinja"}, 1, "verbatim: nowhere.jinja: cannot be read\n"},
      {{"--max-model-len", "2000"},
       1,
       "verbatim: max_model_len is 2000, more than the model's context of 1024 tokens\n"},
      {{"--kv-cache-bytes", "1"}, 1, "verbatim: --kv-cache-bytes 1 holds no page of the cache; .*\n"},
      {{"--drain-seconds", "-1"}, 2, "--drain-seconds: is -1, must be a number of at least 0\n.*\n"},
      {{"--max-queue", "0"}, 2, "--max-queue: is 0, must be a number of at least 1\n.*\n"},
      {{"--max-connections", "0"}, 2, "--max-connections: is 0, must be a number of at least 1\n.*\n"},
      {{"--max-connections", "4294967296"}, 1, "verbatim: max_connections 4294967296: needs .*\n"},
      {{"--max-total-body-bytes", "1MiB"},
       1,
       "verbatim: max_total_body_bytes 1048576: must be at least max_body_bytes, which is 16777216\n"},
      {{"--served-model-name", ""}, 2, "--served-model-name: is empty\n.*\n"},
      {{"--no-such-flag"}, 2, "The following argument was not expected: --no-such-flag\n.*\n"},
  };
  for (const Refusal& refusal : kRefusals) {
    Serve serve(refusal.flags);
    EXPECT_EQ(serve.wait(), refusal.code) << refusal.sentence;
    EXPECT_TRUE(std::regex_match(serve.text(), std::regex(refusal.sentence))) << serve.text() << "is not\n"
                                                                              << refusal.sentence;
  }
}

// What is saved with curl is verified with the same program, and what somebody changed in it is named.
class SavedAnswers {
 public:
  SavedAnswers() {
    std::string name = "/tmp/verbatim-answers-XXXXXX";
    CHECK(::mkdtemp(name.data()) != nullptr, "no folder for files");
    folder_ = name;
  }
  ~SavedAnswers() { std::filesystem::remove_all(folder_); }

  std::string save(const char* name, const std::string& text) const {
    std::ofstream(folder_ / name) << text;
    return folder_ / name;
  }
  // `verbatim verify` with these words: what it prints, and its exit code.
  std::string verify(const std::string& words) const {
    const std::string out = folder_ / "out";
    const std::string command =
        fmt::format("'{}' verify --no-cache {} >{} 2>&1", VERBATIM_PROGRAM, words, out);
    const int status = std::system(command.c_str());
    std::ifstream in(out);
    return std::string(std::istreambuf_iterator<char>(in), {}) + fmt::format("exit {}", WEXITSTATUS(status));
  }

 private:
  std::filesystem::path folder_;
};

TEST(Serve, SavedAnswersAreVerified) {
  Serve serve({"--served-model-name", "teller"});
  Client client(serve.port());
  SavedAnswers files;
  Json asked = {
      {"prompt", "Once upon a time"}, {"max_tokens", 8}, {"seed", 2}, {"receipt", true}, {"logprobs", 1}};
  const std::string request = files.save("request.json", asked.dump());
  const std::string body = complete(client, asked.dump()).body;
  const std::string answer = files.save("answer.json", body);
  EXPECT_TRUE(std::regex_search(
      files.verify(answer + " --request " + request),
      std::regex("VALID: 8 tokens after .* the response around it is what a server writes for "
                 "it; the request is the one that was sent\nexit 0$")));
  Json edited = Json::parse(body);
  edited["choices"][0]["message"] = "Yes.";
  EXPECT_TRUE(std::regex_search(files.verify(files.save("edited.json", edited.dump(2))),
                                std::regex("INVALID: response/choices/0/message: .*\"Yes.\".*\nexit 1$")));
  const std::string other = files.save("other.json", Json{{"prompt", "Once"}, {"receipt", true}}.dump());
  EXPECT_TRUE(std::regex_search(files.verify(answer + " --request " + other),
                                std::regex("INVALID: request.*\nexit 1$")));
  asked["stream"] = true;
  const std::string stream = complete(client, asked.dump()).body;
  EXPECT_TRUE(
      std::regex_search(files.verify(files.save("stream.txt", stream)), std::regex("VALID: .*\nexit 0$")));
  EXPECT_TRUE(std::regex_search(files.verify(files.save("more.txt", stream + "data: {}\n\n")),
                                std::regex("INVALID: response/events/.*\nexit 1$")));
}

// A model that takes as long to load as the test likes: its template comes through a pipe.
class SlowTemplate {
 public:
  SlowTemplate()
      : path_(std::filesystem::temp_directory_path() / fmt::format("verbatim-{}.pipe", ::getpid())) {
    ::mkfifo(path_.c_str(), 0600);
  }
  ~SlowTemplate() { std::filesystem::remove(path_); }
  const std::string& path() const { return path_; }
  void arrive() { std::ofstream(path_) << "{{ messages[0].content }}"; }

 private:
  std::string path_;
};

int free_port() {
  server::HttpServerOptions options;
  options.port = 0;
  auto taken = server::HttpServer::create(options, {});
  return (*taken)->port();
}

// Comes back when somebody listens.
Client first_client(int port) {
  for (;;) {
    Client client(port);
    if (client.connected()) return client;
    std::this_thread::yield();
  }
}

TEST(Serve, WhoComesWhileTheModelIsLoadedIsToldToWait) {
  SlowTemplate slow;
  int port = free_port();
  Serve serve({"--chat-template", slow.path(), "--port", std::to_string(port)});
  Client early = first_client(port);
  for (const char* path : {"/health", "/ready", "/v1/models"}) {
    early.get(path);
    ClientResponse response = early.read();
    EXPECT_EQ(response.status, 503) << path;
    EXPECT_EQ(response.header("Retry-After"), "2");
    EXPECT_EQ(Json::parse(response.body)["error"]["code"], "loading");
  }
  EXPECT_EQ(serve.text(), "") << "it says that it listens when it can answer";
  slow.arrive();
  EXPECT_EQ(serve.port(), port);
  early.get("/ready");
  EXPECT_EQ(early.read().status, 200);
}

TEST(Serve, LoadingEndsAtTheFirstSignal) {
  SlowTemplate slow;
  int port = free_port();
  Serve serve({"--chat-template", slow.path(), "--port", std::to_string(port)});
  first_client(port);
  serve.signal(SIGTERM);
  EXPECT_EQ(serve.wait(), -SIGTERM);
}

TEST(Serve, AFileThatIsNoTemplateIsRefusedAtTheStart) {
  std::string path = std::filesystem::temp_directory_path() / fmt::format("verbatim-{}.jinja", ::getpid());
  std::ofstream(path) << "{% for m in messages %}\n{{ m.content | no_such_filter( }}{% endfor %}";
  Serve serve({"--chat-template", path});
  EXPECT_EQ(serve.wait(), 1);
  EXPECT_TRUE(serve.prints("^verbatim: .*line 2.*\n$"));
  std::filesystem::remove(path);
}

// ---- the end --------------------------------------------------------------------------------------

// Takes seconds to answer, in every build.
const std::string kLong =
    fmt::format(R"({{"prompt": "Once", "max_tokens": {}, "n": 8, "ignore_eos": true, "stream": true}})",
                1000 / kThinning);

// A client whose stream has begun.
struct Streaming {
  Client client;
  std::string text;

  explicit Streaming(int port) : client(port) {
    client.post("/v1/completions", kLong, kJson);
    ClientResponse head;
    EXPECT_TRUE(client.read_head(head));
    EXPECT_EQ(head.status, 200);
    text = client.read_chunk().value_or("");
  }
  // To the end of the stream; false: it broke off.
  bool finish() {
    for (;;) {
      auto chunk = client.read_chunk();
      if (!chunk) return false;
      if (chunk->empty()) return true;
      text += *chunk;
    }
  }
};

TEST(Serve, TermFinishesWhatRunsAndRefusesWhatComes) {
  Serve serve({"--drain-seconds", "600"});
  int port = serve.port();
  Streaming running(port);
  serve.signal(SIGTERM);
  EXPECT_TRUE(serve.prints("verbatim: Terminated: finishing what runs, for at most 600 s; again: at once\n"));
  Client late(port);
  ClientResponse refused = complete(late, kPrompt);
  EXPECT_EQ(refused.status, 503) << refused.body;
  EXPECT_EQ(refused.header("Retry-After"), "10");
  EXPECT_EQ(Json::parse(refused.body)["error"]["code"], "shutting_down");
  EXPECT_EQ(get(port, "/ready").status, 503);
  EXPECT_EQ(get(port, "/health").status, 200);
  EXPECT_TRUE(running.finish());
  EXPECT_TRUE(running.text.ends_with("data: [DONE]\n\n"));
  EXPECT_EQ(serve.wait(), 0);
}

TEST(Serve, WhatDoesNotFinishInTimeIsTold) {
  Serve serve({"--drain-seconds", "0"});
  Streaming running(serve.port());
  serve.signal(SIGINT);
  EXPECT_TRUE(running.finish());
  std::string last = running.text.substr(running.text.rfind("\n\n", running.text.size() - 3) + 2);
  EXPECT_TRUE(last.starts_with(R"(data: {"error":{"message":"the server is going down;)")) << last;
  EXPECT_EQ(serve.wait(), 0);
  EXPECT_TRUE(serve.prints("verbatim: Interrupt: .*\nverbatim: ending what did not finish\n$"));
}

TEST(Serve, ASecondSignalEndsAtOnce) {
  Serve serve({"--drain-seconds", "600"});
  Streaming running(serve.port());
  serve.signal(SIGTERM);
  EXPECT_TRUE(serve.prints("again: at once\n"));
  serve.signal(SIGTERM);
  EXPECT_EQ(serve.wait(), -SIGTERM);
  EXPECT_FALSE(running.finish());
}

TEST(Serve, AnIdleServerEndsAtOnce) {
  Serve serve({"--drain-seconds", "600"});
  Client idle(serve.port());
  idle.get("/health");
  EXPECT_EQ(idle.read().status, 200);
  serve.signal(SIGINT);
  EXPECT_EQ(serve.wait(), 0);
  EXPECT_TRUE(idle.ended());
}

}  // namespace
}  // namespace verbatim
