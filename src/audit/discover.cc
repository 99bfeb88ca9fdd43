#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "audit/attempt.h"
#include "audit/run.h"

namespace verbatim::audit {
namespace {

namespace net = boost::asio;
using client::Endpoint;

bool same_answer(const Answer& a, const Answer& b) {
  return a.text == b.text && a.finish_reason == b.finish_reason;
}

class Discovery {
 public:
  Discovery(const Server& server, const AuditShape& shape)
      : server_(server),
        shape_(shape),
        peer_(server.url, server.api_key),
        channel_(peer_, context_.get_executor()) {}

  Result<Dialect> run() {
    Result<Dialect> outcome = fail("the server was not asked");
    net::co_spawn(
        context_, [&]() -> net::awaitable<void> { outcome = co_await find(); }, net::detached);
    context_.run();
    return outcome;
  }

 private:
  net::awaitable<Result<Dialect>> find() {
    std::string model = server_.model;
    if (model.empty()) {
      auto found = co_await client::find_model(channel_, peer_, model);
      if (!found) co_return found.error();
      model = *found;
    }
    std::vector<Endpoint> endpoints = {Endpoint::chat, Endpoint::completions};
    if (server_.endpoint) endpoints = {*server_.endpoint};
    std::string refusals;
    for (Endpoint endpoint : endpoints) {
      Dialect dialect;
      dialect.endpoint = endpoint;
      dialect.model = model;
      Attempt attempt = co_await negotiate(dialect);
      if (attempt.error_kind.empty()) {
        believe(dialect, attempt.answer);
        co_await try_seed(dialect);
        co_return dialect;
      }
      refusals +=
          fmt::format("{}{}: {}", refusals.empty() ? "" : "; ", client::path_of(endpoint), attempt.error);
      if (attempt.status == 0 || attempt.status == 401 || attempt.status == 403) break;
    }
    co_return fail("{}", refusals);
  }

  // Asks without more and more until it is answered; then takes back what was given up on suspicion alone.
  net::awaitable<Attempt> negotiate(Dialect& dialect) {
    std::vector<const Feature*> suspected;
    Attempt attempt = co_await ask(dialect, lowest_temperature());
    while (refused(attempt)) {
      Concession concession = concede(dialect, attempt.refusal);
      if (!concession.changed) co_return attempt;
      if (concession.named && concession.feature != nullptr) note_refused(dialect, *concession.feature);
      if (!concession.named) suspected.push_back(concession.feature);
      attempt = co_await ask(dialect, lowest_temperature());
    }
    if (!attempt.error_kind.empty()) co_return attempt;
    for (const Feature* feature : suspected) {
      Dialect bolder = dialect;
      bolder.*feature->wanted = true;
      Attempt again = co_await ask(bolder, lowest_temperature());
      if (again.error_kind.empty()) {
        dialect = bolder;
        attempt = std::move(again);
      } else {
        note_refused(dialect, *feature);
      }
    }
    co_return attempt;
  }

  static bool refused(const Attempt& attempt) {
    int status = attempt.status;
    return status == 500 || status == 501 ||
           (status >= 400 && status < 500 && status != 401 && status != 403 && status != 404 &&
            status != 405 && status != 408 && status != 429);
  }

  static void note_refused(Dialect& dialect, const Feature& feature) {
    dialect.notes.push_back(fmt::format("{} is refused", feature.name));
  }

  // Two answers alone with one seed are one, or seeds do not work.
  net::awaitable<void> try_seed(Dialect& dialect) {
    double temperature = std::ranges::max(shape_.temperatures);
    if (temperature == 0 || !dialect.seed) co_return;
    Attempt first = co_await ask(dialect, temperature);
    Attempt second = co_await ask(dialect, temperature);
    if (first.error_kind.empty() && second.error_kind.empty() && same_answer(first.answer, second.answer))
      co_return;
    dialect.seed = false;
    bool answered = first.error_kind.empty() && second.error_kind.empty();
    dialect.notes.push_back(
        answered ? fmt::format("seed has no effect: two answers alone at temperature {} differ", temperature)
                 : fmt::format("temperature {} is not answered: {}", temperature,
                               first.error_kind.empty() ? second.error : first.error));
  }

  double lowest_temperature() const { return std::ranges::min(shape_.temperatures); }

  net::awaitable<Attempt> ask(const Dialect& dialect, double temperature) {
    Request request = probe_of(shape_, temperature);
    net::steady_timer timer(context_);
    for (int attempts = 1;; ++attempts) {
      Attempt attempt;
      co_await make_attempt(channel_, peer_, dialect, request, server_.timeout, witness_, attempt);
      if (attempt.error_kind.empty() || refused(attempt)) co_return attempt;
      auto wait = wait_before_retry(server_.retries, attempt.status, attempts, attempt.retry_after);
      if (!wait) co_return attempt;
      timer.expires_after(*wait);
      co_await timer.async_wait(net::use_awaitable);
    }
  }

  const Server& server_;
  const AuditShape& shape_;
  client::Peer peer_;
  Witness witness_;
  net::io_context context_{1};
  client::Channel channel_;
};

}  // namespace

Result<Dialect> discover(const Server& server, const AuditShape& shape) {
  return Discovery(server, shape).run();
}

}  // namespace verbatim::audit
