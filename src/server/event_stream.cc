#include "server/event_stream.h"

#include <iterator>
#include <utility>

namespace verbatim::server {
namespace {

constexpr std::chrono::seconds kKeepAlive(10);
constexpr std::size_t kUsualBytes = 384;

}  // namespace

void EventStream::begin(std::vector<Header> headers) {
  headers.emplace_back("Content-Type", "text/event-stream; charset=utf-8");
  headers.emplace_back("Cache-Control", "no-cache");
  headers.emplace_back("X-Accel-Buffering", "no");  // asks nginx not to collect events
  responder_->begin_stream({200, std::move(headers), {}});
}

std::string& EventStream::open(std::string_view name) {
  buffer_.clear();
  buffer_.reserve(kUsualBytes);
  fmt::format_to(std::back_inserter(buffer_), "id: {}{}\n", prefix_, next_);
  if (!name.empty()) fmt::format_to(std::back_inserter(buffer_), "event: {}\n", name);
  return buffer_ += "data: ";
}

void EventStream::close() {
  buffer_ += "\n\n";
  if (next_++ >= first_) write(std::exchange(buffer_, {}));
}

void EventStream::send(std::string_view json, std::string_view name) {
  open(name) += json;
  close();
}

void EventStream::keep_alive() {
  if (std::chrono::steady_clock::now() - last_write_ >= kKeepAlive) write(std::string(kKeepAliveText));
}

void EventStream::fail(const ApiError& error) {
  write("data: " + error_body(error) + "\n\n");
  responder_->end();
}

void EventStream::end() {
  if (next_ < first_)
    return fail(ApiError{409,
                         fmt::format("Last-Event-ID says event {}, but the stream has {} events; leave the "
                                     "header out to start anew",
                                     first_ - 1, next_),
                         "Last-Event-ID",
                         {},
                         {}});
  responder_->end();
}

void EventStream::write(std::string piece) {
  responder_->write(std::move(piece));
  last_write_ = std::chrono::steady_clock::now();
}

}  // namespace verbatim::server
