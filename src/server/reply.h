// Reply: one answer on its way from the engine to a client.
//
//   engine thread: tokens of all choices, as load has it -> ChoiceOrder, for a stream: one order -> Presenter: bytes
//
// It measures as it goes (metrics.h), and lets the engine know when the client has gone.
#pragma once

#include <atomic>
#include <chrono>
#include <map>
#include <optional>

#include "receipt/receipt_maker.h"
#include "server/choice_order.h"
#include "server/engine_thread.h"
#include "server/metrics.h"
#include "server/presenter.h"

namespace verbatim::server {

// What an answer to the call holds for certain, in bytes, about: its prompts, and what is said of them. What is drawn comes
// on top as it grows.
std::size_t certain_bytes(const Call& call);

class Reply final : public EngineTask, private ChoiceEvents, public std::enable_shared_from_this<Reply> {
 public:
  using Clock = std::chrono::steady_clock;

  // first_event: of a stream that is continued, else 0.  engine, metrics: outlive the reply
  Reply(AnswerContext context, std::shared_ptr<Responder> responder, std::int64_t first_event,
        EngineThread& engine, Metrics& metrics, Clock::time_point arrival);

  const Call& call() const { return context_->call; }
  // Any thread: nobody waits for the answer any more.
  void cancel();

  std::vector<GenerateRequest> take_requests() override;
  void on_start() override;
  void on_prompt_token(std::size_t request, std::int64_t position, const Logprobs& logprobs) override;
  void on_hidden(std::size_t request, std::int64_t choice, std::int64_t position,
                 const Sha256Digest& digest) override;
  void on_token(std::size_t request, const TokenEvent& event) override;
  void on_finish(std::size_t request, const Finish& finish) override;
  void on_wait() override;
  void on_shutdown() override;
  void on_lost() override;

 private:
  struct Progress {
    bool started = false;          // its prompt is computed
    Clock::time_point last_token;  // of this choice
  };

  std::size_t choice_of(std::size_t request, std::int64_t choice) const;
  void begin_choice(std::size_t choice);
  // In the order in which they are shown:
  void prompt(std::size_t choice) override;
  void token(std::size_t choice, const TokenEvent& event) override;
  void finish(std::size_t choice, const Finish& finish) override;
  void make_receipt(std::size_t request, const Finish& finish);
  void measure_token(std::size_t choice);
  void hold(std::size_t more_bytes);
  void fail(const ApiError& error, bool own);

  const std::shared_ptr<AnswerContext> context_;
  std::shared_ptr<Responder> responder_;
  std::unique_ptr<Presenter> presenter_;
  EngineThread& engine_;
  Metrics& metrics_;
  Clock::time_point arrival_;

  std::optional<ChoiceOrder> order_;          // of a stream; a body has every choice at its place
  std::vector<Progress> progress_;            // of each choice
  std::size_t open_choices_;                  // that have not ended
  std::vector<ReceiptMaker> receipt_makers_;  // of each request; none: not asked for
  std::size_t held_bytes_;
  std::map<std::size_t, std::string> errors_;  // by choice
  Usage usage_;
  bool started_ = false;
  bool closed_ = false;  // nothing more is shown
  std::atomic<bool> gone_ = false;
};

}  // namespace verbatim::server
