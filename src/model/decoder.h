// Decoder: the decoder-only transformers of the Llama family, of every architecture: embedding, layers, logits.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "model/bind.h"
#include "model/model.h"
#include "model/pass.h"
#include "model/rope_table.h"

namespace verbatim {

class Decoder final : public Model {
 public:
  // weights: bound for this architecture and configuration. The backend must outlive the decoder.
  Decoder(const Architecture& architecture, const ModelConfig& config, BoundWeights weights,
          const ModelOptions& options, Backend& backend)
      : architecture_(architecture),
        config_(config),
        weights_(std::move(weights)),
        options_(options),
        backend_(backend),
        rope_(config) {}

  const ModelConfig& config() const override { return config_; }
  KvShape kv_shape() const override;
  std::vector<RowFault> forward(const StepBatch& batch, KvPages& pages, float* logits) override;
  HiddenRow hidden_row(std::int64_t i) const override;

 private:
  struct LogitsWorkspace {
    std::int64_t rows = 0;
    AlignedBuffer<float> x;
    FixRows normed;
    AlignedBuffer<std::uint32_t> faults;
  };

  void compute_logits(const StepBatch& batch, float* logits);
  std::vector<RowFault> collect_faults(const StepBatch& batch) const;

  const Architecture& architecture_;
  const ModelConfig config_;
  const BoundWeights weights_;
  const ModelOptions options_;
  Backend& backend_;
  RopeTable rope_;
  Workspace work_;
  LogitsWorkspace logits_work_;
};

}  // namespace verbatim
