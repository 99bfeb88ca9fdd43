// Cors: which pages a browser lets call this server (the Fetch standard, "HTTP extensions"). No credentials but
// the API key are ever asked for, so "*" is safe to allow where the API itself may be public.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "server/http.h"

namespace verbatim::server {

class Cors {
 public:
  // origins: "https://chat.example.org", or "*" for any; none: no page may call.
  static Result<Cors> create(std::vector<std::string> origins);

  // Whether a request may be answered: a browser did not send it, or a page of this server or of an origin that may call.
  bool admits(const HttpRequest& request) const;
  // What to add to the answer of this request.
  std::vector<Header> headers(const HttpRequest& request) const;
  // The answer to OPTIONS: what a page may send, or that it may not.
  HttpResponse options(const HttpRequest& request) const;

 private:
  bool allows(const std::string& origin) const;
  std::vector<std::string> origins_;
  bool any_ = false;
};

}  // namespace verbatim::server
