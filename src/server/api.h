// Api: everything between an HTTP request that has arrived and the engine. Start here to read the server.
//
//   handle()        routes a request: small ones are answered at once, the others go to a worker thread
//   read_call()     body -> Call: parameters (parameters.cc), prompts, digest            call.h
//   EngineThread    takes the call's requests, or refuses them: 429, 503                 engine_thread.h
//   Reply           the engine's tokens, in an order that load cannot change             reply.h
//   Presenter       a body or a stream of events in the endpoint's form                  presenter.h
//
// Promise: a body and a fingerprint have one answer, whatever else the server does. Not part of the answer:
// the random id and the time that name it, cached_tokens, and what /metrics shows.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "server/asked.h"
#include "server/call.h"
#include "server/engine_thread.h"
#include "server/http.h"
#include "server/memory_budget.h"
#include "server/metrics.h"
#include "server/served_model.h"
#include "server/workers.h"

namespace verbatim::server {

struct ApiOptions {
  int workers = 3;  // a key has at most all but one of them at a time
  // Pages of the prefix cache serve the prompts of every key: faster, and who has one key can find out, by time or
  // cached_tokens, with what the prompts of another begin.
  bool share_prefix_cache = false;
  // Of all answers, from their prompts until the clients have them. Shared with the transport
  std::shared_ptr<MemoryBudget> answer_memory = std::make_shared<MemoryBudget>(std::size_t{256} << 20);
  // Called with a line for each call: its id and the parameters in effect. Any thread.
  std::function<void(const std::string&)> log;
};

class Api {
 public:
  // engine: outlives the api
  Api(ServedModel model, EngineThread& engine, ApiOptions options);
  // Stops the engine: answers that have not ended count themselves here.
  ~Api();

  // An HttpHandler. Thread safe; never blocks.
  void handle(HttpRequest request, std::shared_ptr<Responder> responder);
  HttpHandler handler() {
    return [this](HttpRequest request, std::shared_ptr<Responder> responder) {
      handle(std::move(request), std::move(responder));
    };
  }

  const Metrics& metrics() const { return metrics_; }

 private:
  friend struct Routes;  // api.cc: the table

  void answer(const HttpRequest& request, Endpoint endpoint, const std::shared_ptr<Responder>& responder);
  void attribute(Call& call, const HttpRequest& request);
  // Asks whether the client is still there and the server goes on. The responder outlives it.
  Interrupt interrupt_for(const Responder& responder) const;

  const ServedModel model_;
  EngineThread& engine_;
  const ApiOptions options_;
  Metrics metrics_;
  std::atomic<std::int64_t> calls_ = 0;
  Workers workers_;  // last: they use all of the above
};

}  // namespace verbatim::server
