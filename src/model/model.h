// Model: weights and a backend put together; one call computes a step.
//
// forward() is a pure function of the batch and of the KV pages it names: which sequences share a step, how
// prompts are chunked and which pages hold them cannot be seen in any logit. One file per architecture
// (llama.cc, qwen3.cc, ...) says which operations make a layer. Not thread safe: one step at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "model/hidden_row.h"
#include "model/model_config.h"
#include "model/weights.h"
#include "ops/kv_pages.h"
#include "ops/ops.h"
#include "ops/step_batch.h"

namespace verbatim {

struct ModelOptions {
  int activation_limbs = 2;  // --activations 16 | 8
  int kv_limbs = 2;          // --kv 16 | 8
};

// A row whose computation met a NaN or an infinity. Its logits mean nothing; other rows are not affected.
struct RowFault {
  std::int64_t row = 0;
  std::string message;  // "layer 3, attention output, position 17: a value is not finite"
};

class Model {
 public:
  // The model keeps `weights` and uses `backend`, which must outlive it.
  // Errors: an unknown architecture, a tensor missing or of the wrong shape (named).
  static Result<std::unique_ptr<Model>> create(const ModelConfig& config, ModelWeights weights,
                                               const ModelOptions& options, Backend& backend);
  virtual ~Model() = default;

  virtual const ModelConfig& config() const = 0;
  virtual KvShape kv_shape() const = 0;

  // Computes every row of the batch, fills their places in `pages`, and writes the wanted logits.
  //   logits: (batch.logits_rows.size(), vocab_size)
  // Returns the rows that failed, in increasing order; empty when all is well.
  virtual std::vector<RowFault> forward(const StepBatch& batch, KvPages& pages, float* logits) = 0;

  // What the logits of the last forward() were made from: its i-th wanted row.  REQUIRES: there is one
  virtual HiddenRow hidden_row(std::int64_t i) const = 0;
};

}  // namespace verbatim
