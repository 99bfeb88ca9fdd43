#include "client/load_run.h"

#include <algorithm>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <chrono>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "client/sse_reader.h"

namespace verbatim::client {
namespace {

namespace net = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using net::use_awaitable;
using Clock = std::chrono::steady_clock;
using Json = nlohmann::json;
using Parser = http::response_parser<http::string_body>;

constexpr std::int64_t kMaxConcurrency = 20'000;

// Empty: there is none, or it is null.
std::string string_at(const Json& object, const char* key) {
  auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

// One connection at a time to the server, kept for the next request where the server allows.
class Channel {
 public:
  Channel(const Url& url, net::any_io_executor executor) : url_(url), executor_(std::move(executor)) {}

  // Sends a request and reads the head of its response. A connection that the server has closed meanwhile is
  // replaced once. Throws boost::system::system_error.
  net::awaitable<void> ask(const http::request<http::string_body>& request) {
    bool reused = stream_.has_value();
    if (reused) {
      try {
        co_return co_await exchange(request);
      } catch (const boost::system::system_error&) {
        stream_.reset();
      }
    }
    co_await connect();
    co_await exchange(request);
  }

  int status() const { return static_cast<int>(parser_->get().result_int()); }

  // The next piece of the body; nothing: it is complete.
  net::awaitable<std::optional<std::string>> read() {
    while (!parser_->is_done()) {
      co_await http::async_read_some(*stream_, buffer_, *parser_, use_awaitable);
      if (!parser_->get().body().empty()) co_return std::exchange(parser_->get().body(), {});
    }
    if (!parser_->keep_alive()) stream_.reset();
    co_return std::nullopt;
  }
  net::awaitable<std::string> read_all() {
    std::string body;
    while (auto piece = co_await read()) body += *piece;
    co_return body;
  }
  void drop() { stream_.reset(); }

 private:
  net::awaitable<void> connect() {
    net::ip::tcp::resolver resolver(executor_);
    auto found = co_await resolver.async_resolve(url_.host, url_.port, use_awaitable);
    stream_.emplace(executor_);
    co_await stream_->async_connect(found, use_awaitable);
    stream_->socket().set_option(net::ip::tcp::no_delay(true));
    buffer_.clear();
  }
  net::awaitable<void> exchange(const http::request<http::string_body>& request) {
    co_await http::async_write(*stream_, request, use_awaitable);
    parser_.emplace();
    parser_->body_limit(boost::none);
    co_await http::async_read_header(*stream_, buffer_, *parser_, use_awaitable);
  }

  const Url& url_;
  net::any_io_executor executor_;
  std::optional<beast::tcp_stream> stream_;
  beast::flat_buffer buffer_;
  std::optional<Parser> parser_;
};

class Load {
 public:
  Load(const LoadTarget& target, const std::vector<PlannedRequest>& plan) : target_(target), plan_(plan) {}

  Result<LoadResult> run() {
    result_.model = target_.model;
    result_.outcomes.resize(plan_.size());
    if (Status status = find_model(); !status) return status.error();
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

  http::request<http::string_body> request(http::verb verb, const std::string& path) const {
    http::request<http::string_body> made(verb, target_.url.path + path, 11);
    made.set(http::field::host, target_.url.host + ":" + target_.url.port);
    made.set(http::field::user_agent, "verbatim-bench");
    if (!target_.api_key.empty()) made.set(http::field::authorization, "Bearer " + target_.api_key);
    return made;
  }

  Status find_model() {
    Status outcome;
    net::co_spawn(
        context_,
        [&]() -> net::awaitable<void> {
          Channel channel(target_.url, context_.get_executor());
          try {
            co_await channel.ask(request(http::verb::get, "/v1/models"));
            std::string body = co_await channel.read_all();
            if (channel.status() != 200) {
              outcome = fail("/v1/models answers {}: {}", channel.status(), body.substr(0, 300));
            } else if (result_.model.empty()) {
              result_.model = Json::parse(body).at("data").at(0).at("id").get<std::string>();
            }
          } catch (const Json::exception& error) {
            outcome = fail("/v1/models names no model ({}): name one with --model", error.what());
          } catch (const boost::system::system_error& error) {
            outcome =
                fail("{}:{} cannot be asked: {}", target_.url.host, target_.url.port, error.code().message());
          }
        },
        net::detached);
    context_.run();
    return outcome;
  }

  // Takes the next request of the plan, waits for its time, asks; until none is left.
  net::awaitable<void> work() {
    Channel channel(target_.url, context_.get_executor());
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
        outcome.error = fmt::format("the connection failed: {}", error.code().message());
      } catch (const Json::exception& error) {
        outcome.error = fmt::format("an event is not what the API promises: {}", error.what());
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
    bool chat = target_.endpoint == Endpoint::chat;
    auto post = request(http::verb::post, chat ? "/v1/chat/completions" : "/v1/completions");
    post.set(http::field::content_type, "application/json");
    post.body() = body(planned);
    post.prepare_payload();
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
          note(Json::parse(data), outcome);
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
      outcome.input_tokens = usage->value("prompt_tokens", std::int64_t{0});
      outcome.output_tokens = usage->value("completion_tokens", std::int64_t{0});
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
  LoadResult result_;
  net::io_context context_{1};
  Clock::time_point start_;
  std::size_t next_ = 0;
};

}  // namespace

Result<Url> parse_url(const std::string& text) {
  constexpr std::string_view kScheme = "http://";
  if (!text.starts_with(kScheme)) return fail("URL '{}': must begin with http://", text);
  std::string rest = text.substr(kScheme.size());
  std::size_t slash = std::min(rest.find('/'), rest.size());
  std::string authority = rest.substr(0, slash);
  Url url{authority, "80", rest.substr(slash)};
  std::size_t colon = authority.rfind(':');
  if (colon != authority.npos && authority.find(']', colon) == authority.npos) {
    url = {authority.substr(0, colon), authority.substr(colon + 1), url.path};
  }
  if (url.host.starts_with('[') && url.host.ends_with(']'))
    url.host = url.host.substr(1, url.host.size() - 2);
  if (url.host.empty() || url.port.empty() || url.port.find_first_not_of("0123456789") != url.port.npos) {
    return fail("URL '{}': write http://HOST:PORT", text);
  }
  while (url.path.ends_with('/')) url.path.pop_back();
  if (url.path.ends_with("/v1")) url.path.resize(url.path.size() - 3);
  return url;
}

Result<LoadResult> run_load(const LoadTarget& target, const std::vector<PlannedRequest>& plan) {
  return Load(target, plan).run();
}

}  // namespace verbatim::client
