#include "lab/lab.h"

#include <algorithm>
#include <chrono>

namespace verbatim::lab {
namespace {

constexpr Experiment kExperiments[] = {
    {1, "order of a sum", false, order_of_sum},
    {2, "order of arrival", false, order_of_arrival},
    {3, "run to run", false, run_to_run},
    {4, "matrix products in batches", false, matmul_batches},
    {5, "norm and attention under load", false, norm_and_attention},
    {6, "one request among others", true, completions},
    {7, "prefill and decode, sampler and scorer", true, two_paths},
};

}  // namespace

std::span<const Experiment> experiments() { return kExperiments; }

Finding run(const Experiment& experiment, const Conditions& conditions) {
  auto start = std::chrono::steady_clock::now();
  Finding finding = experiment.run(conditions);
  finding.number = experiment.number;
  finding.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return finding;
}

void judge(Finding& finding, bool claim_is_variance) {
  std::int64_t most = 0;
  std::string missing, varying;
  for (const Trial& trial : finding.trials) {
    if (!trial.missing.empty()) {
      missing = trial.missing;
    } else if (trial.ours && trial.distinct != 1) {
      finding.verdict = Verdict::broken;
      finding.sentence = fmt::format("{} gave {} results where it promises one: a bug, please report it ({})",
                                     trial.subject, trial.distinct, trial.what);
      return;
    } else if (!trial.ours && trial.distinct > most) {
      most = trial.distinct;
      varying = fmt::format("{}: {}", trial.subject, trial.what);
    }
  }
  if (most == 0) {
    finding.verdict = Verdict::missing;
    finding.sentence = missing;
    return;
  }
  finding.verdict = (most > 1) == claim_is_variance ? Verdict::seen : Verdict::not_seen;
  finding.sentence = most > 1 ? fmt::format("{} different results ({})", most, varying)
                              : "always the same bits, in every run that was made";
}

Drift drift_of(std::vector<double> differences, std::int64_t identical) {
  Drift drift{static_cast<std::int64_t>(differences.size()), identical, 0, 0, 0};
  if (differences.empty()) return drift;
  std::ranges::sort(differences);
  auto quantile = [&](double q) {
    return differences[static_cast<std::size_t>(q * static_cast<double>(differences.size() - 1))];
  };
  drift.median = quantile(0.5);
  drift.p99 = quantile(0.99);
  drift.largest = differences.back();
  return drift;
}

}  // namespace verbatim::lab
