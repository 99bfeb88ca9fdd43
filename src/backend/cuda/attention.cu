// store_kv and attention over integer pages, on any GPU.
//
// A block of 128 threads has one (token, KV head) to store, or one (token, query head) to attend: in a block of keys each thread
// has one position, and then each thread has dimensions of the values.
#include "backend/cuda/attention.h"
#include "backend/cuda/block.cuh"
#include "backend/cuda/kernels.h"
#include "backend/cuda/kv_layout.h"
#include "backend/cuda/launch.cuh"
#include "backend/cuda/step.cuh"
#include "spec/attention.h"

namespace verbatim::cuda {
namespace {

constexpr int kThreads = 128;
static_assert(kThreads == kPageTokens);

extern __shared__ __align__(16) float shared_floats[];

// KvPages::head
__device__ KvHead head_of(const KvPages& cache, std::int64_t page, std::int64_t layer, std::int64_t head) {
  std::int8_t* at = cache.head_at(page, layer, head);
  auto* scales = reinterpret_cast<float*>(at + cache.shape.key_bytes() + cache.shape.value_bytes());
  return {at, at + cache.shape.key_bytes(), scales, scales + kPageTokens};
}

// x (d) of one head -> its integers by put(i, q), its scale.   values: (d) in shared memory
template <class Put>
__device__ spec::FixScale quantise_head(const float* x, std::int64_t d, int limbs, std::int64_t rotation,
                                        float* values, Put put) {
  __syncthreads();
  for (std::int64_t i = threadIdx.x; i < d; i += blockDim.x) values[i] = x[i];
  hadamard(values, d, rotation);
  const spec::FixScale s = scale_of(values, d, limbs);
  for (std::int64_t i = threadIdx.x; i < d; i += blockDim.x) put(i, integer_of(values[i], s, limbs));
  return s;
}

// A block has the key or the value of one (token, KV head).
__global__ void store(const float* k, const float* v, StepView step, std::int64_t layer, KvPages cache,
                      KvLayout layout, int rotation, Faults faults) {
  begin_kernel();
  const KvShape& shape = cache.shape;
  const bool is_key = blockIdx.x % 2 == 0;
  const std::int64_t row = blockIdx.x / 2 / shape.kv_heads, head = blockIdx.x / 2 % shape.kv_heads;
  const int d = static_cast<int>(shape.head_dim), limbs = shape.limbs;
  const SegmentView segment = segment_of_row(step, row);
  const std::int64_t position = segment.first_position + row - segment.first_row;
  const int slot = static_cast<int>(position % kPageTokens);
  const KvHead to = head_of(cache, step.page_of(segment, position / kPageTokens), layer, head);
  Quads<1> x;  // of at most 4,096 dimensions
  x.load((is_key ? k : v) + (row * shape.kv_heads + head) * d, d);
  x.rotate(rotation, reinterpret_cast<float4*>(shared_floats));
  const spec::FixScale s = spec::fix_scale(__uint_as_float(x.largest_bits()), limbs);
  x.each([&](const float(&quad)[4], int i) {
    if (i >= d) return;
    const LimbWords words = limbs_of_quad(quad, s, limbs);
    if (is_key) {  // its columns are neighbours, past head_dim zeros
      auto* at = reinterpret_cast<std::uint32_t*>(to.keys + layout.key_at(slot, i));
      at[0] = words.high;
      if (limbs == 2) at[layout.key_plane() / 4] = words.low;
      return;
    }
    const auto column = static_cast<int>(layout.column_of(slot));
    for (int c = 0; c < 4 && i + c < d; ++c) {
      std::int8_t* at = to.values + layout.value_at(i + c, column);
      at[0] = static_cast<std::int8_t>(words.high >> 8 * c);
      if (limbs == 2) at[layout.value_plane()] = static_cast<std::int8_t>(words.low >> 8 * c);
    }
  });
  if (threadIdx.x > 0) return;
  (is_key ? to.key_scale : to.value_scale)[slot] = s.scale;
  if (!s.finite) set_fault(faults, row);
}

__global__ void unpack(KvPages cache, std::int64_t page, std::int64_t layer, std::int64_t kv_head,
                       std::int16_t* keys, std::int16_t* values) {
  begin_kernel();
  const std::int64_t at = element(), d = cache.shape.head_dim, token = at / d, i = at % d;
  if (token >= kPageTokens) return;
  const KvHead head = head_of(cache, page, layer, kv_head);
  const KvLayout layout(cache.shape);
  const auto integer = [&](const std::int8_t* of, std::int64_t plane) {
    return static_cast<std::int16_t>(cache.shape.limbs == 2 ? 128 * of[0] + of[plane] : of[0]);
  };
  keys[at] = integer(head.keys + layout.key_at(token, i), layout.key_plane());
  values[at] = integer(head.values + layout.value_at(i, layout.column_of(token)), layout.value_plane());
}

// An exact dot product of `n` integers, n a multiple of 4.   a: limbs `a_low` bytes apart; quad_of_b(i): address of columns i to
// i + 3 of b, whose limbs are b_low bytes apart
template <class QuadOfB>
__device__ std::int64_t dot(const std::int8_t* a, int limbs_a, std::int64_t a_low, QuadOfB quad_of_b,
                            int limbs_b, std::int64_t b_low, std::int64_t n) {
  int high = 0, middle = 0;
  for (std::int64_t i = 0; i < n; i += kQuad) {
    const std::int8_t* of_b = quad_of_b(i);
    const int a_high = *reinterpret_cast<const int*>(a + i), b_high = *reinterpret_cast<const int*>(of_b);
    high = __dp4a(a_high, b_high, high);
    if (limbs_b == 2) middle = __dp4a(a_high, *reinterpret_cast<const int*>(of_b + b_low), middle);
    if (limbs_a == 2) middle = __dp4a(*reinterpret_cast<const int*>(a + a_low + i), b_high, middle);
  }
  if (limbs_a + limbs_b == 4)
    return std::int64_t{high} * 16384 + std::int64_t{middle} * 128;  // three products
  return limbs_a + limbs_b == 3 ? std::int64_t{high} * 128 + middle : high;
}

// The query's integers: planes of key_columns, and the block's weights: planes of 128.
struct Shared {
  float* values;       // (max of d, 128)
  float* o;            // (d)
  std::int8_t *q, *w;  // (2, key_columns), (2, 128)
  __device__ Shared(const KvShape& shape)
      : values(shared_floats),
        o(values + max(shape.head_dim, kPageTokens)),
        q(reinterpret_cast<std::int8_t*>(o + shape.head_dim)),
        w(q + 2 * shape.key_columns()) {}
  static std::size_t bytes(const KvShape& shape) {
    return static_cast<std::size_t>((std::max(shape.head_dim, kPageTokens) + shape.head_dim) *
                                        static_cast<std::int64_t>(sizeof(float)) +
                                    2 * shape.key_columns() + 2 * kPageTokens);
  }
};

// The largest of the threads' values, as std::max finds it: a NaN is passed over.
__device__ float largest(float x) {
  __shared__ float of_warp[kThreads / 32];
  for (int step = 16; step > 0; step /= 2) x = fmaxf(x, __shfl_xor_sync(~0u, x, step));
  __syncthreads();
  if (threadIdx.x % 32 == 0) of_warp[threadIdx.x / 32] = x;
  __syncthreads();
  for (int warp = 0; warp < kThreads / 32; ++warp) x = fmaxf(x, of_warp[warp]);
  return x;
}

__global__ void attend(AttentionArgs args, float scale, const float* q, StepView step, KvPages cache,
                       float* y, Faults faults) {
  begin_kernel();
  const KvShape& shape = cache.shape;
  const Shared shared(shape);
  const KvLayout layout(shape);
  const std::int64_t row = blockIdx.x / args.heads, head = blockIdx.x % args.heads, d = shape.head_dim;
  const SegmentView segment = segment_of_row(step, row);
  const std::int64_t position = segment.first_position + row - segment.first_row;
  const std::int64_t begin = spec::first_visible(position, args.window), columns = shape.key_columns();
  const std::int64_t at = (row * args.heads + head) * d;
  const auto put = [&](std::int8_t* planes, std::int64_t low, std::int64_t i, int integer) {
    planes[i] = static_cast<std::int8_t>(args.limbs == 2 ? spec::high_limb(integer) : integer);
    if (args.limbs == 2) planes[low + i] = static_cast<std::int8_t>(spec::low_limb(integer));
  };

  for (std::int64_t i = threadIdx.x; i < 2 * columns; i += kThreads) shared.q[i] = 0;
  const spec::FixScale s_q =
      quantise_head(q + at, d, args.limbs, shape.rotation(), shared.values,
                    [&](std::int64_t i, int integer) { put(shared.q, columns, i, integer); });
  if (!s_q.finite && threadIdx.x == 0) set_fault(faults, row);
  const float row_scale = s_q.scale * scale;

  // (-infinity, +0, -0) is the neutral element of merge; a sink is (sink, 1, +0).
  float m = args.sinks ? args.sinks[head] : -INFINITY, l = args.sinks ? 1 : 0;
  for (std::int64_t i = threadIdx.x; i < d; i += kThreads) shared.o[i] = args.sinks ? 0.0f : -0.0f;
  for (std::int64_t block = begin / kPageTokens; block * kPageTokens <= position; ++block) {
    const std::int64_t t = threadIdx.x, place = block * kPageTokens + t;
    const bool visible = place >= begin && place <= position;
    const KvHead kv =
        head_of(cache, step.page_of(segment, block), args.layer, head / (args.heads / shape.kv_heads));
    __syncthreads();
    float a = -INFINITY;  // R2
    if (visible)
      a = spec::scale_dot(
          dot(
              shared.q, args.limbs, columns, [&](std::int64_t i) { return kv.keys + layout.key_at(t, i); },
              shape.limbs, layout.key_plane(), columns),
          row_scale, kv.key_scale[t]);
    if (visible && args.scores.cap > 0) a = spec::softcap(a, args.scores.cap);
    const float m_block = largest(a);                         // R3
    const float p = visible ? spec::exp(a - m_block) : 0.0f;  // R4
    shared.values[t] = p;
    const float l_block =
        lanes64(shared.values, kPageTokens, [](float lane, float x) { return lane + x; });  // R5
    __syncthreads();
    shared.values[t] = visible ? p * kv.value_scale[t] : 0.0f;  // R6
    const spec::FixScale s_w = scale_of(shared.values, kPageTokens, args.limbs);
    put(shared.w, kPageTokens, layout.column_of(t),
        visible ? integer_of(shared.values[t], s_w, args.limbs) : 0);
    __syncthreads();

    const float m_next = m < m_block ? m_block : m;
    const float keep = spec::exp(m - m_next), take = spec::exp(m_block - m_next);
    m = m_next;
    l = spec::fma(l, keep, l_block * take);
    for (std::int64_t j = threadIdx.x; j < d; j += kThreads) {
      const std::int64_t sum = dot(
          shared.w, args.limbs, kPageTokens,
          [&](std::int64_t i) { return kv.values + layout.value_at(j, i); }, shape.limbs,
          layout.value_plane(), kPageTokens);
      const float o = static_cast<float>(sum) * s_w.scale;  // R7
      shared.o[j] = spec::fma(shared.o[j], keep, o * take);
    }
  }
  const float divisor = l * static_cast<float>(shape.rotation());  // R8
  for (std::int64_t j = threadIdx.x; j < d; j += kThreads) shared.o[j] = shared.o[j] / divisor;
  hadamard(shared.o, d, shape.rotation());
  for (std::int64_t j = threadIdx.x; j < d; j += kThreads) y[at + j] = shared.o[j];
}

}  // namespace

void store_kv(const Stream& stream, const float* k, const float* v, const StepView& step, std::int64_t layer,
              const KvPages& cache, Faults faults) {
  const KvShape& shape = cache.shape;
  const int threads = threads_of(shape.head_dim);
  const std::size_t exchange = shape.rotation() > 128 ? threads * sizeof(float4) : 0;
  launch(stream, store, step.rows * shape.kv_heads * 2, threads, exchange, k, v, step, layer, cache,
         KvLayout(shape), static_cast<int>(shape.rotation()), faults);
}

void unpack_kv(const Stream& stream, const KvPages& cache, std::int64_t page, std::int64_t layer,
               std::int64_t kv_head, std::int16_t* keys, std::int16_t* values) {
  launch_elements(stream, unpack, kPageTokens * cache.shape.head_dim, cache, page, layer, kv_head, keys,
                  values);
}

void attention_portable(const Stream& stream, const AttentionArgs& args, const float* q, const StepView& step,
                        const KvPages& cache, float* y, Faults faults) {
  const float scale = spec::attention_scale(cache.shape.head_dim, cache.shape.rotation(), args.scores.scale);
  launch(stream, attend, step.rows * args.heads, kThreads, Shared::bytes(cache.shape), args, scale, q, step,
         cache, y, faults);
}

}  // namespace verbatim::cuda
