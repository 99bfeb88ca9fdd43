#include "audit/run.h"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <csignal>
#include <utility>

#include "audit/attempt.h"

namespace verbatim::audit {
namespace {

namespace net = boost::asio;
using Clock = std::chrono::steady_clock;

constexpr std::size_t kReadBytes = 64 << 10;  // so that a short answer that came at once is read at once

class Run {
 public:
  Run(const Server& server, const Dialect& dialect, const std::vector<PlannedRequest>& plan,
      const std::vector<bool>& done, std::int64_t max_requests,
      const std::function<Status(const Record&)>& sink)
      : server_(server),
        dialect_(dialect),
        plan_(plan),
        done_(done),
        max_requests_(max_requests),
        sink_(sink),
        peer_(server.url, server.api_key) {}

  RunEnd run() {
    while (next_ < plan_.size() && end_.early.empty()) {
      auto other = [&](const PlannedRequest& each) { return each.condition != plan_[next_].condition; };
      auto begin = plan_.begin() + static_cast<std::ptrdiff_t>(next_);
      phase_end_ = static_cast<std::size_t>(std::find_if(begin, plan_.end(), other) - plan_.begin());
      run_phase();
    }
    return end_;
  }

 private:
  // The requests up to phase_end_, as many at a time as their condition says.
  void run_phase() {
    std::size_t at_a_time = static_cast<std::size_t>(plan_[next_].condition.concurrency);
    running_ = std::min(at_a_time, phase_end_ - next_);
    signals_.async_wait([this](boost::system::error_code error, int) {
      if (error) return;
      end_.interrupted = true;
      end("it was interrupted");
    });
    for (std::size_t i = running_; i > 0; --i) {
      net::co_spawn(context_, work(), [this](const std::exception_ptr& error) {
        if (error) std::rethrow_exception(error);
        if (--running_ == 0) signals_.cancel();
      });
    }
    context_.restart();
    context_.run();
  }

  // No request is waited for any more.
  void end(std::string why) {
    if (end_.early.empty()) end_.early = std::move(why);
    context_.stop();
  }

  net::awaitable<void> work() {
    client::Channel channel(peer_, context_.get_executor(), kReadBytes);
    while (next_ < phase_end_) {
      std::size_t index = next_++;
      if (done_[index]) continue;
      Record record;
      record.index = index;
      record.condition = plan_[index].condition;
      record.probe = plan_[index].probe;
      record.request = plan_[index].request;
      co_await answer(channel, record);
      if (!end_.early.empty()) co_return;
      if (Status written = sink_(record); !written) co_return end(written.error().message);
      if (record.error_kind == "connection")
        co_return end(fmt::format("the server is gone: {}", record.error));
      if (record.status == 401 || record.status == 403) co_return end(record.error);
    }
  }

  net::awaitable<void> answer(client::Channel& channel, Record& record) {
    net::steady_timer timer(context_);
    for (;;) {
      while (Clock::now() < not_before_) {
        timer.expires_at(not_before_);
        co_await timer.async_wait(net::use_awaitable);
      }
      if (end_.requests_sent == max_requests_) co_return end("the bound --max-requests is reached");
      ++end_.requests_sent;
      Attempt attempt;
      co_await make_attempt(channel, peer_, dialect_, record.request, server_.timeout, witness_, attempt);
      auto attempts = static_cast<int>(record.retried.size()) + 1;
      auto wait = attempt.error_kind.empty()
                      ? std::nullopt
                      : wait_before_retry(server_.retries, attempt.status, attempts, attempt.retry_after);
      if (!wait) co_return note(std::move(attempt), record);
      record.retried.push_back(attempt.error_kind);
      if (!attempt.retry_after.empty()) not_before_ = std::max(not_before_, Clock::now() + *wait);
      timer.expires_after(*wait);
      co_await timer.async_wait(net::use_awaitable);
    }
  }

  static void note(Attempt attempt, Record& record) {
    record.status = attempt.status;
    record.error_kind = std::move(attempt.error_kind);
    record.error = std::move(attempt.error);
    record.sent_at = attempt.sent_at;
    record.first = attempt.first;
    record.done = attempt.done;
    record.in_flight = attempt.in_flight.most;
    record.generating = attempt.generating.most;
    record.answer = std::move(attempt.answer);
  }

  const Server& server_;
  const Dialect& dialect_;
  const std::vector<PlannedRequest>& plan_;
  const std::vector<bool>& done_;
  std::int64_t max_requests_;
  const std::function<Status(const Record&)>& sink_;
  client::Peer peer_;
  Witness witness_;
  RunEnd end_;
  std::size_t next_ = 0, phase_end_ = 0, running_ = 0;
  Clock::time_point not_before_{};  // a server has asked to be left alone until then
  net::io_context context_{1};      // last: its end takes the coroutines with it, and they use the rest
  net::signal_set signals_{context_, SIGINT, SIGTERM};
};

}  // namespace

RunEnd run_plan(const Server& server, const Dialect& dialect, const std::vector<PlannedRequest>& plan,
                const std::vector<bool>& done, std::int64_t max_requests,
                const std::function<Status(const Record&)>& sink) {
  CHECK(done.size() == plan.size(), "{} flags for a plan of {} requests", done.size(), plan.size());
  return Run(server, dialect, plan, done, max_requests, sink).run();
}

}  // namespace verbatim::audit
