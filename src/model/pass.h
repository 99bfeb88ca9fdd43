// Pass: one layer of one step, and the operations that make it. An architecture's `layer` calls them in order.
//
// A pass is born whole: it knows its layer, its rows and its pages from the beginning, and lives for one layer. What it computes
// lies in the workspace that all passes of a model share.
#pragma once

#include <cstdint>

#include "model/layer_weights.h"
#include "model/model.h"
#include "model/rope_table.h"

namespace verbatim {

// Buffers for the largest step so far.
struct Workspace {
  std::int64_t rows = 0;
  AlignedBuffer<float> x, q, k, v, attention, gate, up, y;  // x: the residual stream
  FixRows normed, attended, hidden;
  AlignedBuffer<std::uint32_t> faults;  // the first of each row, 0 for none

  // Makes room for so many rows, none with a fault.
  void reserve(std::int64_t rows_wanted, const ModelConfig& config, Backend& backend);
};

class Pass {
 public:
  // What the passes of a model share.
  struct Setting {
    const ModelConfig& config;
    const ModelOptions& options;
    Backend& backend;
    RopeTable& rope;
    Workspace& work;
  };
  // All of it must outlive the pass.
  Pass(const Setting& setting, const StepBatch& batch, KvPages& pages, std::int64_t layer)
      : config_(setting.config),
        options_(setting.options),
        backend_(setting.backend),
        rope_(setting.rope),
        work_(setting.work),
        batch_(batch),
        pages_(pages),
        layer_(layer) {}

  bool rotates() const { return config_.rotates(layer_); }

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
  Faults faults(Place place) { return {work_.faults.data(), site_of(layer_, place)}; }

  const ModelConfig& config_;
  const ModelOptions& options_;
  Backend& backend_;
  RopeTable& rope_;
  Workspace& work_;
  const StepBatch& batch_;
  KvPages& pages_;
  const std::int64_t layer_;
};

}  // namespace verbatim
