#include "audit/attempt.h"

#include <boost/beast/core/error.hpp>
#include <chrono>
#include <utility>

#include "client/sse_reader.h"
#include "json/library.h"

namespace verbatim::audit {
namespace {

namespace net = boost::asio;

class OneAttempt {
 public:
  OneAttempt(client::Channel& channel, Witness& witness, Attempt& attempt)
      : channel_(channel), witness_(witness), attempt_(attempt) {}
  ~OneAttempt() {
    witness_.generating.leave(attempt_.generating);
    witness_.in_flight.leave(attempt_.in_flight);
  }

  net::awaitable<void> run(const client::HttpRequest& request) {
    attempt_.sent_at =
        std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
    sent_ = std::chrono::steady_clock::now();
    witness_.in_flight.join(attempt_.in_flight);
    co_await channel_.ask(request);
    attempt_.status = channel_.status();
    if (attempt_.status != 200) {
      attempt_.refusal = co_await channel_.read_all();
      attempt_.retry_after = channel_.header("Retry-After");
      fail(fmt::format("http {}", attempt_.status),
           fmt::format("the server answers {}: {}", attempt_.status, attempt_.refusal.substr(0, 300)));
    } else if (channel_.header("Content-Type").starts_with("text/event-stream")) {
      co_await read_stream();
    } else {
      std::string body = co_await channel_.read_all();
      put(body);
    }
    attempt_.done = now();
    attempt_.answer = reader_.take();
    if (attempt_.error_kind.empty() && attempt_.answer.finish_reason.empty()) {
      fail("cut short", "the answer has no finish_reason");
    }
  }
  void fail(std::string kind, std::string error) {
    if (!attempt_.error_kind.empty()) return;
    attempt_.error_kind = std::move(kind);
    attempt_.error = std::move(error);
    attempt_.done = now();
  }

 private:
  double now() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - sent_).count();
  }

  bool put(const std::string& json) {
    auto part = reader_.put(json);
    if (!part) fail("bad answer", part.error().message);
    return part && *part;
  }

  net::awaitable<void> read_stream() {
    client::SseReader events;
    while (auto piece = co_await channel_.read()) {
      for (const std::string& data : events.put(*piece)) {
        if (data == "[DONE]") continue;
        if (put(data) && attempt_.first == 0) {
          attempt_.first = now();
          witness_.generating.join(attempt_.generating);
        }
      }
      if (reader_.finished()) witness_.generating.leave(attempt_.generating);
    }
  }

  client::Channel& channel_;
  Witness& witness_;
  Attempt& attempt_;
  AnswerReader reader_;
  std::chrono::steady_clock::time_point sent_;
};

}  // namespace

net::awaitable<void> make_attempt(client::Channel& channel, const client::Peer& peer, const Dialect& dialect,
                                  const Request& request, std::chrono::milliseconds timeout, Witness& witness,
                                  Attempt& attempt) {
  OneAttempt one(channel, witness, attempt);
  channel.expires_after(timeout);
  client::HttpRequest post = peer.post(client::path_of(dialect.endpoint), body_of(dialect, request).dump());
  try {
    co_await one.run(post);
  } catch (const boost::system::system_error& error) {
    bool late = error.code() == boost::beast::error::timeout;
    one.fail(late ? "timeout" : "connection",
             fmt::format("{}: {}", late ? "no whole answer in time" : "the connection failed",
                         channel.problem(error)));
    attempt.status = 0;
  }
  if (!attempt.error_kind.empty()) channel.drop();
}

}  // namespace verbatim::audit
