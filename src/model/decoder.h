// Decoder: the decoder-only transformers of the Llama family, of every architecture: embedding, layers, logits.
#pragma once

#include <utility>
#include <vector>

#include "model/bind.h"
#include "model/model.h"

namespace verbatim {

class Decoder final : public Model {
 public:
  // weights: bound for this architecture and configuration, on this backend, which must outlive the decoder.
  Decoder(const Architecture& architecture, const ModelConfig& config, BoundWeights weights,
          const ModelOptions& options, Backend& backend);

  const ModelConfig& config() const override { return config_; }
  KvShape kv_shape() const override;
  std::string_view backend_name() const override { return backend_.name(); }
  LogitsMath& logits_math() override { return backend_.logits_math(); }
  std::unique_ptr<Runner> make_runner(const RunnerOptions& options) override;

 private:
  friend class DecoderRunner;

  const Architecture& architecture_;
  const ModelConfig config_;
  const BoundWeights weights_;
  const ModelOptions options_;
  Backend& backend_;
  const Array<double> rope_frequencies_;  // (head_dim / 2)
  const double rope_mscale_;
};

}  // namespace verbatim
