// Model: weights on a backend. Runner: the memory in which one computes, step by step.
//
// A step is a pure function of the batch and of the KV pages it names: which sequences share a step, how
// prompts are chunked and which pages hold them cannot be seen in any logit. One file per architecture
// (llama.cc, qwen3.cc, ...) says which operations make a layer.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "model/hidden_row.h"
#include "model/model_config.h"
#include "model/weights.h"
#include "ops/ops.h"
#include "ops/step_batch.h"

namespace verbatim {

struct ModelOptions {
  Width activations = Width::bits16;
  Width kv = Width::bits16;
};

// A row whose computation met a NaN or an infinity. Its logits mean nothing; other rows are not affected.
struct RowFault {
  std::int64_t row = 0;
  std::string message;  // "layer 3, attention output, position 17: a value is not finite"
};

// What of a step comes home to the host, besides faults. Rows are places in StepBatch::logits_rows.
struct StepWishes {
  std::vector<std::int32_t> logits;  // increasing
  std::vector<std::int32_t> hidden;  // increasing: what the logits were made from
  std::vector<PlainDraw> draws;      // that the backend makes itself
};

struct StepResult {
  std::vector<RowFault> faults;      // the rows of the batch that failed, increasing; empty when all is well
  std::span<const float> logits;     // (wishes.logits.size(), vocab_size), until the next step
  std::vector<HiddenRow> hidden;     // (wishes.hidden.size())
  std::vector<std::int32_t> tokens;  // (wishes.draws.size()); of a row that failed, any
};

// The largest step, and the KV pages.
struct RunnerOptions {
  std::int64_t pages = 64;
  std::int64_t max_rows = 512, max_logits_rows = 64;  // of a step
};

// Not thread safe: one step at a time. The runners of a model share its backend, so they take turns too.
class Runner {
 public:
  virtual ~Runner() = default;
  // Copies pages, computes every row of the batch, fills their places in the pages. Where it throws, the copies are made.
  // REQUIRES: no more rows and wanted rows than the options say
  virtual StepResult step(const StepBatch& batch, const StepWishes& wishes) = 0;
};

class Model {
 public:
  // The model keeps `weights`, or what `backend` makes of them, and uses `backend`, which must outlive it.
  // Errors: an unknown architecture, a tensor missing or of the wrong shape (named).
  static Result<std::unique_ptr<Model>> create(const ModelConfig& config, ModelWeights weights,
                                               const ModelOptions& options, Backend& backend);
  virtual ~Model() = default;

  virtual const ModelConfig& config() const = 0;
  virtual KvShape kv_shape() const = 0;
  virtual std::string_view backend_name() const = 0;
  virtual LogitsMath& logits_math() = 0;

  // Throws std::bad_alloc. The model must outlive the runner.
  virtual std::unique_ptr<Runner> make_runner(const RunnerOptions& options) = 0;
};

}  // namespace verbatim
