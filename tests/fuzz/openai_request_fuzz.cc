// Any bytes as a request's body: an error that says what to change, or a call that is within every limit.
// The first byte picks the endpoint.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "server/call.h"
#include "server/tiny_served_model.h"
#include "server/utility.h"

namespace {

// What is answered must be JSON.
void write_tokens(const std::string& request, const verbatim::server::ServedModel& model) {
  using namespace verbatim::server;
  const auto budget = std::make_shared<MemoryBudget>(std::size_t{1} << 20);
  auto made = tokenize(request, model, std::make_unique<MemoryShare>(budget));
  if (!made) return;
  std::string body;
  for (std::string piece; made->next(piece);) body += piece;
  if (OrderedJson::parse(body, nullptr, false).is_discarded()) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace verbatim;
  using namespace verbatim::server;
  static const ServedModel model = tiny_served_model();
  if (size == 0) return 0;
  std::string body(reinterpret_cast<const char*>(data) + 1, size - 1);
  constexpr Endpoint kEndpoints[] = {kChat, kCompletions, kResponses, kScore};
  if (data[0] % 6 == 4) return write_tokens(body, model), 0;
  if (data[0] % 6 == 5) return static_cast<void>(detokenize(body, model)), 0;
  auto call = read_call(body, kEndpoints[data[0] % 6], model);
  if (!call) {
    if (call.error().message.empty() || call.error().status < 400 || call.error().status > 499) std::abort();
    // What a client is told must itself be JSON.
    if (OrderedJson::parse(error_body(call.error()), nullptr, false).is_discarded()) std::abort();
    return 0;
  }
  for (const GenerateRequest& request : call->requests) {
    auto tokens = static_cast<std::int64_t>(request.prompt.size()) + request.max_tokens;
    if (tokens > model.context || request.n < 1 || call->choices() > 4096) std::abort();
  }
  return 0;
}
