// One request sent once, and what came of it.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <string>

#include "audit/answer.h"
#include "audit/crowd.h"
#include "audit/dialect.h"
#include "client/channel.h"

namespace verbatim::audit {

// Who is under way, of all requests of an audit.
struct Witness {
  Crowd in_flight, generating;
};

struct Attempt {
  int status = 0;                           // 0: no response came
  std::string error_kind, error;            // empty: it was answered whole
  std::string refusal;                      // the body of a response that is not 200
  std::string retry_after;                  // its header
  double sent_at = 0, first = 0, done = 0;  // as in a record
  Crowd::Member in_flight, generating;
  Answer answer;
};

// REQUIRES: witness and attempt outlive it
boost::asio::awaitable<void> make_attempt(client::Channel& channel, const client::Peer& peer,
                                          const Dialect& dialect, const Request& request,
                                          std::chrono::milliseconds timeout, Witness& witness,
                                          Attempt& attempt);

}  // namespace verbatim::audit
