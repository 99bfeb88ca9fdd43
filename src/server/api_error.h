// ApiError: a refusal as clients of OpenAI's API read it: {"error": {"message", "type", "param", "code"}}.
//
// The message is one sentence that says what to change. `param` names the parameter at fault.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "server/http.h"

namespace verbatim::server {

struct ApiError {
  int status = 400;
  std::string message;
  std::string param;            // empty: null
  std::string code;             // empty: the one that goes with the status
  std::vector<Header> headers;  // Retry-After, Allow, ...
};

// refuse("top_p", "top_p is {}, must be in (0, 1]", value): status 400
template <class... Args>
ApiError refuse(std::string_view param, fmt::format_string<Args...> format, Args&&... args) {
  return {400, fmt::format(format, std::forward<Args>(args)...), std::string(param), {}, {}};
}

// What this machine lacks the memory for, and another may have: a load may change whether there is an answer, never which.
// message: what is too large, and for what
inline ApiError too_large_for_this_machine(const std::string& message) {
  return {503,
          message + "; ask for less, or start the server with more --kv-cache-bytes",
          {},
          "kv_cache_too_small",
          {}};
}

// What all answers together may hold is held. bytes: so many
ApiError no_memory_for_answer(std::size_t bytes);

// Asked between the steps of long work: why it should not go on, if so.
using Interrupt = std::function<std::optional<ApiError>()>;

std::string error_body(const ApiError& error);
HttpResponse error_response(const ApiError& error);
inline HttpResponse error_response(int status, std::string_view message, std::string_view code = {}) {
  return error_response(ApiError{status, std::string(message), {}, std::string(code), {}});
}

}  // namespace verbatim::server
