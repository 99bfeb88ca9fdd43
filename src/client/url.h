// Url: where a server that speaks the OpenAI API is found.
#pragma once

#include <string>

#include "base/result.h"

namespace verbatim::client {

struct Url {
  bool secure = false;           // https
  std::string host, port, path;  // path: what stands before /v1/..., "" mostly

  std::string authority() const;  // as the Host header has it: without the scheme's own port
  std::string text() const;       // reads back as the same
};

// "http://host:port" or "https://host/base/path", with or without "/v1".  Errors: what is wrong with it.
Result<Url> parse_url(const std::string& text);

}  // namespace verbatim::client
