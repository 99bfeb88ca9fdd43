#include "backend/reference/reference.h"

#include <algorithm>
#include <optional>
#include <vector>

#include "backend/host_backend.h"
#include "base/check.h"
#include "spec/attention.h"
#include "spec/embed.h"
#include "spec/fix.h"
#include "spec/gating.h"
#include "spec/hadamard.h"
#include "spec/linear.h"
#include "spec/log_softmax.h"
#include "spec/moe.h"
#include "spec/rms_norm.h"
#include "spec/rope.h"
#include "spec/sampling.h"
#include "spec/scale.h"
#include "spec/softcap.h"

namespace verbatim {
namespace {

// The integers of a FixRows in this backend's form: (rows, k) int16.
std::int16_t* fix_row(const FixRows& x, std::int64_t row) {
  return reinterpret_cast<std::int16_t*>(x.q) + row * x.k;
}

// One integer of the KV cache, by the definition in panels.h: (row, column) of a run of panels whose limb
// planes have `columns` columns.
struct PanelPlace {
  std::int64_t high;    // byte of the high (or only) limb
  std::int64_t to_low;  // bytes from there to the low limb
  static PanelPlace of(std::int64_t row, std::int64_t column, std::int64_t columns, int limbs) {
    return {row / kPanelRows * limbs * plane_bytes(columns) + panel_offset(row % kPanelRows, column),
            plane_bytes(columns)};
  }
};

void put(std::int8_t* panels, PanelPlace at, int limbs, std::int16_t q) {
  panels[at.high] = static_cast<std::int8_t>(limbs == 2 ? spec::high_limb(q) : q);
  if (limbs == 2) panels[at.high + at.to_low] = static_cast<std::int8_t>(spec::low_limb(q));
}

std::int16_t get(const std::int8_t* panels, PanelPlace at, int limbs) {
  int high = panels[at.high];
  return static_cast<std::int16_t>(limbs == 2 ? 128 * high + panels[at.high + at.to_low] : high);
}

// spec/hadamard.h in blocks of `block`, then spec/fix.h.   x: (k) -> q: (k)
spec::FixScale quantise_rotated(const float* x, std::int64_t k, int limbs, std::int64_t block,
                                std::int16_t* q) {
  std::vector<float> rotated(x, x + k);
  spec::hadamard(rotated.data(), k, block);
  return spec::quantise(rotated.data(), k, limbs, q);
}

// The keys (or values) of one KV head of one sequence, by absolute position.
struct GatheredTokens {
  std::vector<std::int16_t> q;  // (tokens, head_dim)
  std::vector<float> scale;     // (tokens)
  spec::FixTokens view(int limbs) const { return {q.data(), scale.data(), limbs}; }
};

class ReferenceBackend final : public HostBackend {
 public:
  explicit ReferenceBackend(int threads) : HostBackend(threads) {}

  std::string_view name() const override { return "reference"; }

  std::int64_t fix_bytes(std::int64_t rows, std::int64_t k) const override {
    return rows * k * std::int64_t{sizeof(std::int16_t)};
  }

  void embed(const PackedMatrix& table, const std::int32_t* tokens, std::int64_t rows, float* y) override {
    each(rows, [&](std::int64_t row) {
      std::int64_t token = tokens[row];
      spec::embed(weight_row(table, token).data(), table.scale[token], table.k, table.rotation(),
                  y + row * table.k);
    });
  }

  void quantise(const float* x, const FixRows& out, Faults faults) override {
    each(out.rows, [&](std::int64_t row) { quantise_row(x + row * out.k, out, row, faults); });
  }

  void unpack_rows(const FixRows& x, std::int16_t* q) override {
    std::copy_n(fix_row(x, 0), x.rows * x.k, q);
  }

  void rms_norm_quantise(const float* x, const float* gain, float epsilon, const FixRows& out,
                         Faults faults) override {
    each(out.rows, [&](std::int64_t row) {
      std::vector<float> y(static_cast<std::size_t>(out.k));
      spec::rms_norm(x + row * out.k, gain, epsilon, out.k, y.data());
      quantise_row(y.data(), out, row, faults);
    });
  }

  void rms_norm(float* x, const float* gain, float epsilon, std::int64_t rows, std::int64_t k) override {
    each(rows, [&](std::int64_t row) { spec::rms_norm(x + row * k, gain, epsilon, k, x + row * k); });
  }

  void linear(const FixRows& x, std::span<const LinearJob> jobs) override {
    for (const LinearJob& job : jobs) {
      CHECK(job.w->k == x.k, "a matrix of {} columns meets rows of {}", job.w->k, x.k);
      CHECK(is_rotated(job.w->kind) == x.form.rotated, "a matrix of {} meets rows that are {}rotated",
            name_of(job.w->kind), x.form.rotated ? "" : "not ");
      each(job.w->n, [&](std::int64_t n) { linear_output(x, job, n); });
    }
  }

  void route(const spec::Router& router, const float* z, std::int64_t rows, std::int32_t* experts,
             float* weights) override {
    each(rows, [&](std::int64_t row) {
      std::int64_t at = row * router.chosen;
      for (spec::ChosenExpert chosen : spec::route(router, z + row * router.experts)) {
        experts[at] = chosen.expert;
        weights[at++] = chosen.weight;
      }
    });
  }

  void linear_experts(const FixRows& x, const std::int32_t* experts, std::int64_t chosen,
                      std::span<const ExpertsJob> jobs) override {
    check_experts(x, chosen, jobs);
    for (const ExpertsJob& job : jobs) {
      each(x.rows * chosen, [&](std::int64_t place) {
        for (std::int64_t i = 0; i < job.n(); ++i) {
          const std::int64_t n = experts[place] * job.n() + i;
          job.y[place * job.n() + i] = output(x, place / chosen, *job.w, n, weight_row(*job.w, n), job.bias);
        }
      });
    }
  }

  void moe_sum(const ExpertSum& of, std::int64_t rows, std::int64_t d, float* y) override {
    each(rows, [&](std::int64_t row) {
      spec::moe_sum(of.weights + row * of.chosen, of.chosen, of.expert_rows + row * of.chosen * d,
                    of.shared ? of.shared + row * d : nullptr, of.shared_weight(row), d, y + row * d);
    });
  }

  void attention(const AttentionArgs& args, const float* q, const StepView& step, const KvPages& cache,
                 float* y, Faults faults) override {
    CHECK(args.heads % cache.shape.kv_heads == 0, "{} query heads over {} KV heads", args.heads,
          cache.shape.kv_heads);
    for (const SegmentView& segment : step.all_segments()) {
      each(cache.shape.kv_heads,
           [&](std::int64_t kv_head) { attend(args, q, step, segment, kv_head, cache, y, faults); });
    }
  }

  void gate_quantise(const spec::Gating& gating, const float* gate, const float* up, const FixRows& out,
                     Faults faults) override {
    each(out.rows, [&](std::int64_t row) {
      std::vector<float> y(static_cast<std::size_t>(out.k));
      for (std::int64_t i = 0; i < out.k; ++i) {
        y[static_cast<std::size_t>(i)] = spec::gated(gating, gate[row * out.k + i], up[row * out.k + i]);
      }
      quantise_row(y.data(), out, row, faults);
    });
  }

  void add(float* x, const float* y, float factor, std::int64_t count) override {
    for (std::int64_t i = 0; i < count; ++i) x[i] = spec::add_scaled(x[i], y[i], factor);
  }
  void scale(float* x, float factor, std::int64_t count) override {
    for (std::int64_t i = 0; i < count; ++i) x[i] = spec::scaled(x[i], factor);
  }
  void softcap(float* x, float cap, std::int64_t count) override {
    for (std::int64_t i = 0; i < count; ++i) x[i] = spec::softcap(x[i], cap);
  }

  spec::LogNormaliser log_normalise(std::span<const float> z) override {
    return spec::log_normaliser(z.data(), std::ssize(z));
  }

 protected:
  void rotate_head(const RopeArgs& args, const float* cosine, const float* sine, float* x) const override {
    spec::rope(x, args.rotated, args.interleaved, cosine, sine);
  }

  bool store_token(const float* k, const float* v, const KvShape& shape, std::int64_t slot,
                   const KvHead& to) const override {
    std::vector<std::int16_t> q(static_cast<std::size_t>(shape.head_dim));
    spec::FixScale key = quantise_rotated(k, shape.head_dim, shape.limbs, shape.rotation(), q.data());
    for (std::int64_t j = 0; j < shape.head_dim; ++j) {
      put(to.keys, PanelPlace::of(slot, j, shape.key_columns(), shape.limbs), shape.limbs,
          q[static_cast<std::size_t>(j)]);
    }
    spec::FixScale value = quantise_rotated(v, shape.head_dim, shape.limbs, shape.rotation(), q.data());
    for (std::int64_t j = 0; j < shape.head_dim; ++j) {
      put(to.values, PanelPlace::of(j, slot, kPageTokens, shape.limbs), shape.limbs,
          q[static_cast<std::size_t>(j)]);
    }
    to.key_scale[slot] = key.scale;
    to.value_scale[slot] = value.scale;
    return key.finite && value.finite;
  }

  void exp_of_some(std::span<const float> v, float best, float temperature, float* e) const override {
    for (float x : v) *e++ = spec::exp(spec::relative_logit(x, best, temperature));
  }

 private:
  // body(i) for every i in [0, count): each worth waking a thread.
  template <class Body>
  void each(std::int64_t count, Body body) {
    each_row(count, kGrainElements, [&](std::int64_t i, int) { body(i); });
  }

  static void quantise_row(const float* x, const FixRows& out, std::int64_t row, Faults faults) {
    spec::FixScale s = quantise_rotated(x, out.k, out.form.limbs, out.rotation(), fix_row(out, row));
    out.scale[row] = s.scale;
    if (!s.finite) faults.set(row);
  }

  static std::vector<std::int16_t> weight_row(const PackedMatrix& w, std::int64_t n) {
    std::vector<std::int16_t> q(static_cast<std::size_t>(w.k));
    for (std::int64_t k = 0; k < w.k; ++k) {
      q[static_cast<std::size_t>(k)] = static_cast<std::int16_t>(weight_at(w, n, k));
    }
    return q;
  }

  // q_w: row n of w;  bias: (w.n) or nullptr
  static float output(const FixRows& x, std::int64_t row, const PackedMatrix& w, std::int64_t n,
                      const std::vector<std::int16_t>& q_w, const float* bias) {
    const std::int64_t sum =
        spec::integer_dot(fix_row(x, row), q_w.data(), x.k, three_products(x.form.limbs, w.kind));
    const float y = spec::scale_dot(sum, x.scale[row], w.scale[n]);
    return bias ? y + bias[n] : y;
  }

  static void linear_output(const FixRows& x, const LinearJob& job, std::int64_t n) {
    std::vector<std::int16_t> q_w = weight_row(*job.w, n);
    for (std::int64_t row = 0; row < x.rows; ++row)
      job.y[row * job.w->n + n] = output(x, row, *job.w, n, q_w, job.bias);
  }

  static void gather_tokens(const StepView& step, const SegmentView& segment, std::int64_t layer,
                            std::int64_t kv_head, const KvPages& cache, GatheredTokens& keys,
                            GatheredTokens& values) {
    const KvShape& shape = cache.shape;
    for (std::int64_t position = 0; position < segment.first_position + segment.rows; ++position) {
      std::int64_t slot = position % kPageTokens;
      auto head = cache.head(step.page_of(segment, position / kPageTokens), layer, kv_head);
      for (std::int64_t j = 0; j < shape.head_dim; ++j) {
        keys.q.push_back(
            get(head.keys, PanelPlace::of(slot, j, shape.key_columns(), shape.limbs), shape.limbs));
        values.q.push_back(get(head.values, PanelPlace::of(j, slot, kPageTokens, shape.limbs), shape.limbs));
      }
      keys.scale.push_back(head.key_scale[slot]);
      values.scale.push_back(head.value_scale[slot]);
    }
  }

  // Every row of a segment, for the query heads that read one KV head.
  static void attend(const AttentionArgs& args, const float* q, const StepView& step,
                     const SegmentView& segment, std::int64_t kv_head, const KvPages& cache, float* y,
                     Faults faults) {
    std::int64_t d = cache.shape.head_dim, group = args.heads / cache.shape.kv_heads;
    GatheredTokens keys, values;
    gather_tokens(step, segment, args.layer, kv_head, cache, keys, values);
    std::vector<std::int16_t> q_fix(static_cast<std::size_t>(d));
    for (std::int64_t r = 0; r < segment.rows; ++r) {
      std::int64_t row = segment.first_row + r;
      for (std::int64_t head = kv_head * group; head < (kv_head + 1) * group; ++head) {
        std::int64_t at = (row * args.heads + head) * d;
        spec::FixScale s_q = quantise_rotated(q + at, d, args.limbs, cache.shape.rotation(), q_fix.data());
        if (!s_q.finite) faults.set(row);
        spec::attention(q_fix.data(), s_q.scale, keys.view(cache.shape.limbs), values.view(cache.shape.limbs),
                        d, args.limbs, cache.shape.rotation(), segment.first_position + r, args.window,
                        y + at, args.scores, args.sinks ? std::optional(args.sinks[head]) : std::nullopt);
      }
    }
  }
};

}  // namespace

std::unique_ptr<Backend> make_reference_backend(int threads) {
  return std::make_unique<ReferenceBackend>(threads);
}

}  // namespace verbatim
