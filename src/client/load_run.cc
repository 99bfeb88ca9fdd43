#include "client/load_run.h"

#include <algorithm>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <utility>

#include "client/channel.h"
#include "client/sse_reader.h"
#include "json/json.h"
#include "json/reader.h"

namespace verbatim::client {
namespace {

namespace net = boost::asio;
using net::use_awaitable;
using Clock = std::chrono::steady_clock;
using Json = nlohmann::json;

constexpr std::int64_t kMaxConcurrency = 20'000;

// Empty: there is none, or it is null.
std::string string_at(const Json& object, const char* key) {
  auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

// 0: there is none, or it is null.
std::int64_t count_at(const Json& object, const char* key) {
  auto found = object.find(key);
  return found == object.end() || found->is_null() ? 0 : integer_of<std::int64_t>(*found);
}

class Load {
 public:
  Load(const LoadTarget& target, const std::vector<PlannedRequest>& plan)
      : target_(target), plan_(plan), peer_(target.url, target.api_key) {}

  Result<LoadResult> run() {
    result_.outcomes.resize(plan_.size());
    if (Status status = name_model(); !status) return status.error();
    start_ = Clock::now();
    std::int64_t limit = target_.max_concurrency > 0 ? target_.max_concurrency : kMaxConcurrency;
    auto workers = std::min<std::size_t>(plan_.size(), static_cast<std::size_t>(limit));
    for (std::size_t i = 0; i < workers; ++i) net::co_spawn(context_, work(), net::detached);
    context_.restart();
    context_.run();
    result_.seconds = now();
    return std::move(result_);
  }

 private:
  double now() const { return std::chrono::duration<double>(Clock::now() - start_).count(); }

  Status name_model() {
    Status outcome;
    net::co_spawn(
        context_,
        [&]() -> net::awaitable<void> {
          Channel channel(peer_, context_.get_executor());
          auto model = co_await find_model(channel, peer_, target_.model);
          if (model) {
            result_.model = *model;
          } else {
            outcome = model.error();
          }
        },
        net::detached);
    context_.run();
    return outcome;
  }

  // Takes the next request of the plan, waits for its time, asks; until none is left.
  net::awaitable<void> work() {
    Channel channel(peer_, context_.get_executor());
    net::steady_timer timer(context_);
    while (next_ < plan_.size()) {
      std::size_t i = next_++;
      if (plan_[i].at > 0) {
        timer.expires_at(
            start_ + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(plan_[i].at)));
        co_await timer.async_wait(use_awaitable);
      }
      Outcome& outcome = result_.outcomes[i];
      try {
        co_await ask(channel, plan_[i], outcome);
      } catch (const boost::system::system_error& error) {
        outcome.error = fmt::format("the connection failed: {}", channel.problem(error));
      } catch (const Json::exception& error) {
        outcome.error = fmt::format("an event is not what the API promises: {}", json_complaint(error));
      }
      outcome.done = now();
      if (!outcome.error.empty()) channel.drop();
    }
  }

  std::string body(const PlannedRequest& planned) const {
    Json json = {{"model", result_.model},
                 {"max_tokens", planned.max_tokens},
                 {"temperature", target_.temperature},
                 {"seed", target_.seed},
                 {"stream", true},
                 {"stream_options", {{"include_usage", true}}}};
    if (target_.ignore_eos) json["ignore_eos"] = true;
    if (target_.endpoint == Endpoint::completions) {
      json["prompt"] = planned.prompt;
    } else {
      json["messages"] = {{{"role", "user"}, {"content", planned.prompt}}};
    }
    return json.dump();
  }

  net::awaitable<void> ask(Channel& channel, const PlannedRequest& planned, Outcome& outcome) {
    auto post = peer_.post(path_of(target_.endpoint), body(planned));
    outcome.sent = now();
    co_await channel.ask(post);
    if (channel.status() != 200) {
      std::string answer = co_await channel.read_all();
      outcome.error = fmt::format("the server answers {}: {}", channel.status(), answer.substr(0, 300));
      co_return;
    }
    SseReader reader;
    bool done = false;
    while (auto piece = co_await channel.read()) {
      for (const std::string& data : reader.put(*piece)) {
        if (data == "[DONE]") {
          done = true;
        } else {
          auto event = parse_json(data, "an event is not what the API promises");
          if (!event) {
            outcome.error = event.error().message;
            co_return;
          }
          note(*event, outcome);
        }
      }
    }
    if (!done && outcome.error.empty()) outcome.error = "the stream ended without [DONE]";
    if (outcome.output_tokens == 0) outcome.output_tokens = static_cast<std::int64_t>(outcome.events.size());
  }

  void note(const Json& event, Outcome& outcome) const {
    if (auto error = event.find("error"); error != event.end()) {
      outcome.error = fmt::format("the stream reports an error: {}", error->dump().substr(0, 300));
      return;
    }
    if (auto usage = event.find("usage"); usage != event.end() && usage->is_object()) {
      outcome.input_tokens = count_at(*usage, "prompt_tokens");
      outcome.output_tokens = count_at(*usage, "completion_tokens");
    }
    auto choices = event.find("choices");
    if (choices == event.end() || choices->empty()) return;
    const Json& choice = choices->at(0);
    std::string text = string_at(choice, "text");
    if (auto delta = choice.find("delta"); delta != choice.end()) {
      text += string_at(*delta, "reasoning_content") + string_at(*delta, "content");
    }
    if (!text.empty()) {
      outcome.events.push_back(now());
      outcome.text += text;
    }
    outcome.finish_reason += string_at(choice, "finish_reason");
  }

  const LoadTarget& target_;
  const std::vector<PlannedRequest>& plan_;
  Peer peer_;
  LoadResult result_;
  net::io_context context_{1};
  Clock::time_point start_;
  std::size_t next_ = 0;
};

}  // namespace

Result<LoadResult> run_load(const LoadTarget& target, const std::vector<PlannedRequest>& plan) {
  return Load(target, plan).run();
}

}  // namespace verbatim::client
