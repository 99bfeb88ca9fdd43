// Exchange: one request being answered. The API writes into it from any thread; its connection takes the bytes
// out on the I/O thread. What lies between is a queue with a limit.
//
// It outlives its connection where the API holds on to it: then every call does nothing.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "server/http.h"
#include "server/memory_budget.h"
#include "server/response_head.h"

namespace verbatim::server {

class Exchange final : public Responder {
 public:
  // wake: tells the connection to look at overflowed() and, when it can send, to call take(). Called under a
  // lock: it must only leave a note. Not called again before take(), but for an overflow; nor after detach().
  // queue: holds what waits.
  // draining: the connection ends with this answer, whatever the framing says. Not looked at after detach().
  Exchange(Framing framing, std::unique_ptr<MemoryShare> queue, const std::atomic<bool>& draining,
           std::function<void()> wake);

  // What the API holds. When it lets go without having answered, the client gets a 500 or, in mid-stream, a
  // connection that breaks off.
  static std::shared_ptr<Responder> responder(std::shared_ptr<Exchange> exchange);

  void respond(HttpResponse response) override;
  void respond_in_pieces(HttpResponse head, BodyPieces body) override;
  void begin_stream(HttpResponse head) override;
  void write(std::string piece) override;
  void end() override;
  void on_gone(std::function<void()> callback) override;
  bool gone() const override;

  // For the connection:

  // incomplete: there will be more. complete: no more after these bytes. broken: no more either, for the API
  // let go in mid-stream.
  enum class Progress : std::uint8_t { incomplete, complete, broken };

  // Swaps the bytes that wait into `bytes`, which counts as being sent until the next take().
  // REQUIRES: bytes is empty
  Progress take(std::string& bytes);
  // The connection is gone, or done with this exchange. Returns what on_gone() asked to be called, if the
  // answer was not complete.
  std::function<void()> detach();

  bool overflowed() const;  // the client reads too slowly, and bytes were lost
  bool complete() const;
  int status() const;  // 0: not known yet
  bool keep_alive() const;

 private:
  enum class Stage : std::uint8_t { waiting, streaming, complete };

  void abandon();
  // With the lock held:
  bool sends_body() const { return !framing_.head_only && has_body(status_); }
  void begin(const HttpResponse& response, std::optional<std::size_t> content_length);
  void answer(const HttpResponse& response);
  void queue(std::string_view bytes);
  void queue_chunk(std::string_view bytes);
  void queue_end();
  void write_on();
  void notify();

  const std::atomic<bool>& draining_;

  mutable std::mutex mutex_;
  Stage stage_ = Stage::waiting;
  bool overflowed_ = false, broken_ = false;
  bool detached_ = false;
  bool notified_ = false;
  Framing framing_;
  int status_ = 0;
  std::unique_ptr<MemoryShare> share_;
  std::optional<BodyPieces> pieces_;  // of the body, that follow the queue
  std::string queue_;                 // to be taken
  std::size_t being_sent_ = 0;        // bytes, taken last
  std::function<void()> wake_, gone_;
};

}  // namespace verbatim::server
