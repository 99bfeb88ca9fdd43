// Drawing (spec/sampling.h): a block of threads has one draw. Sums are integers and cuts are found by bisection of the ranking, so
// nothing is sorted and nothing depends on how many threads there are.
#include "backend/cuda/kernels.h"
#include "backend/cuda/launch.cuh"
#include "sample/ranking.h"
#include "spec/sampling.h"

namespace verbatim::cuda {
namespace {

constexpr int kThreads = 1024;

// Sum over the block; all threads get it.
__device__ std::uint64_t block_sum(std::uint64_t x) {
  __shared__ unsigned long long sum;
  __syncthreads();
  if (threadIdx.x == 0) sum = 0;
  __syncthreads();
  for (int step = 16; step > 0; step /= 2) x += __shfl_xor_sync(~0u, x, step);
  if (threadIdx.x % 32 == 0) atomicAdd(&sum, static_cast<unsigned long long>(x));
  __syncthreads();
  return sum;
}

__device__ std::uint64_t block_largest(std::uint64_t x) {
  __shared__ unsigned long long most;
  __syncthreads();
  if (threadIdx.x == 0) most = 0;
  __syncthreads();
  atomicMax(&most, static_cast<unsigned long long>(x));
  __syncthreads();
  return most;
}

struct Row {
  const float* z;
  std::int64_t vocab;
  float best, temperature;

  __device__ RankKey key(std::int64_t i) const { return rank_key(z[i], static_cast<std::int32_t>(i)); }
  __device__ float e(std::int64_t i) const {
    return spec::exp(spec::relative_logit(z[i], best, temperature));
  }

  // Sum of f over the tokens whose key is `cut` or more.
  template <class F>
  __device__ std::uint64_t sum_from(RankKey cut, F f) const {
    std::uint64_t sum = 0;
    for (std::int64_t i = threadIdx.x; i < vocab; i += kThreads)
      if (key(i) >= cut) sum += f(i);
    return block_sum(sum);
  }
  // The largest cut from which on there is `wanted` or more of f.   REQUIRES: there is as much from 0 on
  template <class F>
  __device__ RankKey cut_of(std::uint64_t wanted, F f) const {
    RankKey cut = 0;
    for (int bit = 63; bit >= 0; --bit) {
      const RankKey tried = cut | RankKey{1} << bit;
      if (sum_from(tried, f) >= wanted) cut = tried;
    }
    return cut;
  }
};

__global__ void draw_tokens(const float* logits, std::int64_t vocab, const PlainDraw* draws,
                            std::int32_t* tokens) {
  begin_kernel();
  const PlainDraw draw = draws[blockIdx.x];
  Row row{logits + draw.row * vocab, vocab, 0, draw.temperature};
  bool finite = true;
  RankKey first = 0;
  for (std::int64_t i = threadIdx.x; i < vocab; i += kThreads) {
    finite = finite && (__float_as_uint(row.z[i]) & 0x7f800000u) != 0x7f800000u;
    if (finite) first = max(first, row.key(i));
  }
  if (!__syncthreads_and(finite)) {
    if (threadIdx.x == 0) tokens[blockIdx.x] = -1;
    return;
  }
  const std::int32_t best = token_of(block_largest(first));
  if (draw.temperature == 0) {
    if (threadIdx.x == 0) tokens[blockIdx.x] = best;
    return;
  }
  row.best = row.z[best];

  const auto one = [](std::int64_t) -> std::uint64_t { return 1; };
  const auto weight = [&](std::int64_t i) -> std::uint64_t {  // F2
    const float e = row.e(i);
    return e < draw.min_p ? 0 : spec::weight_of(e);
  };
  RankKey cut = 0;
  if (draw.top_k > 0 && draw.top_k < vocab)
    cut = row.cut_of(static_cast<std::uint64_t>(draw.top_k), one);  // F1
  std::uint64_t left = row.sum_from(cut, weight);
  if (draw.top_p < 1) {  // F3; one token at least: the best weighs more than nothing
    const RankKey nucleus = row.cut_of(max(spec::nucleus_weight(left, draw.top_p), std::uint64_t{1}),
                                       [&](std::int64_t i) { return row.key(i) >= cut ? weight(i) : 0; });
    cut = max(cut, nucleus);
    left = row.sum_from(cut, weight);
  }

  // The first token at which the running sum exceeds x: each thread has a run of tokens.
  __shared__ std::uint64_t run[kThreads];
  const std::int64_t length = (vocab + kThreads - 1) / kThreads, begin = threadIdx.x * length;
  const auto drawn_weight = [&](std::int64_t i) { return row.key(i) >= cut ? weight(i) : 0; };
  std::uint64_t sum = 0;
  for (std::int64_t i = begin; i < min(begin + length, vocab); ++i) sum += drawn_weight(i);
  run[threadIdx.x] = sum;
  __syncthreads();
  if (threadIdx.x > 0) return;
  std::uint64_t x = spec::draw_below(left, draw.seed, {draw.position, draw.choice});
  std::int64_t i = 0;
  for (int thread = 0; run[thread] <= x; ++thread, i += length) x -= run[thread];
  for (;; ++i) {
    const std::uint64_t of_token = drawn_weight(i);
    if (of_token > x) break;
    x -= of_token;
  }
  tokens[blockIdx.x] = static_cast<std::int32_t>(i);
}

}  // namespace

void draw(const Stream& stream, const float* z, std::int64_t vocab, const PlainDraw* draws,
          std::int64_t count, std::int32_t* tokens) {
  launch(stream, draw_tokens, count, kThreads, 0, z, vocab, draws, tokens);
}

}  // namespace verbatim::cuda
