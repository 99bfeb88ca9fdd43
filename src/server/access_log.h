// AccessLog: one line for each request, written by a thread of its own.
//
//   2026-01-31T12:00:00.123Z 127.0.0.1:40112 POST /v1/completions 200 5123 0.253 sent "OpenAI/JS 4.2"
//
// time (UTC), peer, method, path, status (0: none was sent), bytes of the response as sent, seconds, how it ended
// (sent; gone: the client left first; shed: it read too slowly; broken: the API let go), user agent. No query, no other header: lines hold no keys and no
// text of users. Bytes that are not printable ASCII, and quotes, are shown as '?'; long values are cut.
//
// add() never waits for the disk: when kQueuedLines lines are behind, the oldest is lost and counted.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

namespace verbatim::server {

class AccessLog {
 public:
  static constexpr std::size_t kQueuedLines = 8192;

  struct Line {
    std::string_view peer, method, path, user_agent, ending;
    int status = 0;
    std::int64_t bytes = 0;
    std::chrono::duration<double> seconds{0};
  };

  // path: a file to append to; "-": stderr; empty: lines are dropped at once.
  // Errors: the file cannot be opened.
  static Result<std::unique_ptr<AccessLog>> create(const std::string& path);
  ~AccessLog();  // writes what is queued

  bool enabled() const { return writer_ != nullptr; }
  void add(const Line& line);
  // Goes on in the file that has the name now: a new one where the old was renamed. Without a file nothing happens.
  // An error leaves the old one in use.
  Status reopen();
  std::int64_t lines_lost() const;

 private:
  struct Writer;
  explicit AccessLog(std::unique_ptr<Writer> writer);
  std::unique_ptr<Writer> writer_;
};

}  // namespace verbatim::server
