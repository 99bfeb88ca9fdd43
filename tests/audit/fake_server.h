// A server that speaks enough of the OpenAI API to be audited, and does what a test wants of it: it may diverge,
// drift, refuse parameters, serve one request at a time, or go away.
//
// With `batch` an engine of its own gives one token at a time to every running answer, and only when every client
// that is connected waits for one: so answers overlap as far as the client lets them, on a machine of any speed.
#pragma once

#include <functional>
#include <set>
#include <thread>

#include "client/url.h"
#include "json/library.h"
#include "server/http_fixture.h"

namespace verbatim::audit {

struct FakeAnswer {
  nlohmann::json body;
  std::shared_ptr<server::Responder> to;
  int nth = 0;      // of all answers, from 1
  int running = 0;  // answers at this moment, itself among them
  int next = 0, tokens = 0;
  bool diverged = false;
  std::string unsent;
  nlohmann::json content = nlohmann::json::array();  // tokens so far
};

struct FakeOptions {
  bool chat = true;               // else /v1/chat/completions is 404
  bool batch = true;              // else one whole answer in one piece, alone
  std::set<std::string> refuses;  // parameters: 400
  bool logprobs = true;           // else they are accepted and none come
  bool seeds = true;              // else every answer at a temperature above 0 is another
  int tokens = 12;                // of an answer, at most
  std::function<bool(const FakeAnswer&)> diverges = [](const FakeAnswer&) {
    return false;
  };  // from `next` on
  std::function<double(const FakeAnswer&)> drift = [](const FakeAnswer&) {
    return 0.0;
  };  // of a log-probability
  std::function<std::string(int nth)> fingerprint = [](int) { return "fp_1"; };
  // Before anything else: may answer a request (429, ...) and return true. nth: of posts, from 1.
  std::function<bool(int nth, server::Responder&)> intercept = [](int, server::Responder&) { return false; };
};

class FakeServer {
 public:
  explicit FakeServer(FakeOptions options) : options_(std::move(options)) {
    server::HttpServerOptions http = server::on_free_port();
    http_ = server::start(http, [this](server::HttpRequest request, std::shared_ptr<server::Responder> to) {
      take(request, std::move(to));
    });
    if (options_.batch) engine_ = std::thread([this] { run_engine(); });
  }
  ~FakeServer() {
    {
      std::lock_guard lock(mutex_);
      ending_ = true;
    }
    changed_.notify_all();
    if (engine_.joinable()) engine_.join();
    http_->stop();
  }

  client::Url url() const { return *client::parse_url(fmt::format("http://127.0.0.1:{}", http_->port())); }
  int posts() {
    std::lock_guard lock(mutex_);
    return posts_;
  }

 private:
  using Json = nlohmann::json;
  void take(const server::HttpRequest& request, std::shared_ptr<server::Responder> to) {
    if (request.method == "GET") return to->respond({200, {}, R"({"data":[{"id":"fake"}]})"});
    std::unique_lock lock(mutex_);
    if (options_.intercept(++posts_, *to)) return;
    if (!options_.chat && request.path == "/v1/chat/completions") return refuse(*to, 404, "no chat here");
    Json body = Json::parse(request.body);
    for (const std::string& name : options_.refuses) {
      if (body.contains(name)) return refuse(*to, 400, "Unknown parameter: '" + name + "'.");
    }
    FakeAnswer answer;
    answer.body = std::move(body);
    answer.to = std::move(to);
    answer.nth = ++answers_;
    answer.tokens = std::min(options_.tokens, answer.body.at("max_tokens").get<int>());
    if (answer.body.contains("stream")) {
      answer.to->begin_stream({200, {{"Content-Type", "text/event-stream"}}, ""});
    }
    running_.push_back(std::move(answer));
    if (!options_.batch) {
      while (!running_.empty()) step();
    }
    lock.unlock();
    changed_.notify_all();
  }

  static void refuse(server::Responder& to, int status, const std::string& message) {
    to.respond({status, {}, Json{{"error", {{"message", message}}}}.dump()});
  }

  void run_engine() {
    std::unique_lock lock(mutex_);
    while (!ending_) {
      // Clients come and go between our looks: hence the bounded wait.
      changed_.wait_for(lock, std::chrono::milliseconds(1));
      while (!running_.empty() &&
             static_cast<std::int64_t>(running_.size()) >= http_->stats().connections_open)
        step();
    }
  }

  // One token for every answer.
  void step() {
    std::vector<FakeAnswer> left;
    for (FakeAnswer& answer : running_) {
      answer.running = static_cast<int>(running_.size());
      answer.diverged = answer.diverged || options_.diverges(answer);
      answer.content.push_back(next_token(answer));
      ++answer.next;
      send(answer);
      if (answer.next < answer.tokens) left.push_back(std::move(answer));
    }
    running_ = std::move(left);
  }

  void send(FakeAnswer& answer) const {
    bool last = answer.next == answer.tokens;
    if (!answer.body.contains("stream")) {
      if (last) answer.to->respond({200, {{"Content-Type", "application/json"}}, said(answer, 0).dump()});
      return;
    }
    answer.unsent +=
        fmt::format("data: {}\n\n{}", said(answer, answer.next - 1).dump(), last ? "data: [DONE]\n\n" : "");
    // What is written at once arrives at once: answers of a server without batches overlap nowhere.
    if (options_.batch || last) answer.to->write(std::exchange(answer.unsent, {}));
    if (last) answer.to->end();
  }

  // A function of the request and the place, but where a test wants something else.
  Json next_token(const FakeAnswer& answer) const {
    bool chat = answer.body.contains("messages");
    std::size_t letter = std::hash<std::string>()(answer.body.at(chat ? "messages" : "prompt").dump());
    if (answer.body.at("temperature").get<double>() > 0) {
      letter += answer.body.value("seed", 0u) + (options_.seeds ? 0u : static_cast<unsigned>(answer.nth));
    }
    letter += static_cast<std::size_t>(answer.next);
    std::string usual = fmt::format(" {}", static_cast<char>('a' + letter % 26)), other = usual + "!";
    if (answer.diverged) usual.swap(other);
    double logprob = -0.25 - 0.001 * answer.next + options_.drift(answer);
    Json token = {{"token", usual}, {"logprob", logprob}};
    token["top_logprobs"] = Json::array();
    token["top_logprobs"].push_back({{"token", usual}, {"logprob", logprob}});
    token["top_logprobs"].push_back({{"token", other}, {"logprob", logprob - 0.5}});
    return token;
  }

  // The tokens from `from` on, as the API has them.
  Json said(const FakeAnswer& answer, int from) const {
    std::string text;
    Json content = Json::array();
    for (int at = from; at < answer.next; ++at) {
      content.push_back(answer.content[static_cast<std::size_t>(at)]);
      text += content.back().at("token").get<std::string>();
    }
    Json choice = {{"index", 0}, {"finish_reason", answer.next == answer.tokens ? Json("length") : Json()}};
    if (answer.body.contains("prompt")) {
      choice["text"] = text;
    } else {
      choice[answer.body.contains("stream") ? "delta" : "message"]["content"] = text;
    }
    if (options_.logprobs && answer.body.contains("logprobs")) choice["logprobs"]["content"] = content;
    Json json = {{"system_fingerprint", options_.fingerprint(answer.nth)}};
    json["choices"] = Json::array();
    json["choices"].push_back(std::move(choice));
    return json;
  }

  FakeOptions options_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<FakeAnswer> running_;
  int posts_ = 0, answers_ = 0;
  bool ending_ = false;
  std::unique_ptr<server::HttpServer> http_;
  std::thread engine_;
};

}  // namespace verbatim::audit
