#include "server/api_error.h"

#include <algorithm>
#include <iterator>

#include "server/json_text.h"

namespace verbatim::server {
namespace {

struct StatusNames {
  int status;
  std::string_view type, code;
};

constexpr StatusNames kNames[] = {
    {400, "invalid_request_error", "invalid_value"},
    {401, "invalid_request_error", "invalid_api_key"},
    {404, "invalid_request_error", "not_found"},
    {405, "invalid_request_error", "method_not_allowed"},
    {408, "timeout_error", "request_timeout"},
    {409, "invalid_request_error", "conflict"},
    {413, "invalid_request_error", "body_too_large"},
    {415, "invalid_request_error", "unsupported_media_type"},
    {422, "invalid_request_error", "unprocessable"},
    {429, "rate_limit_error", "queue_full"},
    {500, "server_error", "internal_error"},
    {503, "server_error", "unavailable"},
};

StatusNames names_of(int status) {
  const auto* found = std::ranges::find(kNames, status, &StatusNames::status);
  return found != std::end(kNames)
             ? *found
             : StatusNames{status, status < 500 ? "invalid_request_error" : "server_error", ""};
}

void append_string_or_null(std::string& out, std::string_view text) {
  text.empty() ? void(out += "null") : append_json_string(out, text);
}

}  // namespace

ApiError no_memory_for_answer(std::size_t bytes) {
  return {503,
          fmt::format(
              "the answers that are being made and sent would need more than {} bytes together: try again in "
              "a moment, ask for less, or start the server with more --max-total-answer-bytes",
              bytes),
          {},
          "answer_memory_full",
          {{"Retry-After", "1"}}};
}

std::string error_body(const ApiError& error) {
  StatusNames names = names_of(error.status);
  std::string out = R"({"error":{"message":)";
  append_json_string(out, error.message);
  out += R"(,"type":)";
  append_json_string(out, names.type);
  out += R"(,"param":)";
  append_string_or_null(out, error.param);
  out += R"(,"code":)";
  append_string_or_null(out, error.code.empty() ? names.code : error.code);
  return out + "}}";
}

HttpResponse error_response(const ApiError& error) {
  HttpResponse response{error.status, error.headers, error_body(error)};
  response.headers.emplace_back("Content-Type", "application/json");
  return response;
}

}  // namespace verbatim::server
