// The part of an audit that talks to the server: finds out what it understands, then sends what is planned.
//
// One thread. Overload (429, 5xx) and broken connections are waited out and tried again, a few times; where a
// server says Retry-After, every request waits. What becomes of a request is a record.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "audit/dialect.h"
#include "audit/plan.h"
#include "audit/record.h"
#include "audit/retry.h"
#include "base/result.h"
#include "client/url.h"

namespace verbatim::audit {

struct Server {
  client::Url url;
  std::string api_key;                         // empty: none is sent
  std::string model;                           // empty: the first that it lists
  std::optional<client::Endpoint> endpoint;    // nothing: chat where it answers, else completions
  std::chrono::milliseconds timeout{120'000};  // of one answer
  Retries retries;
};

// Asks for the probe alone, and again without each part of the API that the server refuses; at a temperature
// above 0 twice, to see whether its seeds work: the dialect has no seed where they do not.  Errors: the server
// cannot be reached or answers on neither endpoint; why.
Result<Dialect> discover(const Server& server, const AuditShape& shape);

// How a run ended. Whatever `early` says, the records so far stand, and the same plan can go on from them.
struct RunEnd {
  std::string early;               // why before the plan's end; empty: all was asked
  bool interrupted = false;        // by SIGINT or SIGTERM
  std::int64_t requests_sent = 0;  // retries among them
};

// Sends the requests of the plan whose `done` is not set, at most max_requests with the retries. Each record goes
// to `sink` when it is known; an error of the sink ends the run.
RunEnd run_plan(const Server& server, const Dialect& dialect, const std::vector<PlannedRequest>& plan,
                const std::vector<bool>& done, std::int64_t max_requests,
                const std::function<Status(const Record&)>& sink);

}  // namespace verbatim::audit
