#include "lab/two_paths.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

#include "lab/generation.h"
#include "lab/lab.h"

namespace verbatim::lab {
namespace {

constexpr std::int64_t kAnswer = 160;     // tokens that are computed in both ways
constexpr std::int64_t kNeighbours = 12;  // beside the sampler

double log_sum_exp(std::span<const float> z) {
  double m = *std::ranges::max_element(z), sum = 0;
  for (float value : z) sum += std::exp(value - m);
  return m + std::log(sum);
}

Kept all_logits(LoadedModel& model, const std::vector<std::int32_t>& tokens, std::int64_t max_chunk) {
  GenerateRequest request;
  request.prompt = tokens;
  request.max_tokens = 0;
  request.logits = true;
  request.max_chunk = max_chunk;
  EngineOptions options;
  options.schedule.max_step_tokens = options.schedule.max_logits_rows =
      std::max<std::int64_t>(static_cast<std::int64_t>(tokens.size()), options.schedule.max_sequences);
  options.kv_pages = Scheduler::pages_needed(static_cast<std::int64_t>(tokens.size()));
  auto engine = Engine::create(*model.model, nullptr, options);
  CHECK(engine.ok(), "the lab's engine: {}", engine.error().message);
  Kept kept;
  auto id = (*engine)->submit(std::move(request), kept);
  CHECK(id.ok(), "the lab's request was refused: {}", id.error().message);
  while (!(*engine)->idle()) (*engine)->step();
  return kept;
}

}  // namespace

double kl_divergence(std::span<const float> p, std::span<const float> q) {
  double log_p = log_sum_exp(p), log_q = log_sum_exp(q), kl = 0;
  for (std::size_t i = 0; i < p.size(); ++i) {
    double a = p[i] - log_p, b = q[i] - log_q;
    kl += std::exp(a) * (a - b);
  }
  return std::max(kl, 0.0);  // rounding may leave -1e-17
}

Agreement compare_rows(std::span<const float> a, std::span<const float> b, std::int64_t vocab,
                       std::span<const std::int32_t> tokens) {
  CHECK(a.size() == b.size(), "{} logits on one path, {} on the other", a.size(), b.size());
  Agreement result;
  auto width = static_cast<std::size_t>(vocab);
  result.positions = static_cast<std::int64_t>(a.size() / width);
  double sum = 0, largest = 0;
  std::vector<double> drift;
  std::int64_t alike = 0;
  for (std::size_t i = 0; i < a.size() / width; ++i) {
    auto p = a.subspan(i * width, width), q = b.subspan(i * width, width);
    bool same = std::memcmp(p.data(), q.data(), p.size_bytes()) == 0;
    double kl = same ? 0 : kl_divergence(p, q);
    result.identical += same;
    sum += kl;
    largest = std::max(largest, kl);
    if (i >= tokens.size()) continue;
    auto token = static_cast<std::size_t>(tokens[i]);
    double d = same ? 0 : std::fabs((p[token] - log_sum_exp(p)) - (q[token] - log_sum_exp(q)));
    alike += d == 0;
    drift.push_back(d);
  }
  result.mean_kl = result.positions > 0 ? sum / static_cast<double>(result.positions) : 0;
  result.max_kl = largest;
  result.drift = drift_of(std::move(drift), alike);
  return result;
}

Agreement prefill_against_decode(LoadedModel& model, const std::vector<std::int32_t>& tokens) {
  Kept prefill = all_logits(model, tokens, 0), decode = all_logits(model, tokens, 1);
  Agreement result;
  result.error = prefill.error().empty() ? decode.error() : prefill.error();
  if (result.error.empty())
    result = compare_rows(prefill.logits, decode.logits, model.model->config().vocab_size,
                          std::span(tokens).subspan(1));
  result.what = "prefill against decode: every logit of the same tokens";
  return result;
}

Agreement sampler_against_scorer(LoadedModel& model, const std::string& prompt, std::int64_t tokens,
                                 std::uint64_t seed) {
  GenerateRequest request = greedy_request(model, prompt, tokens);
  request.sampling.temperature = 1;
  request.sampling.seed = seed;
  std::mt19937_64 random(seed);
  auto engine = make_engine(model, kNeighbours + 1,
                            static_cast<std::int64_t>(request.prompt.size()) + request.max_tokens);
  Kept sampled, other;
  bool accepted = engine->submit(request, sampled).ok();
  for (std::int64_t i = 0; i < kNeighbours; ++i) {
    accepted = accepted && engine->submit(random_neighbour(model, random), other).ok();
  }
  CHECK(accepted, "the lab's requests were refused");
  while (!engine->idle()) engine->step();

  GenerateRequest score;
  score.prompt = request.prompt;
  score.prompt.insert(score.prompt.end(), sampled.tokens.begin(), sampled.tokens.end());
  score.max_tokens = 0;
  score.prompt_logprobs = 0;
  Kept scored = generate_alone(model, score);

  Agreement result;
  result.what = "sampler against scorer: the log-probability of each sampled token";
  result.error = sampled.error().empty() ? scored.error() : sampled.error();
  if (!result.error.empty()) return result;
  std::vector<double> drift;
  std::size_t first = scored.prompt_logprobs.size() - sampled.tokens.size();
  for (std::size_t i = 0; i < sampled.tokens.size(); ++i) {
    float a = sampled.logprobs[i].chosen.logprob, b = scored.prompt_logprobs[first + i].chosen.logprob;
    result.identical += std::bit_cast<std::uint32_t>(a) == std::bit_cast<std::uint32_t>(b);
    drift.push_back(std::fabs(static_cast<double>(a) - b));
  }
  result.positions = static_cast<std::int64_t>(drift.size());
  result.drift = drift_of(std::move(drift), result.identical);
  return result;
}

Finding two_paths(const Conditions& conditions) {
  Finding finding;
  finding.claim = "Prefill and decode, sampler and scorer give the same tokens different probabilities";
  auto add = [&](LoadedModel& model, const std::string& subject, bool ours) {
    GenerateRequest request = greedy_request(model, conditions.prompt, kAnswer);
    std::vector<std::int32_t> tokens = request.prompt;
    Kept answer = generate_alone(model, request);
    tokens.insert(tokens.end(), answer.tokens.begin(), answer.tokens.end());
    for (Agreement agreement : {prefill_against_decode(model, tokens),
                                sampler_against_scorer(model, conditions.prompt, kAnswer, conditions.seed)}) {
      agreement.subject = subject;
      agreement.ours = ours;
      finding.agreements.push_back(std::move(agreement));
    }
  };
  if (conditions.control_model != nullptr) add(*conditions.control_model, "control group", false);
  add(*conditions.our_model, fmt::format("verbatim ({})", conditions.our_model->backend->name()), true);
  judge_agreements(finding, conditions.control_missing);
  return finding;
}

void judge_agreements(Finding& finding, const std::string& control_missing) {
  bool control = false, differs = false;
  std::string sentence;
  for (const Agreement& a : finding.agreements) {
    if (!a.error.empty()) {
      finding.sentence = fmt::format("{} cannot compute this: {}", a.subject, a.error);
      return;
    }
    if (a.ours && a.identical != a.positions) {
      finding.verdict = Verdict::broken;
      finding.sentence = fmt::format("{}: {} of {} positions differ ({}): a bug, please report it", a.subject,
                                     a.positions - a.identical, a.positions, a.what);
      return;
    }
    if (a.ours) continue;
    control = true;
    differs = differs || a.identical != a.positions;
    if (a.mean_kl)
      sentence = fmt::format("mean KL {:.2e} nats between prefill and decode, ours exactly 0", *a.mean_kl);
  }
  if (!control) {
    finding.sentence = control_missing;
  } else if (differs) {
    finding.verdict = Verdict::seen;
    finding.sentence = sentence;
  } else {
    finding.verdict = Verdict::not_seen;
    finding.sentence = "every bit was the same on both paths";
  }
}

}  // namespace verbatim::lab
