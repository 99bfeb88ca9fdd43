#include "lab/completions.h"

#include <algorithm>
#include <bit>
#include <chrono>
#include <cmath>
#include <map>
#include <set>

#include "lab/generation.h"
#include "lab/lab.h"

namespace verbatim::lab {
namespace {

std::uint32_t bits_of(float x) { return std::bit_cast<std::uint32_t>(x); }

std::vector<std::uint32_t> logprob_bits(const Kept& answer) {
  std::vector<std::uint32_t> bits;
  for (const Logprobs& logprob : answer.logprobs) bits.push_back(bits_of(logprob.chosen.logprob));
  return bits;
}

Candidate candidate(const LoadedModel& model, const TokenLogprob& token) {
  return {token.token, model.tokenizer->decode(std::span(&token.token, 1), {false, false}), token.logprob};
}

// Copies and neighbours arrive one by one at random, as places come free.
class Crowd {
 public:
  Crowd(LoadedModel& model, const GenerateRequest& request, const CrowdOptions& options)
      : model_(model), request_(request), options_(options), random_(options.seed) {}

  std::vector<std::unique_ptr<Kept>> operator()() {
    auto engine = make_engine(model_, options_.together,
                              static_cast<std::int64_t>(request_.prompt.size()) + request_.max_tokens);
    std::int64_t copies = options_.copies, neighbours = options_.neighbours;
    auto start = std::chrono::steady_clock::now();
    while (copies + neighbours > 0 || !engine->idle()) {
      std::chrono::duration<double> past = std::chrono::steady_clock::now() - start;
      if (past.count() > options_.seconds) copies = neighbours = 0;
      for (auto arrivals = static_cast<std::int64_t>(random_() % 4); arrivals > 0; --arrivals) {
        if (copies + neighbours == 0 || running_ == options_.together) break;
        bool copy =
            static_cast<std::int64_t>(random_() % static_cast<std::uint64_t>(copies + neighbours)) < copies;
        submit(*engine, copy);
        --(copy ? copies : neighbours);
      }
      engine->step();
    }
    return std::move(copies_);
  }

 private:
  void submit(Engine& engine, bool copy) {
    ++running_;
    auto& list = copy ? copies_ : neighbours_;
    list.push_back(std::make_unique<Kept>([this] { --running_; }));
    auto id = engine.submit(copy ? request_ : random_neighbour(model_, random_), *list.back());
    CHECK(id.ok(), "a request of the crowd was refused: {}", id.error().message);
  }

  LoadedModel& model_;
  const GenerateRequest& request_;
  const CrowdOptions& options_;
  std::mt19937_64 random_;
  std::int64_t running_ = 0;
  std::vector<std::unique_ptr<Kept>> copies_, neighbours_;
};

// The first token in which the answers differ; nullopt: none, as far as both go.
std::optional<std::size_t> divergence(const Kept& a, const Kept& b) {
  auto [at, other] = std::ranges::mismatch(a.tokens, b.tokens);
  if (at == a.tokens.end() && other == b.tokens.end()) return std::nullopt;
  return static_cast<std::size_t>(at - a.tokens.begin());
}

Variant variant_of(const LoadedModel& model, const Kept& answer) {
  Variant variant;
  variant.text = answer.text;
  for (const Logprobs& logprobs : answer.logprobs) {
    AnswerToken& token = variant.tokens.emplace_back();
    token.chosen = candidate(model, logprobs.chosen);
    for (const TokenLogprob& likely : logprobs.top) token.top.push_back(candidate(model, likely));
  }
  return variant;
}

void count_variants(const LoadedModel& model, const std::vector<const Kept*>& all, Answers& result) {
  std::map<std::pair<std::vector<std::int32_t>, std::vector<std::uint32_t>>, std::size_t> by_bits;
  std::set<std::vector<std::int32_t>> by_tokens;
  for (const Kept* answer : all) {
    by_tokens.insert(answer->tokens);
    auto [known, is_new] =
        by_bits.try_emplace({answer->tokens, logprob_bits(*answer)}, result.variants.size());
    if (is_new) result.variants.push_back(variant_of(model, *answer));
    ++result.variants[known->second].count;
  }
  std::stable_sort(result.variants.begin() + 1, result.variants.end(),
                   [](const Variant& a, const Variant& b) { return a.count > b.count; });
  result.distinct_bits = static_cast<std::int64_t>(by_bits.size());
  result.distinct_texts = static_cast<std::int64_t>(by_tokens.size());
}

}  // namespace

Answers answer_in_crowd(LoadedModel& model, const std::string& prompt, const CrowdOptions& options) {
  GenerateRequest request = greedy_request(model, prompt, options.tokens);
  request.sampling.temperature = options.temperature;
  request.sampling.seed = options.seed;
  Answers result;
  Kept alone = generate_alone(model, request);
  if (result.error = alone.error(); !result.error.empty()) return result;
  std::vector<std::unique_ptr<Kept>> copies = Crowd(model, request, options)();

  result.tokens = static_cast<std::int64_t>(alone.tokens.size());
  std::vector<const Kept*> all = {&alone};
  std::vector<double> drift;
  std::int64_t identical = 0;
  for (const auto& copy : copies) {
    if (result.error = copy->error(); !result.error.empty()) return result;
    all.push_back(copy.get());
    result.largest_crowd = std::max(result.largest_crowd, copy->finish.witness.most_sequences);
    result.largest_step = std::max(result.largest_step, copy->finish.witness.most_rows);
    std::optional<std::size_t> at = divergence(alone, *copy);
    for (std::size_t i = 0; i < at.value_or(alone.tokens.size()); ++i) {
      float a = alone.logprobs[i].chosen.logprob, b = copy->logprobs[i].chosen.logprob;
      identical += bits_of(a) == bits_of(b);
      drift.push_back(std::fabs(static_cast<double>(a) - b));
    }
    if (!at || (result.divergence && static_cast<std::int64_t>(*at) >= *result.divergence)) continue;
    if (*at >= alone.tokens.size() || *at >= copy->tokens.size()) continue;  // one ended early: an error
    result.divergence = static_cast<std::int64_t>(*at);
    result.alone = candidate(model, alone.logprobs[*at].chosen);
    result.crowd = candidate(model, copy->logprobs[*at].chosen);
    result.margin = alone.logprobs[*at].top[0].logprob - alone.logprobs[*at].top[1].logprob;
  }
  result.answers = static_cast<std::int64_t>(all.size());
  result.drift = drift_of(std::move(drift), identical);
  count_variants(model, all, result);
  return result;
}

Finding completions(const Conditions& conditions) {
  Finding finding;
  finding.claim = "So one request has many answers: which one comes depends on the others in the batch";
  auto add = [&](LoadedModel& model, const std::string& subject, bool ours) {
    for (float temperature : {0.0f, 1.0f}) {
      Answers answers =
          answer_in_crowd(model, conditions.prompt, {.temperature = temperature, .seed = conditions.seed});
      answers.subject = subject;
      answers.what = temperature == 0 ? "greedy" : "temperature 1, one seed";
      answers.ours = ours;
      finding.answers.push_back(std::move(answers));
    }
  };
  if (conditions.control_model != nullptr) add(*conditions.control_model, "control group", false);
  add(*conditions.our_model, fmt::format("verbatim ({})", conditions.our_model->backend->name()), true);
  judge_answers(finding, conditions.control_missing);
  return finding;
}

void judge_answers(Finding& finding, const std::string& control_missing) {
  std::int64_t texts = 0, bits = 0;
  std::string counts;
  for (const Answers& a : finding.answers) {
    if (!a.error.empty()) {
      finding.sentence = fmt::format("{} cannot compute this: {}", a.subject, a.error);
      return;
    }
    if (a.ours && a.distinct_bits != 1) {
      finding.verdict = Verdict::broken;
      finding.sentence =
          fmt::format("{} gave {} answers: a bug, please report it", a.subject, a.distinct_bits);
      return;
    }
    if (a.ours) continue;
    texts = std::max(texts, a.distinct_texts);
    bits = std::max(bits, a.distinct_bits);
    counts += fmt::format("{}{} in {} ({})", counts.empty() ? "" : ", ", a.distinct_texts, a.answers, a.what);
  }
  if (texts == 0) {
    finding.sentence = control_missing;
  } else if (texts > 1) {
    finding.verdict = Verdict::seen;
    finding.sentence = "different texts: " + counts;
  } else {
    finding.verdict = Verdict::not_seen;
    finding.sentence =
        bits > 1 ? fmt::format("one text each time, although {} different lists of log-probabilities", bits)
                 : "one text each time, with the same log-probabilities";
  }
}

}  // namespace verbatim::lab
