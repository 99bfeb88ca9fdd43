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

struct Setup {
  int threads = 1;
  std::uint64_t seed = 1;
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
  Finding (*run)(const Setup& setup);
};

std::span<const Experiment> experiments();  // 1 to 7

// experiment.run, timed, with its number.
Finding run(const Experiment& experiment, const Setup& setup);

// The experiments, each in a file of its own kind.
Finding order_of_sum(const Setup& setup);        // sums.cc
Finding order_of_arrival(const Setup& setup);    // sums.cc
Finding run_to_run(const Setup& setup);          // kernels.cc
Finding matmul_batches(const Setup& setup);      // kernels.cc
Finding norm_and_attention(const Setup& setup);  // kernels.cc
Finding completions(const Setup& setup);         // completions.cc
Finding two_paths(const Setup& setup);           // two_paths.cc

// Verdict and sentence from the trials. `varies` or `steady` begins the sentence, as the control trials came out; a
// trial of ours with more than one result is `broken`, and one that is missing makes the finding so.
//   claim_is_variance: the claim says that results differ
void judge(Finding& finding, bool claim_is_variance);

}  // namespace verbatim::lab
