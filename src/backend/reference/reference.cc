#include "backend/reference/reference.h"

#include <algorithm>
#include <vector>

#include "base/check.h"
#include "parallel/thread_pool.h"
#include "spec/attention.h"
#include "spec/embed.h"
#include "spec/fix.h"
#include "spec/hadamard.h"
#include "spec/linear.h"
#include "spec/log_softmax.h"
#include "spec/rms_norm.h"
#include "spec/rope.h"
#include "spec/sampling.h"
#include "spec/swiglu.h"

namespace verbatim {
namespace {

// The integers of a FixRows in this backend's form: (rows, k) int16.
std::int16_t* fix_row(FixRows& x, std::int64_t row) {
  return reinterpret_cast<std::int16_t*>(x.q.data()) + row * x.k;
}
const std::int16_t* fix_row(const FixRows& x, std::int64_t row) {
  return reinterpret_cast<const std::int16_t*>(x.q.data()) + row * x.k;
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

class ReferenceBackend final : public Backend {
 public:
  explicit ReferenceBackend(int threads) : pool_(threads) {}

  std::string_view name() const override { return "reference"; }
  int threads() const override { return pool_.size(); }

  FixRows make_rows(std::int64_t rows, std::int64_t k) const override {
    FixRows made;
    made.q = AlignedBuffer<std::byte>(static_cast<std::size_t>(rows * k) * sizeof(std::int16_t));
    made.scale = AlignedBuffer<float>(static_cast<std::size_t>(rows));
    return made;
  }

  void embed(const PackedMatrix& table, std::span<const std::int32_t> tokens, float* y) override {
    each_row(static_cast<std::int64_t>(tokens.size()), [&](std::int64_t row) {
      std::int64_t token = tokens[static_cast<std::size_t>(row)];
      spec::embed(weight_row(table, token).data(), table.scale[token], table.k, table.rotation(),
                  y + row * table.k);
    });
  }

  void quantise(const float* x, std::int64_t rows, std::int64_t k, FixForm form, FixRows& out,
                Faults faults) override {
    begin_rows(out, rows, k, form);
    each_row(rows, [&](std::int64_t row) { quantise_row(x + row * k, out, row, faults); });
  }

  void read_row(const FixRows& x, std::int64_t row, std::int16_t* q) const override {
    std::copy_n(fix_row(x, row), x.k, q);
  }

  void rms_norm_quantise(const float* x, const float* gain, float epsilon, std::int64_t rows, std::int64_t k,
                         FixForm form, FixRows& out, Faults faults) override {
    begin_rows(out, rows, k, form);
    each_row(rows, [&](std::int64_t row) {
      std::vector<float> y(static_cast<std::size_t>(k));
      spec::rms_norm(x + row * k, gain, epsilon, k, y.data());
      quantise_row(y.data(), out, row, faults);
    });
  }

  void rms_norm(float* x, const float* gain, float epsilon, std::int64_t rows, std::int64_t k) override {
    each_row(rows, [&](std::int64_t row) { spec::rms_norm(x + row * k, gain, epsilon, k, x + row * k); });
  }

  void linear(const FixRows& x, std::span<const LinearJob> jobs) override {
    for (const LinearJob& job : jobs) {
      CHECK(job.w->k == x.k, "a matrix of {} columns meets rows of {}", job.w->k, x.k);
      CHECK(is_rotated(job.w->kind) == x.form.rotated, "a matrix of {} meets rows that are {}rotated",
            name_of(job.w->kind), x.form.rotated ? "" : "not ");
      each_row(job.w->n, [&](std::int64_t n) { linear_output(x, job, n); });
    }
  }

  void rope(const RopeArgs& args, std::span<const std::int32_t> positions, float* x) override {
    std::int64_t half = args.head_dim / 2;
    each_row(static_cast<std::int64_t>(positions.size()), [&](std::int64_t row) {
      const float* cosine = args.cosine + positions[static_cast<std::size_t>(row)] * half;
      const float* sine = args.sine + positions[static_cast<std::size_t>(row)] * half;
      for (std::int64_t head = 0; head < args.heads; ++head) {
        float* at = x + (row * args.heads + head) * args.head_dim;
        for (std::int64_t i = 0; i < half; ++i) {
          std::int64_t first = args.interleaved ? 2 * i : i, second = args.interleaved ? 2 * i + 1 : i + half;
          spec::rotate(at[first], at[second], cosine[i], sine[i]);
        }
      }
    });
  }

  void store_kv(const float* k, const float* v, const StepBatch& batch, std::int64_t layer, KvPages& cache,
                Faults faults) override {
    for (const Segment& segment : batch.segments) {
      each_row(segment.rows, [&](std::int64_t r) {
        std::int64_t row = segment.first_row + r, position = segment.first_position + r;
        std::int64_t page = segment.pages[static_cast<std::size_t>(position / kPageTokens)];
        for (std::int64_t head = 0; head < cache.shape().kv_heads; ++head) {
          std::int64_t from = (row * cache.shape().kv_heads + head) * cache.shape().head_dim;
          store_token(k + from, v + from, cache.shape(), position % kPageTokens,
                      cache.head(page, layer, head), row, faults);
        }
      });
    }
  }

  void attention(const AttentionArgs& args, const float* q, const StepBatch& batch, const KvPages& cache,
                 float* y, Faults faults) override {
    CHECK(args.heads % cache.shape().kv_heads == 0, "{} query heads over {} KV heads", args.heads,
          cache.shape().kv_heads);
    for (const Segment& segment : batch.segments) {
      each_row(cache.shape().kv_heads,
               [&](std::int64_t kv_head) { attend(args, q, segment, kv_head, cache, y, faults); });
    }
  }

  void swiglu_quantise(const float* gate, const float* up, std::int64_t rows, std::int64_t k, FixForm form,
                       FixRows& out, Faults faults) override {
    begin_rows(out, rows, k, form);
    each_row(rows, [&](std::int64_t row) {
      std::vector<float> y(static_cast<std::size_t>(k));
      for (std::int64_t i = 0; i < k; ++i) {
        y[static_cast<std::size_t>(i)] = spec::swiglu(gate[row * k + i], up[row * k + i]);
      }
      quantise_row(y.data(), out, row, faults);
    });
  }

  void add(float* x, const float* y, std::int64_t count) override {
    for (std::int64_t i = 0; i < count; ++i) x[i] = x[i] + y[i];
  }

  void log_normalise(const float* z, std::int64_t rows, std::int64_t vocab, Normaliser* out) override {
    each_row(rows, [&](std::int64_t row) {
      spec::LogNormaliser normaliser = spec::log_normaliser(z + row * vocab, vocab);
      out[row] = {normaliser.max, normaliser.log_sum};
    });
  }

  void exp_of_logits(const float* v, float best, float temperature, std::int64_t count, float* e) override {
    for (std::int64_t i = 0; i < count; ++i) e[i] = spec::exp(spec::relative_logit(v[i], best, temperature));
  }

 private:
  // body(row) for every row in [0, rows).
  template <class Body>
  void each_row(std::int64_t rows, Body body) {
    pool_.for_range(rows, 1, [&](std::int64_t begin, std::int64_t end, int) {
      for (std::int64_t row = begin; row < end; ++row) body(row);
    });
  }

  static void begin_rows(FixRows& out, std::int64_t rows, std::int64_t k, FixForm form) {
    CHECK(static_cast<std::size_t>(rows) <= out.scale.size() &&
              static_cast<std::size_t>(rows * k) * sizeof(std::int16_t) <= out.q.size(),
          "{} rows of {} do not fit the storage that make_rows gave", rows, k);
    out.rows = rows, out.k = k, out.form = form;
  }

  static void quantise_row(const float* x, FixRows& out, std::int64_t row, Faults faults) {
    spec::FixScale s = quantise_rotated(x, out.k, out.form.limbs, out.rotation(), fix_row(out, row));
    out.scale[static_cast<std::size_t>(row)] = s.scale;
    if (!s.finite) faults.set(row);
  }

  static std::vector<std::int16_t> weight_row(const PackedMatrix& w, std::int64_t n) {
    std::vector<std::int16_t> q(static_cast<std::size_t>(w.k));
    for (std::int64_t k = 0; k < w.k; ++k) {
      q[static_cast<std::size_t>(k)] = static_cast<std::int16_t>(weight_at(w, n, k));
    }
    return q;
  }

  static void linear_output(const FixRows& x, const LinearJob& job, std::int64_t n) {
    std::vector<std::int16_t> q_w = weight_row(*job.w, n);
    for (std::int64_t row = 0; row < x.rows; ++row) {
      float y = spec::scale_dot(
          spec::integer_dot(fix_row(x, row), q_w.data(), x.k, three_products(x.form.limbs, job.w->kind)),
          x.scale[static_cast<std::size_t>(row)], job.w->scale[n]);
      job.y[row * job.w->n + n] = job.bias ? y + job.bias[n] : y;
    }
  }

  // k, v: (head_dim) of one token and KV head; slot: its place in the page.
  static void store_token(const float* k, const float* v, const KvShape& shape, std::int64_t slot,
                          KvHead<std::int8_t, float> to, std::int64_t row, Faults faults) {
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
    if (!key.finite || !value.finite) faults.set(row);
  }

  static void gather(const Segment& segment, std::int64_t layer, std::int64_t kv_head, const KvPages& cache,
                     GatheredTokens& keys, GatheredTokens& values) {
    const KvShape& shape = cache.shape();
    for (std::int64_t position = 0; position < segment.first_position + segment.rows; ++position) {
      std::int64_t slot = position % kPageTokens;
      auto head = cache.head(segment.pages[static_cast<std::size_t>(position / kPageTokens)], layer, kv_head);
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
  static void attend(const AttentionArgs& args, const float* q, const Segment& segment, std::int64_t kv_head,
                     const KvPages& cache, float* y, Faults faults) {
    std::int64_t d = cache.shape().head_dim, group = args.heads / cache.shape().kv_heads;
    GatheredTokens keys, values;
    gather(segment, args.layer, kv_head, cache, keys, values);
    std::vector<std::int16_t> q_fix(static_cast<std::size_t>(d));
    for (std::int64_t r = 0; r < segment.rows; ++r) {
      std::int64_t row = segment.first_row + r;
      for (std::int64_t head = kv_head * group; head < (kv_head + 1) * group; ++head) {
        std::int64_t at = (row * args.heads + head) * d;
        spec::FixScale s_q = quantise_rotated(q + at, d, args.limbs, cache.shape().rotation(), q_fix.data());
        if (!s_q.finite) faults.set(row);
        spec::attention(q_fix.data(), s_q.scale, keys.view(cache.shape().limbs),
                        values.view(cache.shape().limbs), d, args.limbs, cache.shape().rotation(),
                        segment.first_position + r, args.window, y + at);
      }
    }
  }

  ThreadPool pool_;
};

}  // namespace

std::unique_ptr<Backend> make_reference_backend(int threads) {
  return std::make_unique<ReferenceBackend>(threads);
}

}  // namespace verbatim
