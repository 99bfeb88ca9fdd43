// One step of a model, from empty pages: all its logits.
#pragma once

#include <numeric>
#include <utility>

#include "model/model.h"

namespace verbatim {

struct OneStep {
  std::vector<RowFault> faults;
  std::vector<float> logits;  // (batch.logits_rows.size(), vocab_size)
};

inline OneStep one_step(Runner& runner, const StepBatch& batch) {
  StepWishes wishes;
  wishes.logits.resize(batch.logits_rows.size());
  std::iota(wishes.logits.begin(), wishes.logits.end(), 0);
  StepResult result = runner.step(batch, wishes);
  return {std::move(result.faults), {result.logits.begin(), result.logits.end()}};
}

inline OneStep one_step(Model& model, const StepBatch& batch) {
  RunnerOptions options{
      .pages = 0, .max_rows = batch.rows(), .max_logits_rows = std::ssize(batch.logits_rows)};
  for (const Segment& segment : batch.segments) options.pages += std::ssize(segment.pages);
  return one_step(*model.make_runner(options), batch);
}

}  // namespace verbatim
