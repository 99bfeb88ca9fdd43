#include "server/exchange.h"

#include <fmt/format.h>

#include <utility>

#include "base/check.h"
#include "server/api_error.h"

namespace verbatim::server {

Exchange::Exchange(Framing framing, std::size_t max_queue_bytes, const std::atomic<bool>& draining,
                   std::function<void()> wake)
    : max_queue_bytes_(max_queue_bytes),
      draining_(draining),
      framing_(std::move(framing)),
      wake_(std::move(wake)) {}

std::shared_ptr<Responder> Exchange::responder(std::shared_ptr<Exchange> exchange) {
  Responder* raw = exchange.get();
  return {raw, [exchange = std::move(exchange)](Responder*) { exchange->abandon(); }};
}

void Exchange::respond(HttpResponse response) {
  std::function<void()> let_go;  // of what it holds, without the lock
  std::lock_guard lock(mutex_);
  CHECK(stage_ == Stage::waiting, "a request was answered twice");
  let_go.swap(gone_);
  answer(response);
}

void Exchange::begin_stream(HttpResponse head) {
  std::lock_guard lock(mutex_);
  CHECK(stage_ == Stage::waiting, "a stream was begun in an answer that had begun");
  stage_ = Stage::streaming;
  begin(head, std::nullopt);
  notify();
}

void Exchange::write(std::string piece) {
  std::lock_guard lock(mutex_);
  CHECK(stage_ == Stage::streaming, "a piece was written outside a stream");
  if (detached_ || overflowed_ || framing_.head_only || !has_body(status_)) return;
  if (piece.empty()) return;  // as a chunk it would end the body
  if (queue_.size() + being_sent_ > max_queue_bytes_) {
    overflowed_ = true;
    queue_ = {};
    return wake_();
  }
  if (framing_.http_1_1) {
    fmt::format_to(std::back_inserter(queue_), "{:x}\r\n", piece.size());
    piece += "\r\n";
  }
  queue(piece);
  notify();
}

void Exchange::end() {
  std::function<void()> let_go;
  std::lock_guard lock(mutex_);
  CHECK(stage_ == Stage::streaming, "a stream was ended that had not begun");
  stage_ = Stage::complete;
  let_go.swap(gone_);
  if (framing_.http_1_1 && !framing_.head_only && has_body(status_)) queue("0\r\n\r\n");
  notify();
}

void Exchange::on_gone(std::function<void()> callback) {
  {
    std::lock_guard lock(mutex_);
    if (stage_ == Stage::complete) return;
    if (!detached_) {
      CHECK(!gone_, "a second callback was set for a client that goes");
      gone_ = std::move(callback);
      return;
    }
  }
  callback();
}

bool Exchange::gone() const {
  std::lock_guard lock(mutex_);
  return detached_;
}

void Exchange::abandon() {
  std::function<void()> let_go;
  std::lock_guard lock(mutex_);
  let_go.swap(gone_);
  if (stage_ == Stage::waiting) {
    answer(error_response(500, "the server lost this request; send it again"));
  } else if (stage_ == Stage::streaming) {
    broken_ = true;
    notify();
  }
}

void Exchange::begin(const HttpResponse& response, std::optional<std::size_t> content_length) {
  if (detached_) return;
  status_ = response.status;
  if (draining_) framing_.keep_alive = false;
  queue(response_head(response, content_length, framing_));
}

void Exchange::answer(const HttpResponse& response) {
  stage_ = Stage::complete;
  begin(response, response.body.size());
  if (!framing_.head_only && has_body(status_)) queue(response.body);
  notify();
}

void Exchange::queue(std::string_view bytes) {
  if (!detached_ && !overflowed_) queue_ += bytes;
}

void Exchange::notify() {
  if (detached_ || notified_) return;
  notified_ = true;
  wake_();
}

Exchange::Progress Exchange::take(std::string& bytes) {
  std::lock_guard lock(mutex_);
  CHECK(bytes.empty(), "bytes were taken before those taken last were sent");
  notified_ = false;
  bytes.swap(queue_);
  being_sent_ = bytes.size();
  if (broken_) return Progress::broken;
  return stage_ == Stage::complete ? Progress::complete : Progress::incomplete;
}

std::function<void()> Exchange::detach() {
  std::lock_guard lock(mutex_);
  detached_ = true;
  queue_ = {};
  wake_ = nullptr;
  return std::exchange(gone_, nullptr);
}

bool Exchange::overflowed() const {
  std::lock_guard lock(mutex_);
  return overflowed_;
}

bool Exchange::complete() const {
  std::lock_guard lock(mutex_);
  return stage_ == Stage::complete;
}

bool Exchange::keep_alive() const {
  std::lock_guard lock(mutex_);
  return framing_.keep_alive;
}

int Exchange::status() const {
  std::lock_guard lock(mutex_);
  return status_;
}

}  // namespace verbatim::server
