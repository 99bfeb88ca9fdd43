#include "server/exchange.h"

#include <fmt/format.h>

#include <utility>

#include "base/check.h"
#include "server/api_error.h"

namespace verbatim::server {
namespace {

constexpr std::size_t kShortBody = std::size_t{64} << 10;

}  // namespace

Exchange::Exchange(Framing framing, std::unique_ptr<MemoryShare> queue, const std::atomic<bool>& draining,
                   std::function<void()> wake)
    : draining_(draining), framing_(std::move(framing)), share_(std::move(queue)), wake_(std::move(wake)) {}

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

// A short body goes out as any other answer.
void Exchange::respond_in_pieces(HttpResponse head, BodyPieces body) {
  bool ends = false;
  for (std::string piece; !ends && head.body.size() < kShortBody; head.body += std::exchange(piece, {}))
    ends = !body.next(piece);
  if (ends) return respond(std::move(head));
  std::function<void()> let_go;
  std::lock_guard lock(mutex_);
  CHECK(stage_ == Stage::waiting, "a request was answered twice");
  let_go.swap(gone_);
  stage_ = Stage::complete;
  begin(head, std::nullopt);
  if (sends_body()) {
    queue_chunk(head.body);
    if (!detached_) pieces_ = std::move(body);
  }
  notify();
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
  if (detached_ || overflowed_ || !sends_body()) return;
  if (!share_->hold(queue_.size() + being_sent_ + piece.size())) {
    overflowed_ = true;
    queue_ = {};
    return wake_();
  }
  queue_chunk(piece);
  notify();
}

void Exchange::end() {
  std::function<void()> let_go;
  std::lock_guard lock(mutex_);
  CHECK(stage_ == Stage::streaming, "a stream was ended that had not begun");
  stage_ = Stage::complete;
  let_go.swap(gone_);
  if (sends_body()) queue_end();
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
  if (response.status < 400 && !share_->hold(response.body.size()))
    return answer(error_response(no_memory_for_answer(share_->budget().bytes())));
  begin(response, response.body.size());
  if (sends_body()) queue(response.body);
  notify();
}

void Exchange::queue(std::string_view bytes) {
  if (!detached_ && !overflowed_) queue_ += bytes;
}

void Exchange::queue_chunk(std::string_view bytes) {
  if (bytes.empty()) return;  // as a chunk it would end the body
  if (framing_.http_1_1) queue(fmt::format("{:x}\r\n", bytes.size()));
  queue(bytes);
  if (framing_.http_1_1) queue("\r\n");
}

void Exchange::queue_end() {
  if (framing_.http_1_1) queue("0\r\n\r\n");
}

// The next piece of the body, or its end, into the queue.
void Exchange::write_on() {
  std::string piece;
  try {
    if (pieces_->next(piece)) return queue_chunk(piece);
    queue_end();
  } catch (const std::exception&) {  // such as no memory: half a body must not look like a whole one
    broken_ = true;
  }
  pieces_.reset();
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
  while (queue_.empty() && pieces_) write_on();
  bytes.swap(queue_);
  being_sent_ = bytes.size();
  share_->hold(being_sent_);
  if (broken_) return Progress::broken;
  return stage_ == Stage::complete && !pieces_ ? Progress::complete : Progress::incomplete;
}

std::function<void()> Exchange::detach() {
  std::lock_guard lock(mutex_);
  detached_ = true;
  queue_ = {};
  pieces_.reset();
  share_->hold(0);
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
