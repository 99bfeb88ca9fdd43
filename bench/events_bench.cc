// A token's way from the engine to the network's queue: events a second, one thread, without the engine and
// without a network.
#include <benchmark/benchmark.h>

#include "server/presenter.h"
#include "server/tiny_served_model.h"

namespace verbatim::server {
namespace {

class Nobody final : public Responder {
 public:
  void respond(HttpResponse) override {}
  void begin_stream(HttpResponse) override {}
  void write(std::string piece) override { bytes += piece.size(); }
  void end() override {}
  void on_gone(std::function<void()>) override {}
  std::size_t bytes = 0;
};

void stream_tokens(benchmark::State& state, Endpoint endpoint, const char* body) {
  static const ServedModel model = tiny_served_model();
  auto call = read_call(body, endpoint, model);
  CHECK(call.ok(), "{}", call.error().message);
  const auto shared = std::make_shared<const AnswerContext>(AnswerContext{
      *std::move(call), &model, "0123456789abcdef", 1700000000, std::vector<LogprobRows>(1), {}, {}, {}});
  const AnswerContext& context = *shared;
  auto nobody = std::make_shared<Nobody>();
  auto presenter = make_presenter(shared, nobody, 0);
  presenter->start();
  TokenEvent event{0, 7, 70, " token", std::nullopt};
  if (context.call.show.logprobs) event.logprobs = Logprobs{{70, -1.25f}, {{70, -1.25f}, {71, -2.5f}}};
  for (auto _ : state) presenter->token(0, event);
  state.SetItemsProcessed(state.iterations());
  state.SetBytesProcessed(static_cast<std::int64_t>(nobody->bytes));
}

constexpr const char* kChatBody = R"({"messages":[{"role":"user","content":"Hi"}],"stream":true})";
BENCHMARK_CAPTURE(stream_tokens, chat, kChat, kChatBody);
BENCHMARK_CAPTURE(
    stream_tokens, chat_logprobs, kChat,
    R"({"messages":[{"role":"user","content":"Hi"}],"stream":true,"logprobs":true,"top_logprobs":2})");
BENCHMARK_CAPTURE(stream_tokens, completions, kCompletions, R"({"prompt":"Hi","stream":true})");

void read_body(benchmark::State& state) {
  static const ServedModel model = tiny_served_model();
  for (auto _ : state) benchmark::DoNotOptimize(read_call(kChatBody, kChat, model).ok());
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(read_body);

}  // namespace
}  // namespace verbatim::server
