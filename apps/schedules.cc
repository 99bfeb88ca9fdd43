#include "schedules.h"

#include <algorithm>
#include <charconv>
#include <memory>
#include <random>

namespace verbatim::app {
namespace {

constexpr std::int64_t kCrowdChunk = 64;    // rows a step that the crowd's decode rows leave to prompts
constexpr std::int64_t kCrowdPrompt = 64;   // longest prompt of a neighbour
constexpr std::int64_t kCrowdAnswer = 96;   // longest answer of a neighbour
constexpr std::int64_t kPreemptChunk = 32;  // short, so that there is much to take away
constexpr std::int64_t kPreemptEvery = 5;   // steps
constexpr std::int64_t kLogitsBytes = std::int64_t{1} << 28;  // most memory for the logits of one step

struct Form {
  std::string_view name;
  ScheduleKind kind;
  bool takes_count;
};
constexpr Form kForms[] = {
    {"whole", ScheduleKind::whole, false},   {"chunk", ScheduleKind::chunk, true},
    {"decode", ScheduleKind::decode, false}, {"crowd", ScheduleKind::crowd, true},
    {"prefix", ScheduleKind::prefix, true},  {"preempt", ScheduleKind::preempt, false},
};

// Receives rows; remembers how its request ended.
class RowSink final : public TokenSink {
 public:
  explicit RowSink(const OnRow& on_row) : on_row_(on_row) {}
  void on_logits(std::int64_t, std::int64_t position, std::span<const float> row) override {
    on_row_(position, row);
  }
  void on_token(const TokenEvent&) override {}
  void on_finish(const Finish& finish) override { finish_ = finish; }
  const std::optional<Finish>& finish() const { return finish_; }

 private:
  const OnRow& on_row_;
  std::optional<Finish> finish_;
};

class Neighbour final : public TokenSink {
  void on_token(const TokenEvent&) override {}
  void on_finish(const Finish&) override {}
};

std::int64_t pages_for(std::int64_t tokens) { return (tokens + kPageTokens - 1) / kPageTokens; }

// One engine, one text, some company.
class Run {
 public:
  Run(LoadedModel& loaded, std::span<const std::int32_t> tokens, Schedule schedule, const OnRow& on_row)
      : loaded_(loaded), tokens_(tokens), schedule_(schedule), on_row_(on_row) {}

  Result<Witness> operator()() {
    auto engine = Engine::create(*loaded_.model, nullptr, options());
    if (!engine) return engine.error();
    engine_ = *std::move(engine);
    switch (schedule_.kind) {
      case ScheduleKind::whole:
        return compute(0, 0);
      case ScheduleKind::chunk:
        return compute(0, schedule_.n);
      case ScheduleKind::decode:
        return compute(0, 1);
      case ScheduleKind::crowd:
        return among_neighbours(schedule_.n, 0);
      case ScheduleKind::prefix:
        return after_prefix();
      case ScheduleKind::preempt:
        return among_neighbours(1, kPreemptChunk);
    }
    return fail("unknown schedule");
  }

 private:
  std::int64_t size() const { return static_cast<std::int64_t>(tokens_.size()); }
  std::int64_t neighbours() const {
    return schedule_.kind == ScheduleKind::crowd     ? schedule_.n
           : schedule_.kind == ScheduleKind::preempt ? 1
                                                     : 0;
  }

  EngineOptions options() const {
    std::int64_t row_bytes = loaded_.model->config().vocab_size * static_cast<std::int64_t>(sizeof(float));
    bool crowd = schedule_.kind == ScheduleKind::crowd;
    EngineOptions options;
    options.schedule.max_sequences = neighbours() + 1;
    options.schedule.max_step_tokens = crowd ? schedule_.n + kCrowdChunk : std::max<std::int64_t>(size(), 2);
    options.schedule.max_logits_rows = std::max(
        options.schedule.max_sequences, std::min(options.schedule.max_step_tokens, kLogitsBytes / row_bytes));
    if (schedule_.kind == ScheduleKind::preempt) options.schedule.preempt_every = kPreemptEvery;
    options.kv_pages =
        2 * pages_for(size()) + 1 + neighbours() * (1 + pages_for(kCrowdPrompt + kCrowdAnswer));
    return options;
  }

  // The text's logits from position `from` on. Steps the engine until they are all there.
  Result<Witness> compute(std::int64_t from, std::int64_t max_chunk, std::int64_t count = -1) {
    GenerateRequest request;
    auto length = static_cast<std::size_t>(count < 0 ? size() : count);
    request.prompt.assign(tokens_.begin(), tokens_.begin() + static_cast<std::ptrdiff_t>(length));
    request.max_tokens = 0;
    request.logits = true;
    request.prompt_from = from;
    request.max_chunk = max_chunk;
    request.use_prefix_cache = schedule_.kind == ScheduleKind::prefix;
    RowSink sink(on_row_);
    auto id = engine_->submit(std::move(request), sink);
    if (!id) return id.error();
    while (!sink.finish()) {
      add_neighbour();
      engine_->step();
    }
    if (sink.finish()->reason == FinishReason::error) return Error{sink.finish()->message};
    return sink.finish()->witness;
  }

  Result<Witness> after_prefix() {
    if (schedule_.n < 1 || schedule_.n >= size()) {
      return fail("--schedule prefix:{}: the prefix must be shorter than the text, which has {} tokens",
                  schedule_.n, size());
    }
    auto before = compute(0, 0, schedule_.n);
    return before ? compute(schedule_.n, 0) : before;
  }

  Result<Witness> among_neighbours(std::int64_t count, std::int64_t max_chunk) {
    to_come_ = count;
    for (std::int64_t i = 0; i < (count + 1) / 2; ++i)
      add_neighbour();  // the rest arrive while the text is computed
    for (int i = 0; i < 3; ++i) engine_->step();
    auto witness = compute(0, max_chunk);
    for (RequestId id : neighbour_ids_) engine_->cancel(id);
    while (!engine_->idle()) engine_->step();
    return witness;
  }

  void add_neighbour() {
    if (to_come_ == 0) return;
    --to_come_;
    const ModelConfig& config = loaded_.model->config();
    auto draw = [&](std::int64_t below) {
      return static_cast<std::int64_t>(random_() % static_cast<std::uint64_t>(below));
    };
    std::int64_t context = config.context_length;
    GenerateRequest request;
    request.prompt.resize(static_cast<std::size_t>(1 + draw(std::min(kCrowdPrompt, context / 2))));
    for (std::int32_t& token : request.prompt) token = static_cast<std::int32_t>(draw(config.vocab_size));
    request.max_tokens = std::min(kCrowdAnswer - draw(kCrowdAnswer / 4),
                                  context - static_cast<std::int64_t>(request.prompt.size()));
    request.sampling.seed = random_();
    auto id = engine_->submit(std::move(request), neighbour_);
    CHECK(id.ok(), "a neighbour was refused: {}", id.error().message);
    neighbour_ids_.push_back(*id);
  }

  LoadedModel& loaded_;
  std::span<const std::int32_t> tokens_;
  Schedule schedule_;
  const OnRow& on_row_;
  Neighbour neighbour_;
  std::unique_ptr<Engine> engine_;
  std::vector<RequestId> neighbour_ids_;
  std::int64_t to_come_ = 0;
  std::mt19937_64 random_{20250910};
};

}  // namespace

Result<Schedule> parse_schedule(std::string_view text) {
  std::size_t colon = text.find(':');
  std::string_view name = text.substr(0, colon);
  for (const Form& form : kForms) {
    if (form.name != name || form.takes_count != (colon != text.npos)) continue;
    Schedule schedule{form.kind, 0};
    if (!form.takes_count) return schedule;
    std::string_view count = text.substr(colon + 1);
    auto [end, error] = std::from_chars(count.data(), count.data() + count.size(), schedule.n);
    if (error == std::errc() && end == count.data() + count.size() && schedule.n >= 1 &&
        schedule.n <= 100000) {
      return schedule;
    }
  }
  return fail(
      "--schedule '{}' is not one of whole, chunk:N, decode, crowd:N, prefix:N, preempt (N from 1 to 100000)",
      text);
}

Result<Witness> compute_rows(LoadedModel& loaded, std::span<const std::int32_t> tokens, Schedule schedule,
                             const OnRow& on_row) {
  return Run(loaded, tokens, schedule, on_row)();
}

}  // namespace verbatim::app
