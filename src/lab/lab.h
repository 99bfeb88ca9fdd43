// Lab: the claims of "Defeating Nondeterminism in LLM Inference" (He et al., Thinking Machines Lab, 2025) as seven
// experiments on this machine. Each measures here and now, can come out either way, and ends within seconds.
//
// The control group (backend/conventional/) does what other engines do; `ours` is the backend in use. Where the control
// group is missing, so is what it would have shown, and the finding says so.
#pragma once

#include <functional>
#include <span>

#include "engine/loaded_model.h"
#include "lab/finding.h"

namespace verbatim::lab {

struct Conditions {
  int threads = 1;
  std::uint64_t seed = 1;
  double seconds = 1.5;  // of a sweep over sizes, at most
  Backend* ours = nullptr;
  Backend* control = nullptr;        // nullptr: this machine has none
  std::string control_missing;       // why
  LoadedModel* our_model = nullptr;  // of experiments 6 and 7
  LoadedModel* control_model = nullptr;
  std::string prompt = "Once upon a time";
};

struct Experiment {
  int number;
  const char* name;  // "order of a sum"
  bool needs_model;
  Finding (*run)(const Conditions& conditions);
};

std::span<const Experiment> experiments();  // 1 to 7

// experiment.run, timed, with its number.
Finding run(const Experiment& experiment, const Conditions& conditions);

// The experiments, each in a file of its own kind.
Finding order_of_sum(const Conditions& conditions);        // sums.cc
Finding order_of_arrival(const Conditions& conditions);    // sums.cc
Finding run_to_run(const Conditions& conditions);          // kernels.cc
Finding matmul_batches(const Conditions& conditions);      // kernels.cc
Finding norm_and_attention(const Conditions& conditions);  // kernels.cc
Finding completions(const Conditions& conditions);         // completions.cc
Finding two_paths(const Conditions& conditions);           // two_paths.cc

// Verdict and sentence from the trials, the answers and the agreements that a finding holds. Whatever of ours differs
// makes it `broken`; where nothing of the control group is there it is `missing`.
//   claim_is_variance: the claim says that results differ
void judge(Finding& finding, bool claim_is_variance);
void judge_answers(Finding& finding, const std::string& control_missing);     // completions.cc
void judge_agreements(Finding& finding, const std::string& control_missing);  // two_paths.cc

}  // namespace verbatim::lab
