// EventStream: the events of one answer as server-sent events (WHATWG HTML, "Server-sent events").
//
//   id: <resume id>       every event but the ones that load or shutdown cause; see resume_id.h
//   event: <name>         where the API has names
//   data: <JSON>
//
// Events are numbered from 0. A continued stream counts those that the client has and does not send them.
// Which events there are must not depend on load or time: that is the presenters' part.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "server/api_error.h"
#include "server/http.h"
#include "server/resume_id.h"

namespace verbatim::server {

// A comment, between events.
inline constexpr std::string_view kKeepAliveText = ": waiting\n\n";

class EventStream {
 public:
  // first: the number of the first event to send; > 0: the stream is continued
  EventStream(std::shared_ptr<Responder> responder, ResumeId stream, std::int64_t first)
      : responder_(std::move(responder)), prefix_(stream.stream()), first_(first) {}

  // Status 200 and these headers.
  void begin(std::vector<Header> headers);

  // The next event: append its JSON to what open() gives, then close(). Or both at once: send().
  std::string& open(std::string_view name = {});
  void close();
  void send(std::string_view json, std::string_view name = {});
  std::int64_t number() const { return next_; }  // of the next event

  // A comment, when nothing was sent for a while.
  void keep_alive();

  // The answer ends here with an error that another server need not meet: it has no id.
  void fail(const ApiError& error);
  // Nothing follows. When the client claims to have events that the stream never had, says so first.
  void end();

 private:
  void write(std::string piece);

  std::shared_ptr<Responder> responder_;
  std::string prefix_;
  std::int64_t next_ = 0, first_ = 0;
  std::string buffer_;
  std::chrono::steady_clock::time_point last_write_ = std::chrono::steady_clock::now();
};

}  // namespace verbatim::server
