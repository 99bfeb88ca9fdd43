// Pass: one layer of one step, and the operations that make it. An architecture's `layer` calls them in order.
//
// A pass is born whole: it knows its layer, its rows and its pages from the beginning, and lives for one layer. What it computes
// lies in the workspace that all passes share.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <span>

#include "model/layer_weights.h"
#include "model/model.h"
#include "model/workspace.h"

namespace verbatim {

// What a matrix reads: codes and i16 all 16 bits, rotated matrices rotated rows as wide as activations are.
inline FixForm row_form(const PackedMatrix& w, const ModelOptions& options) {
  return is_rotated(w.kind) ? FixForm{limbs_of(options.activations), true} : FixForm{};
}

class Pass {
 public:
  // What the passes of a step share.
  struct Setting {
    const ModelConfig& config;
    const ModelOptions& options;
    Backend& backend;
    const Workspace& work;
    const StepView& step;
    const KvPages& pages;
  };
  // All of it must outlive the pass.
  Pass(const Setting& setting, std::int64_t layer)
      : config_(setting.config),
        options_(setting.options),
        backend_(setting.backend),
        work_(setting.work),
        step_(setting.step),
        pages_(setting.pages),
        layer_(layer) {}

  bool rotates() const { return config_.rotates(layer_); }

  // The operations. Each works on all rows of the step; `x` is the residual stream.
  // h = quantise(rms_norm(x) * gain), in every form that one of its readers needs
  void normalise(const Norm& norm, std::initializer_list<Projection> readers);
  void project(const Projection& q, const Projection& k, const Projection& v);  // q, k, v = W h (+ b)
  void normalise_heads(const float* q_gain, const float* k_gain);  // q, k = rms_norm of each head
  void rotate();                                                   // q, k = rope(q), rope(k)
  void attend();                                                   // a = attention(q, cache with k, v added)
  void add_projection(const Projection& w);                        // x = x + W quantise(a)
  // x = x + D swiglu(G h, U h)
  void add_feed_forward(const Projection& gate, const Projection& up, const Projection& down);

 private:
  void linear_of_normed(std::span<LinearJob> jobs);  // jobs change their order
  FixRows rows_for(const PackedMatrix& w, const FixStorage& storage) const {
    return storage.rows(step_.rows, w.k, row_form(w, options_));
  }
  Faults faults(Place place) const { return {work_.faults.data(), site_of(layer_, place)}; }

  const ModelConfig& config_;
  const ModelOptions& options_;
  Backend& backend_;
  const Workspace& work_;
  const StepView& step_;
  const KvPages& pages_;
  const std::int64_t layer_;
};

}  // namespace verbatim
