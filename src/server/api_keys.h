// ApiKeys: who may ask. A request shows its key as "Authorization: Bearer KEY".
//
// Only digests of the keys are kept, and all are compared in full, in constant time: how long an answer takes
// says nothing about a key.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/sha256.h"
#include "server/http.h"

namespace verbatim::server {

class ApiKeys {
 public:
  // Without keys everyone may ask.  Errors: a key that is empty, or that no header can carry.
  // open_metrics: /metrics is among what may be read without one.
  static Result<ApiKeys> create(const std::vector<std::string>& keys, bool open_metrics);

  // A path for probes, which takes no key and no body.
  bool is_open(std::string_view path) const;

  // Which of the keys was shown; nullopt: none is asked for.  Errors: the sentence that tells the client what to send.
  Result<std::optional<std::size_t>> admit(const HttpRequest& request) const;

 private:
  bool open_metrics_ = false;
  std::vector<Sha256Digest> digests_;
};

}  // namespace verbatim::server
