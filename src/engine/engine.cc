#include "engine/engine.h"

#include <algorithm>
#include <utility>

#include "backend/list.h"

namespace verbatim {

namespace {

// Takes faulted rows, and what follows them in their sequences, out of a computed plan. Gives the sequences and why.
std::map<SequenceId, std::string> leave_out(const std::vector<RowFault>& faults, Plan& plan) {
  std::map<SequenceId, std::string> faulted;
  for (const RowFault& fault : faults) {
    auto after = std::ranges::upper_bound(plan.batch.segments, fault.row, {}, &Segment::first_row);
    auto segment = static_cast<std::size_t>(after - plan.batch.segments.begin()) - 1;
    PlannedRows& rows = plan.sequences[segment];
    const std::int64_t good = fault.row - plan.batch.segments[segment].first_row;
    if (good >= rows.rows) continue;  // an earlier row has faulted
    rows.logits = std::max<std::int64_t>(rows.logits - (rows.rows - good), 0);
    rows.rows = good;
    faulted.insert_or_assign(rows.id, fault.message);
  }
  return faulted;
}

PlainDraw plain_draw(std::int32_t row, const SamplingParams& params, std::uint64_t position,
                     std::uint64_t choice) {
  return {row, params.temperature, params.top_k, params.top_p, params.min_p, params.seed, position, choice};
}

}  // namespace

Result<std::unique_ptr<Engine>> Engine::create(Model& model, const Tokenizer* tokenizer,
                                               const EngineOptions& options) {
  const SchedulerOptions& schedule = options.schedule;
  if (options.kv_pages < 1) return fail("kv_pages is {}, must be 1 or more", options.kv_pages);
  if (schedule.max_sequences < 1)
    return fail("max_sequences is {}, must be 1 or more", schedule.max_sequences);
  if (schedule.max_step_tokens < schedule.max_sequences)
    return fail("max_step_tokens is {}, must be at least max_sequences ({})", schedule.max_step_tokens,
                schedule.max_sequences);
  if (schedule.max_logits_rows < schedule.max_sequences)
    return fail("max_logits_rows is {}, must be at least max_sequences ({})", schedule.max_logits_rows,
                schedule.max_sequences);
  if (schedule.preempt_every < 0)
    return fail("preempt_every is {}, must be 0 (off) or more", schedule.preempt_every);
  return std::unique_ptr<Engine>(new Engine(model, tokenizer, options));
}

Engine::Engine(Model& model, const Tokenizer* tokenizer, const EngineOptions& options)
    : model_(model),
      tokenizer_(tokenizer),
      vocab_(model.config().vocab_size),
      scheduler_(options.schedule, options.kv_pages),
      runner_(model.make_runner({.pages = options.kv_pages,
                                 .max_rows = options.schedule.max_step_tokens,
                                 .max_logits_rows = options.schedule.max_logits_rows})),
      drawer_(model.logits_math(), vocab_),
      quick_mask_work_(options.quick_mask_work) {}

Status Engine::check(const GenerateRequest& r) const {
  auto prompt = static_cast<std::int64_t>(r.prompt.size());
  if (prompt == 0) return fail("prompt is empty");
  for (std::int32_t token : r.prompt)
    if (token < 0 || token >= vocab_)
      return fail("prompt holds token {} of a vocabulary of {}", token, vocab_);
  if (r.max_tokens < 0) return fail("max_tokens is {}, must be 0 or more", r.max_tokens);
  if (r.min_tokens < 0 || r.min_tokens > r.max_tokens)
    return fail("min_tokens is {}, must be in 0 .. max_tokens, which is {}", r.min_tokens, r.max_tokens);
  if (r.n < 1) return fail("n is {}, must be 1 or more", r.n);
  for (auto [field, count] : {std::pair{"logprobs", r.logprobs}, {"prompt_logprobs", r.prompt_logprobs}})
    if (count && (*count < 0 || *count > vocab_))
      return fail("{} is {}, must be in 0 .. {}", field, *count, vocab_);
  if (r.prompt_from < 0 || r.prompt_from > prompt)
    return fail("prompt_from is {}, must be in 0 .. {}", r.prompt_from, prompt);
  for (std::int32_t token : r.draft)
    if (token < 0 || token >= vocab_)
      return fail("draft holds token {} of a vocabulary of {}", token, vocab_);
  // It is searched at every token.
  if (static_cast<std::int64_t>(r.draft.size()) > model_.config().context_length)
    return fail("draft has {} tokens, more than the model's context of {}", r.draft.size(),
                model_.config().context_length);
  if (!r.draft.empty() && r.n > 1) return fail("draft is for one answer, n is {}", r.n);
  if (r.hidden && !keeps_contract(model_.backend_name()))
    return fail("receipts need a backend that keeps the contract, {} does not", model_.backend_name());
  if (r.max_chunk < 0) return fail("max_chunk is {}, must be 0 (no limit) or more", r.max_chunk);
  for (const std::string& stop : r.stop_strings)
    if (stop.empty()) return fail("stop holds an empty string");
  if (!r.stop_strings.empty() && tokenizer_ == nullptr)
    return fail("stop strings need a tokenizer, and there is none");
  if (r.constraint != nullptr && tokenizer_ == nullptr)
    return fail("a constraint needs a tokenizer, and there is none");
  if (r.constraint != nullptr && r.constraint->vocab_size() != tokenizer_->vocab_size())
    return fail("the constraint is for a vocabulary of {} tokens, the tokenizer's has {}",
                r.constraint->vocab_size(), tokenizer_->vocab_size());

  std::int64_t context = model_.config().context_length;
  if (r.max_tokens > context || prompt + r.max_tokens > context)
    return fail("the prompt of {} tokens and max_tokens {} exceed the model's context of {} tokens", prompt,
                r.max_tokens, context);
  return check_sampling(r.sampling, vocab_);
}

std::int64_t Engine::room() const { return scheduler_.pool().pages() * kPageTokens; }

Status Engine::fits(const GenerateRequest& r) const {
  const auto prompt = static_cast<std::int64_t>(r.prompt.size());
  if (prompt <= room()) return {};
  return fail("the prompt of {} tokens does not fit into this machine's KV cache of {} tokens", prompt,
              room());
}

// Answers beyond the seats wait for seats: each is computed from the prompt on, of which the prefix cache knows most.
Result<RequestId> Engine::submit(GenerateRequest request, TokenSink& sink) {
  if (Status status = check(request); !status.ok()) return status.error();
  if (Status status = fits(request); !status.ok()) return status.error();
  RequestId id = next_request_++;
  const std::int64_t n = request.n, together = std::min(n, scheduler_.options().max_sequences);
  requests_.emplace(id, Request{std::move(request), &sink, n});
  start(id, 0, together);
  for (std::int64_t choice = together; choice < n; ++choice) start(id, choice, 1);
  return id;
}

// A sequence for `answers` choices from `first_choice` on.
void Engine::start(RequestId id, std::int64_t first_choice, std::int64_t answers) {
  const GenerateRequest& asked = requests_.at(id).asked;
  Sequence made{id, answers, Answer(asked, first_choice, tokenizer_), Draft(asked.draft)};
  NewSequence sequence;
  sequence.tokens = asked.prompt;
  if (asked.max_tokens > 0) std::ranges::copy(propose(made), std::back_inserter(sequence.tokens));
  auto prompt = static_cast<std::int64_t>(asked.prompt.size());
  sequence.first_wanted = asked.max_tokens > 0 ? prompt - 1 : prompt;
  if (first_choice == 0 && (asked.logits || asked.prompt_logprobs))
    sequence.first_wanted = std::min(sequence.first_wanted, asked.prompt_from);
  sequence.max_chunk = asked.max_chunk;
  sequence.slots = answers;
  sequence.use_prefix_index = asked.use_prefix_cache;
  sequence.prefix_namespace = asked.prefix_namespace;
  sequence.owner = asked.owner;
  sequences_.emplace(scheduler_.add(std::move(sequence)), std::move(made));
}

void Engine::cancel(RequestId id) {
  if (requests_.contains(id)) cancelled_.insert(id);
}

void Engine::step() {
  end_cancelled();
  draw_what_was_put_off();
  Plan plan = next_plan();
  if (plan.empty()) {  // all that run wait for their masks; who comes meanwhile is not kept waiting
    if (!undrawn_.empty()) masks_.wait_for(std::chrono::milliseconds(1));
    return;
  }
  result_ = runner_->step(plan.batch, wishes_);
  note(plan);
  std::map<SequenceId, std::string> faulted = leave_out(result_.faults, plan);
  scheduler_.commit(plan);
  for (const PlannedRows& rows : plan.sequences) {
    const bool stands = deliver(rows);
    auto fault = faulted.find(rows.id);
    if (!stands || fault == faulted.end()) continue;
    Finish finish;
    finish.reason = FinishReason::error;
    finish.message = std::move(fault->second);
    end(rows.id, std::move(finish));
  }
}

// A plan is made and then its pages are copied, first of all by the runner, or nothing goes on: pages that were planned and not
// copied would be found by others.
Plan Engine::next_plan() noexcept {
  Plan plan = scheduler_.plan();
  wishes_ = {};
  homes_.clear();
  for (const PlannedRows& rows : plan.sequences) ask_for(rows);
  return plan;
}

// Asks for what show() and draw() will look at. A row's draws are the model's where nothing but its parameters decides.
void Engine::ask_for(const PlannedRows& rows) {
  const Sequence& sequence = sequences_.at(rows.id);
  const GenerateRequest& asked = requests_.at(sequence.request).asked;
  const auto prompt = static_cast<std::int64_t>(asked.prompt.size());
  for (std::int64_t i = 0; i < rows.logits; ++i) {
    const std::int64_t position = rows.first_position + rows.rows - rows.logits + i;
    const auto row = static_cast<std::int32_t>(homes_.size());
    const bool shown = is_shown(sequence, position), drawn = asked.max_tokens > 0 && position + 1 >= prompt;
    const bool by_model = drawn && sequence.answer.draws_are_plain();
    Home& home = homes_.emplace_back();
    if ((shown && (asked.logits || (asked.prompt_logprobs && position + 1 < prompt))) ||
        (drawn && (asked.logprobs || !by_model))) {
      home.logits = static_cast<std::int32_t>(wishes_.logits.size());
      wishes_.logits.push_back(row);
    }
    if (shown && asked.hidden) {
      home.hidden = static_cast<std::int32_t>(wishes_.hidden.size());
      wishes_.hidden.push_back(row);
    }
    if (!by_model) continue;
    home.draw = static_cast<std::int32_t>(wishes_.draws.size());
    for (std::int64_t answer = 0; answer < sequence.answers; ++answer)
      wishes_.draws.push_back(plain_draw(row, asked.sampling, static_cast<std::uint64_t>(position + 1),
                                         static_cast<std::uint64_t>(sequence.answer.choice() + answer)));
  }
}

void Engine::end_cancelled() {
  for (RequestId request : std::exchange(cancelled_, {})) {
    std::vector<SequenceId> open;
    for (const auto& [id, sequence] : sequences_)
      if (sequence.request == request) open.push_back(id);
    Finish finish;
    finish.reason = FinishReason::cancelled;
    for (SequenceId id : open) end(id, finish);
  }
}

void Engine::note(const Plan& plan) {
  auto sequences = static_cast<std::int64_t>(plan.sequences.size());
  ++stats_.steps;
  stats_.rows += plan.batch.rows();
  stats_.logits_rows += static_cast<std::int64_t>(plan.batch.logits_rows.size());
  stats_.most_rows = std::max(stats_.most_rows, plan.batch.rows());
  stats_.most_sequences = std::max(stats_.most_sequences, sequences);
  for (const PlannedRows& rows : plan.sequences) {
    Witness& witness = sequences_.at(rows.id).answer.witness;
    ++witness.steps;
    witness.most_sequences = std::max(witness.most_sequences, sequences);
    witness.most_rows = std::max(witness.most_rows, plan.batch.rows());
    witness.most_own_rows = std::max(witness.most_own_rows, rows.rows);
  }
}

// Hands out what the logits of these rows decide. False: the sequence ended, or goes on otherwise than planned.
bool Engine::deliver(const PlannedRows& rows) {
  const std::int64_t end_position = rows.first_position + rows.rows;
  for (std::int64_t i = 0; i < rows.logits; ++i) {
    const std::int64_t position = end_position - rows.logits + i;
    const std::int64_t row = rows.first_logits + i;
    show(rows.id, position, row);
    const GenerateRequest& asked = requests_.at(sequences_.at(rows.id).request).asked;
    if (asked.max_tokens == 0 || position + 1 < static_cast<std::int64_t>(asked.prompt.size())) continue;
    const Home& home = home_of(row);
    auto token = static_cast<std::size_t>(home.draw);
    bool stands = true;
    for (SequenceId id : fork(rows.id)) {
      if (home.draw < 0) {
        stands &= draw(id, position, logits_of(home));
        continue;
      }
      Answer& answer = sequences_.at(id).answer;
      stands &= hand_out(id, position, drawer_.next(answer, result_.tokens[token++]), logits_of(home));
    }
    if (!stands) return false;
  }
  if (scheduler_.remaining(rows.id) > 0) return true;
  Finish finish;  // a prompt of which nothing is drawn
  finish.reason = FinishReason::length;
  end(rows.id, std::move(finish));
  return false;
}

// Whether the sink may want to see what was computed at a position. Of several answers the first shows the prompt.
bool Engine::is_shown(const Sequence& sequence, std::int64_t position) const {
  const GenerateRequest& asked = requests_.at(sequence.request).asked;
  const bool of_prompt = position < static_cast<std::int64_t>(asked.prompt.size());
  return position >= asked.prompt_from && !(of_prompt && sequence.answer.choice() != 0);
}

// What the sink wants to see of the logits at a position.
void Engine::show(SequenceId id, std::int64_t position, std::int64_t row) {
  const Sequence& sequence = sequences_.at(id);
  const Request& request = requests_.at(sequence.request);
  const GenerateRequest& asked = request.asked;
  if (!is_shown(sequence, position)) return;
  const Home& home = home_of(row);
  const std::span<const float> logits = logits_of(home);
  if (asked.hidden)
    request.sink->on_hidden(sequence.answer.choice(), position,
                            digest_of(result_.hidden[static_cast<std::size_t>(home.hidden)]));
  if (asked.logits) request.sink->on_logits(sequence.answer.choice(), position, logits);
  auto next = static_cast<std::size_t>(position + 1);
  if (asked.prompt_logprobs && next < asked.prompt.size())
    request.sink->on_prompt_token(position + 1, logprobs(logits, asked.prompt[next], *asked.prompt_logprobs));
}

// The sequences of all answers that a computed prompt (or a later token) stands for, by increasing choice.
std::vector<SequenceId> Engine::fork(SequenceId id) {
  Sequence& prompt = sequences_.at(id);
  const GenerateRequest& asked = requests_.at(prompt.request).asked;
  std::vector<SequenceId> answers = {id};
  std::int64_t n = std::exchange(prompt.answers, 1);
  for (std::int64_t choice = 1; choice < n; ++choice) {
    answers.push_back(scheduler_.fork(id));
    sequences_
        .emplace(answers.back(), Sequence{prompt.request, 1, Answer(asked, choice, tokenizer_), prompt.draft})
        .first->second.answer.witness = prompt.answer.witness;
  }
  return answers;
}

// Draws the token that follows `position`. False: the answer ends here, its draft was wrong, or its mask is not there yet.
bool Engine::draw(SequenceId id, std::int64_t position, std::span<const float> logits) {
  Answer& answer = sequences_.at(id).answer;
  if (!answer.finds_allowed(quick_mask_work_)) return put_off(id, position, logits);
  return hand_out(id, position, drawer_.next(answer, position + 1, logits), logits);
}

// What follows `position`, to the sink.  logits: of the row before it, where log-probabilities are asked for
bool Engine::hand_out(SequenceId id, std::int64_t position, Drawer::Next next,
                      std::span<const float> logits) {
  const Answer& answer = sequences_.at(id).answer;
  const Request& request = requests_.at(sequences_.at(id).request);
  if (next.token) {
    ++stats_.drawn_tokens;
    TokenEvent event{answer.choice(), position + 1, *next.token, std::move(next.text), std::nullopt};
    if (request.asked.logprobs) event.logprobs = logprobs(logits, *next.token, *request.asked.logprobs);
    request.sink->on_token(event);
  }
  if (next.end) return end(id, std::move(*next.end));
  if (position + 2 > room()) return end(id, outgrown());
  return go_on(id, position + 1, *next.token);
}

// The sequence keeps its place, and computes nothing until its mask is there. What it computed of a draft is forgotten.
bool Engine::put_off(SequenceId id, std::int64_t position, std::span<const float> logits) {
  ++stats_.masks_awaited;
  undrawn_[id] = {position, {logits.begin(), logits.end()}};
  masks_.post(id, sequences_.at(id).answer.mask_job());
  if (position + 1 < static_cast<std::int64_t>(scheduler_.tokens(id).size()))
    scheduler_.rewind(id, position + 1);
  return false;
}

void Engine::draw_what_was_put_off() {
  for (MaskWorker::Done& done : masks_.take_done()) {
    auto found = undrawn_.find(done.key);
    if (found == undrawn_.end()) continue;
    const Undrawn undrawn = std::move(found->second);
    undrawn_.erase(found);
    sequences_.at(done.key).answer.set_mask(std::move(done.mask));
    draw(done.key, undrawn.position, undrawn.logits);
  }
}

Finish Engine::outgrown() const {
  Finish finish;
  finish.reason = FinishReason::error;
  finish.of_this_machine = true;
  finish.message = fmt::format(
      "prompt and answer need more than the {} tokens that this machine's KV cache holds", room());
  return finish;
}

// The answer has `token` at `position`. False: its draft had another there.
bool Engine::go_on(SequenceId id, std::int64_t position, std::int32_t token) {
  Sequence& sequence = sequences_.at(id);
  sequence.draft.accept(token);
  const std::vector<std::int32_t>& tokens = scheduler_.tokens(id);
  const bool proposed = position < static_cast<std::int64_t>(tokens.size());
  if (proposed && tokens[static_cast<std::size_t>(position)] == token) {
    ++sequence.draft_accepted;
    ++stats_.draft_accepted;
    return true;
  }
  if (proposed) scheduler_.rewind(id, position);
  std::vector<std::int32_t> next = {token};
  std::ranges::copy(propose(sequence), std::back_inserter(next));
  scheduler_.append(id, next);
  return !proposed;
}

// What the draft has to try after the answer's last token, as far as it may ever be computed.
std::span<const std::int32_t> Engine::propose(Sequence& sequence) {
  const GenerateRequest& asked = requests_.at(sequence.request).asked;
  std::span<const std::int32_t> proposal = sequence.draft.proposal();
  const std::int64_t most = std::min(asked.max_tokens - 1,  // the last token is never fed back
                                     room() - static_cast<std::int64_t>(asked.prompt.size()));
  const auto left = static_cast<std::size_t>(most - sequence.answer.tokens());
  proposal = proposal.first(std::min(proposal.size(), left));
  sequence.draft_tokens += static_cast<std::int64_t>(proposal.size());
  stats_.draft_tokens += static_cast<std::int64_t>(proposal.size());
  return proposal;
}

// Ends the answers that a sequence stands for: all n of a prompt that has not forked yet. False: nothing goes on.
bool Engine::end(SequenceId id, Finish finish) {
  Sequence& sequence = sequences_.at(id);
  Answer& answer = sequence.answer;
  finish.text = answer.flush();
  finish.tokens = answer.tokens();
  finish.draft_tokens = sequence.draft_tokens;
  finish.draft_accepted = sequence.draft_accepted;
  finish.witness = answer.witness;
  finish.witness.cached_tokens = scheduler_.history(id).prefix_hit_tokens;
  finish.witness.preemptions = scheduler_.history(id).preemptions;
  scheduler_.remove(id);
  if (undrawn_.erase(id) > 0) masks_.forget(id);

  auto request = requests_.find(sequence.request);
  TokenSink& sink = *request->second.sink;
  std::int64_t first = answer.choice(), count = sequence.answers;
  request->second.open_answers -= count;
  sequences_.erase(id);
  if (request->second.open_answers == 0) requests_.erase(request);
  for (std::int64_t choice = first; choice < first + count; ++choice) {
    finish.choice = choice;
    sink.on_finish(finish);
  }
  return false;
}

Logprobs Engine::logprobs(std::span<const float> logits, std::int32_t token, std::int64_t top) const {
  return logprobs_of(logits, model_.logits_math().log_normalise(logits), token, top);
}

std::span<const float> Engine::logits_of(const Home& home) const {
  if (home.logits < 0) return {};
  const auto vocab = static_cast<std::size_t>(vocab_);
  return result_.logits.subspan(static_cast<std::size_t>(home.logits) * vocab, vocab);
}

EngineStats Engine::stats() const {
  EngineStats stats = stats_;
  stats.running = scheduler_.running();
  stats.waiting = scheduler_.waiting();
  stats.pages = scheduler_.pool().pages();
  stats.pages_free = scheduler_.pool().free();
  stats.pages_reclaimable = scheduler_.pool().reclaimable();
  stats.pages_cached = scheduler_.prefix_index().nodes();
  stats.evictions = scheduler_.prefix_index().evictions();
  stats.schedule = scheduler_.stats();
  return stats;
}

}  // namespace verbatim
