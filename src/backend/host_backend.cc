#include "backend/host_backend.h"

#include "backend/host_memory.h"
#include "base/check.h"
#include "base/row_scan.h"
#include "spec/rope.h"

namespace verbatim {

HostBackend::HostBackend(int threads)
    : pool_(threads), alone_([this](std::span<const float> v, float best, float temperature, float* e) {
        exp_of_logits(v, best, temperature, e);
      }) {
  for (int part = 0; part < threads; ++part)
    samplers_.emplace_back([this](std::span<const float> v, float best, float temperature, float* e) {
      exp_of_some(v, best, temperature, e);
    });
}

Memory& HostBackend::memory() { return host_memory(); }

void HostBackend::rope_table(const double* frequencies, std::int64_t pairs, double mscale,
                             const std::int32_t* positions, std::int64_t rows, float* cosine, float* sine) {
  constexpr std::int64_t kWorkOfPair = 32;  // a sine and a cosine beside an addition
  each_row(rows, pairs * kWorkOfPair, [&](std::int64_t row, int) {
    spec::rope_row({frequencies, static_cast<std::size_t>(pairs)}, mscale, positions[row],
                   cosine + row * pairs, sine + row * pairs);
  });
}

void HostBackend::rope(const RopeArgs& args, std::int64_t rows, float* x) {
  CHECK(args.rotated <= args.head_dim && args.rotated % 2 == 0, "{} elements of heads of {} cannot turn",
        args.rotated, args.head_dim);
  const std::int64_t width = args.heads * args.head_dim, half = args.rotated / 2;
  each_row(rows, width, [&](std::int64_t row, int) {
    for (std::int64_t head = 0; head < args.heads; ++head)
      rotate_head(args, args.cosine + row * half, args.sine + row * half,
                  x + row * width + head * args.head_dim);
  });
}

void HostBackend::store_kv(const float* k, const float* v, const StepView& step, std::int64_t layer,
                           const KvPages& cache, Faults faults) {
  const KvShape& shape = cache.shape;
  for (const SegmentView& segment : step.all_segments()) {
    each_row(segment.rows, shape.kv_heads * shape.head_dim, [&](std::int64_t r, int) {
      const std::int64_t row = segment.first_row + r, position = segment.first_position + r;
      const std::int32_t page = step.page_of(segment, position / kPageTokens);
      for (std::int64_t head = 0; head < shape.kv_heads; ++head) {
        const std::int64_t from = (row * shape.kv_heads + head) * shape.head_dim;
        if (!store_token(k + from, v + from, shape, position % kPageTokens, cache.head(page, layer, head)))
          faults.set(row);
      }
    });
  }
}

void HostBackend::unpack_kv(const KvPages& cache, std::int64_t page, std::int64_t layer, std::int64_t kv_head,
                            std::int16_t* keys, std::int16_t* values) {
  const KvShape& shape = cache.shape;
  const KvHead head = cache.head(page, layer, kv_head);
  const auto integer = [&](const std::int8_t* panels, std::int64_t row, std::int64_t column,
                           std::int64_t columns) {
    const std::int8_t* at = panels + row / kPanelRows * shape.limbs * plane_bytes(columns) +
                            panel_offset(row % kPanelRows, column);
    return static_cast<std::int16_t>(shape.limbs == 2 ? 128 * at[0] + at[plane_bytes(columns)] : at[0]);
  };
  for (std::int64_t token = 0; token < kPageTokens; ++token) {
    for (std::int64_t d = 0; d < shape.head_dim; ++d) {
      keys[token * shape.head_dim + d] = integer(head.keys, token, d, shape.key_columns());
      values[token * shape.head_dim + d] = integer(head.values, d, token, kPageTokens);
    }
  }
}

void HostBackend::gather(const float* x, const std::int32_t* index, std::int64_t rows, std::int64_t k,
                         float* y) {
  each_row(rows, k, [&](std::int64_t row, int) { std::copy_n(x + index[row] * k, k, y + row * k); });
}

void HostBackend::check_finite(const float* x, std::int64_t rows, std::int64_t k, Faults faults) {
  each_row(rows, k, [&](std::int64_t row, int) {
    if (!all_finite({x + row * k, static_cast<std::size_t>(k)})) faults.set(row);
  });
}

void HostBackend::draw(const float* z, std::int64_t vocab, std::span<const PlainDraw> draws,
                       std::int32_t* tokens) {
  const auto width = static_cast<std::size_t>(vocab);
  const auto one = [&](Sampler& sampler, std::int64_t i) {
    const PlainDraw& draw = draws[static_cast<std::size_t>(i)];
    const SamplingParams params{.temperature = draw.temperature,
                                .top_k = draw.top_k,
                                .top_p = draw.top_p,
                                .min_p = draw.min_p,
                                .logit_bias = {},
                                .seed = draw.seed};
    auto token = sampler.sample({z + draw.row * vocab, width}, params, {}, {draw.position, draw.choice});
    tokens[i] = token.ok() ? *token : -1;
  };
  if (draws.size() == 1) return one(alone_, 0);
  for (Sampler& sampler : samplers_) sampler.reserve(width);  // a task must not throw
  each_row(std::ssize(draws), vocab,
           [&](std::int64_t i, int part) { one(samplers_[static_cast<std::size_t>(part)], i); });
}

void HostBackend::exp_of_logits(std::span<const float> v, float best, float temperature, float* e) {
  pool_.for_range(std::ssize(v), kGrainElements, [&](std::int64_t begin, std::int64_t end, int) {
    exp_of_some(v.subspan(static_cast<std::size_t>(begin), static_cast<std::size_t>(end - begin)), best,
                temperature, e + begin);
  });
}

}  // namespace verbatim
