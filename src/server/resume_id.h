// ResumeId: the `id:` of one event of a stream, and what a `Last-Event-ID` header brings back.
//
//   <nonce>.<created>.<digest>.<event>      7c0f1e9a2b3c4d5e.6744f2a0.9f86d081884c7d659a2feaa0.17
//   16 hex  hex       24 hex   decimal
//
// A stream is a function of (body, fingerprint, nonce, created): the nonce is the random part of the answer's
// id, `created` its time, and the digest names body and fingerprint together (call.h). So a server that is
// given the same body and this id computes the same answer again and sends what follows event 17.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace verbatim::server {

struct ResumeId {
  std::string nonce;         // 16 hex digits
  std::int64_t created = 0;  // Unix time, seconds, >= 0
  std::string digest;        // 24 hex digits
  std::int64_t event = 0;    // that the client has

  std::string stream() const { return fmt::format("{}.{:x}.{}.", nonce, created, digest); }
  std::string text() const { return stream() + fmt::format("{}", event); }
  bool operator==(const ResumeId&) const = default;
};

// 16 hex digits.
bool is_nonce(std::string_view text);

// parse_resume_id(id.text()) == id, and every other text is an error.
Result<ResumeId> parse_resume_id(std::string_view text);

}  // namespace verbatim::server
