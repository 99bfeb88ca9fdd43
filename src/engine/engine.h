// Engine: the loop that turns requests into answers. Start here.
//
// The life of a request:
//   1. submit() checks it and gives it to the scheduler as one sequence, its prompt.
//   2. step() asks the scheduler for a plan: some rows of some sequences, the pages they live in, and which of them are copied
//      first because two sequences share them and one is about to write.
//   3. It asks the model for what the requests need of each wanted row: a token where its parameters alone decide it, else
//      the logits.
//   4. The model computes the rows.
//   5. A sequence whose row met a value that is not finite ends with an error, after what came before that
//      row; its neighbours do not notice.
//   6. Logits and logprobs of prompt positions go to the sink, each once.
//   7. From the logits of its last token the next is drawn, from those that the request's constraint allows;
//      with n > 1 the prompt forks into n sequences first. Where the request's draft proposed tokens, their rows
//      were computed in the same step: while the drawn token is the proposed one, the next row counts too.
//   8. A stop token, a stop string, a fulfilled constraint, max_tokens, cancel() or an error ends an answer;
//      its pages stay in the prefix cache. One that outgrows the whole KV cache ends with an error of this machine,
//      never as if it were whole.
//
// Promise: every bit a sink receives, Finish::witness apart, is a function of (model, request). Other
// requests, the order of calls, chunks, pages, preemptions, cache hits and threads cannot be seen.
//
// Driven by one thread: all calls but check(), and the sinks' callbacks, happen on the caller's thread. submit() and
// cancel() may be called from a callback.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <vector>

#include "base/result.h"
#include "engine/answer.h"
#include "engine/draft.h"
#include "engine/drawer.h"
#include "engine/mask_worker.h"
#include "engine/request.h"
#include "engine/token_sink.h"
#include "model/model.h"
#include "schedule/scheduler.h"
#include "tokenizer/tokenizer.h"

namespace verbatim {

struct EngineOptions {
  SchedulerOptions schedule;
  std::int64_t kv_pages = 64;  // of 128 tokens
  // Masks that take more work (ConstraintState::find_allowed) are found beside the engine; 0: all of them.
  std::size_t quick_mask_work = 100'000;
};

struct EngineStats {
  std::int64_t steps = 0, rows = 0, logits_rows = 0, drawn_tokens = 0;
  std::int64_t draft_tokens = 0, draft_accepted = 0;  // proposed, and drawn as proposed
  std::int64_t most_rows = 0, most_sequences = 0;     // in one step
  std::int64_t running = 0, waiting = 0;              // sequences, now
  // Reclaimable: cached, and used by no sequence. free + reclaimable == pages: nobody uses any.
  std::int64_t pages = 0, pages_free = 0, pages_reclaimable = 0, pages_cached = 0;
  std::int64_t evictions = 0;
  std::int64_t masks_awaited = 0;  // draws that were put off until their mask was there
  SchedulerStats schedule;
};

using RequestId = std::int64_t;

class Engine {
 public:
  // The model must outlive the engine; so must the tokenizer, which may be nullptr: then answers have
  // no text, stop strings and constraints are refused, and the model has no stop tokens of its own. Errors
  // name the option.
  static Result<std::unique_ptr<Engine>> create(Model& model, const Tokenizer* tokenizer,
                                                const EngineOptions& options);

  // The error names the field of the request that is out of range. It depends on the request and the model alone.
  Status check(const GenerateRequest& request) const;
  // The error says that the prompt does not fit into the KV cache of this engine. It depends on nothing that changes
  // either, so any thread may ask.
  Status fits(const GenerateRequest& request) const;
  // Fails as check() and fits() do. An accepted request ends with n calls of sink.on_finish, until when the sink must
  // live.
  Result<RequestId> submit(GenerateRequest request, TokenSink& sink);
  // Takes effect at the beginning of the next step(): every unfinished answer ends with
  // FinishReason::cancelled. Unknown and finished requests are ignored.
  void cancel(RequestId id);
  // Computes one batch. Does nothing when idle. Where it throws, such as std::bad_alloc, answers may have stopped half-way:
  // cancel() all of them, and go on.
  void step();
  // Nothing is left to do.
  bool idle() const { return requests_.empty(); }

  EngineStats stats() const;

 private:
  struct Request {
    GenerateRequest asked;
    TokenSink* sink = nullptr;
    std::int64_t open_answers = 0;
  };
  struct Sequence {
    RequestId request = 0;
    std::int64_t answers = 1;  // that it stands for: n until the prompt forks
    Answer answer;
    Draft draft;
    std::int64_t draft_tokens = 0, draft_accepted = 0;
  };
  // A draw that waits for its mask.
  struct Undrawn {
    std::int64_t position = 0;
    std::vector<float> logits;
  };

  // Where in the result of a step stands what was asked for of a wanted row; -1: it was not.
  struct Home {
    std::int32_t logits = -1, hidden = -1;
    std::int32_t draw = -1;  // the first of the sequence's answers' draws
  };

  Engine(Model& model, const Tokenizer* tokenizer, const EngineOptions& options);

  Plan next_plan() noexcept;
  void ask_for(const PlannedRows& rows);
  void end_cancelled();
  void note(const Plan& plan);
  bool deliver(const PlannedRows& rows);
  void show(SequenceId id, std::int64_t position, std::int64_t row);
  std::vector<SequenceId> fork(SequenceId id);
  bool draw(SequenceId id, std::int64_t position, std::span<const float> logits);
  bool hand_out(SequenceId id, std::int64_t position, Drawer::Next next, std::span<const float> logits);
  bool put_off(SequenceId id, std::int64_t position, std::span<const float> logits);
  void draw_what_was_put_off();
  bool go_on(SequenceId id, std::int64_t position, std::int32_t token);
  std::span<const std::int32_t> propose(Sequence& sequence);
  void start(RequestId id, std::int64_t first_choice, std::int64_t answers);
  Finish outgrown() const;
  std::int64_t room() const;  // tokens that the KV cache holds
  bool end(SequenceId id, Finish finish);
  Logprobs logprobs(std::span<const float> logits, std::int32_t token, std::int64_t top) const;
  const Home& home_of(std::int64_t row) const { return homes_[static_cast<std::size_t>(row)]; }
  bool is_shown(const Sequence& sequence, std::int64_t position) const;
  std::span<const float> logits_of(const Home& home) const;  // (vocab), or empty

  Model& model_;
  const Tokenizer* tokenizer_;
  std::int64_t vocab_;
  Scheduler scheduler_;
  std::unique_ptr<Runner> runner_;
  // Of the present step: what it was asked for, its result, and where there what belongs to each wanted row stands.
  StepWishes wishes_;
  StepResult result_;
  std::vector<Home> homes_;
  Drawer drawer_;
  std::map<RequestId, Request> requests_;
  std::map<SequenceId, Sequence> sequences_;
  std::map<SequenceId, Undrawn> undrawn_;
  std::set<RequestId> cancelled_;
  RequestId next_request_ = 1;
  EngineStats stats_;
  const std::size_t quick_mask_work_;
  MaskWorker masks_;
};

}  // namespace verbatim
