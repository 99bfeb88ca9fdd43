// Endpoint: which of the two APIs that continue a text.
#pragma once

#include <cstdint>

namespace verbatim::client {

enum class Endpoint : std::uint8_t { completions, chat };

constexpr const char* path_of(Endpoint endpoint) {
  return endpoint == Endpoint::chat ? "/v1/chat/completions" : "/v1/completions";
}

}  // namespace verbatim::client
