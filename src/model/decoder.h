// Decoder: what the decoder-only transformers of the Llama family share. An architecture is a subclass that
// says, in one short function, which of the operations below make a layer.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "model/model.h"
#include "model/rope_table.h"

namespace verbatim {

// A linear layer: a matrix and, in some architectures, a bias.
struct Projection {
  const PackedMatrix* w = nullptr;
  const float* bias = nullptr;  // (n) or nullptr
};

// Where in a layer (the last two: after the layers) a value can turn out not to be finite.
enum class Place : std::uint8_t {
  attention_input,
  keys_values,
  attention,
  attention_output,
  feed_forward_input,
  feed_forward,
  output_norm,
  logits,
};

// An RMS norm before a quantisation, and where it stands.
struct Norm {
  const float* gain = nullptr;  // (dim)
  Place place;
  bool wanted[2] = {};  // as it is, rotated: the forms that the matrices behind it read
};

// The weights of one layer. Pointers into PackedWeights; nullptr where the architecture has no such tensor.
struct LayerWeights {
  Norm attention_norm{nullptr, Place::attention_input, {}};
  Projection q, k, v;             // (heads * head_dim, dim), (kv_heads * head_dim, dim) twice
  const float* q_norm = nullptr;  // (head_dim)
  const float* k_norm = nullptr;  // (head_dim)
  Projection attention_output;    // (dim, heads * head_dim)
  Norm feed_forward_norm{nullptr, Place::feed_forward_input, {}};
  Projection gate, up;  // (hidden_dim, dim)
  Projection down;      // (dim, hidden_dim)
};

class Decoder : public Model {
 public:
  // Finds every tensor and checks its shape; the error names the tensor,
  // what was expected and what was found.
  Status bind(const ModelConfig& config, PackedWeights weights, const ModelOptions& options,
              Backend& backend);

  const ModelConfig& config() const final { return config_; }
  KvShape kv_shape() const final;
  std::vector<RowFault> forward(const StepBatch& batch, KvPages& pages, float* logits) final;
  HiddenRow hidden_row(std::int64_t i) const final;

 protected:
  // One layer of the network, as a sequence of the operations below.
  virtual void layer(const LayerWeights& w) = 0;

  // The operations. Each works on all rows of the step; `x` is the residual stream.
  void normalise(const Norm& norm);  // h = quantise(rms_norm(x) * gain)
  void project(const Projection& q, const Projection& k, const Projection& v);  // q, k, v = W h (+ b)
  void normalise_heads(const float* q_gain, const float* k_gain);  // q, k = rms_norm of each head
  void rotate();                                                   // q, k = rope(q), rope(k)
  void attend();                                                   // a = attention(q, cache with k, v added)
  void add_projection(const Projection& w);                        // x = x + W quantise(a)
  // x = x + D swiglu(G h, U h)
  void add_feed_forward(const Projection& gate, const Projection& up, const Projection& down);

 private:
  // Buffers for the largest step so far.
  struct Workspace {
    std::int64_t rows = 0;
    AlignedBuffer<float> x, q, k, v, attention, gate, up, y;
    FixRows normed[2];  // as it is, rotated
    FixRows attended, hidden;
    AlignedBuffer<std::uint32_t> faults;
  };
  struct LogitsWorkspace {
    std::int64_t rows = 0;
    AlignedBuffer<float> x;
    FixRows normed;
    AlignedBuffer<std::uint32_t> faults;
  };
  // The step being computed; set by forward() for the time of one call.
  struct Step {
    const StepBatch* batch = nullptr;
    KvPages* pages = nullptr;
    std::int64_t layer = 0;
  };

  Result<const PackedMatrix*> matrix(const std::string& name, std::int64_t n, std::int64_t k) const;
  Result<const float*> vector(const std::string& name, std::int64_t n) const;
  Status bind_layer(std::int64_t index);
  void reserve(std::int64_t rows);
  void compute_logits(const StepBatch& batch, float* logits);
  std::vector<RowFault> collect_faults(const StepBatch& batch) const;
  Faults faults(Place place);
  FixForm form(bool rotated) const;
  void linear_of_normed(std::span<LinearJob> jobs);  // jobs change their order

  ModelConfig config_;
  PackedWeights weights_;
  ModelOptions options_;
  Backend* backend_ = nullptr;
  const PackedMatrix* embedding_ = nullptr;
  const PackedMatrix* output_ = nullptr;
  const float* output_norm_ = nullptr;
  std::vector<LayerWeights> layers_;
  std::unique_ptr<RopeTable> rope_;
  Workspace work_;
  LogitsWorkspace logits_work_;
  Step step_;
};

}  // namespace verbatim
