// attention on tensor cores, for heads of 64 and 128 dimensions: a warp has 16 rows, which are (position, query head) pairs of one
// KV head, so that all heads of a group read its keys and values once.
//
//   short segments   (at most 16 rows: decode) four warps share one block of 128 keys and leave its (m, l, o); another kernel
//                    joins the blocks of a row in their order
//   long segments    four warps, 64 rows, walk through the blocks together and keep the chain in registers; keys and values come
//                    through a ring of three stages
//
// A thread holds rows g and g + 8 of its warp, of 128 scores the places 8 j + 2 t + e: the tree of lanes64 is registers for places
// 64, 32, 16, 8 apart, lanes for 4 and 2, registers for 1.
#include "backend/cuda/attention.h"
#include "backend/cuda/block.cuh"
#include "backend/cuda/kv_layout.h"
#include "backend/cuda/launch.cuh"
#include "backend/cuda/mma.cuh"
#include "backend/cuda/step.cuh"
#include "spec/attention.h"

namespace verbatim::cuda {
namespace {

constexpr int kTokens = kPageTokens, kWarpRows = 16;

// kLimbsQ: of queries and weights; kRows: 1 where a warp has at most 8 rows, else 2
template <int kD_, int kLimbsQ_, int kLimbsKv_, int kRows_>
struct Form {
  static constexpr int kD = kD_, kLimbsQ = kLimbsQ_, kLimbsKv = kLimbsKv_, kRows = kRows_;
  static constexpr int kPlane = kTokens * kD, kTile = kLimbsKv * kPlane;  // bytes of keys, and of values
  static constexpr int kScales = 2 * kTokens * 4;
  static_assert(kD == 64 || kD == 128);
};

// ---- Products ----

// Sums of limbs; their join is exact in 32 bits: 128 * 127 * 127 * 128 < 2^31 (at most 128 columns).
struct Sums {
  int high[4] = {}, middle[4] = {};
};
template <class F>
__device__ float joined(const Sums& sums, int i) {
  if constexpr (F::kLimbsQ + F::kLimbsKv == 2) return static_cast<float>(sums.high[i]);
  const float two = static_cast<float>(sums.high[i] * 128 + sums.middle[i]);
  return F::kLimbsQ + F::kLimbsKv == 4 ? two * 128 : two;  // by a power of two: exact
}

// 16 rows of a x 8 rows of b, kColumns each.   row0: of b in its tile, which begins at shared address `tile`
template <class F, int kColumns>
__device__ Sums product(const std::uint32_t (&a)[F::kLimbsQ][kColumns / 32][4], std::uint32_t tile,
                        int row0) {
  Sums sums;
  const int lane = threadIdx.x % 32;
  const std::uint32_t first =
      tile + row0 * kColumns;  // row0 is a multiple of 8: chunks are exchanged as in row 0
#pragma unroll
  for (int half = 0; half < kColumns / 64; ++half) {
    const auto in_rows = static_cast<int>(KvLayout::chunked(lane % 8, (half * 4 + lane / 8) * 16, kColumns));
    std::uint32_t b[F::kLimbsKv][4];
#pragma unroll
    for (int limb = 0; limb < F::kLimbsKv; ++limb) load_matrices(b[limb], first + limb * F::kPlane + in_rows);
#pragma unroll
    for (int i = 0; i < 2; ++i) {
      const int step = half * 2 + i;
      multiply_add(sums.high, a[0][step], b[0][2 * i], b[0][2 * i + 1]);
      if constexpr (F::kLimbsKv == 2) multiply_add(sums.middle, a[0][step], b[1][2 * i], b[1][2 * i + 1]);
      if constexpr (F::kLimbsQ == 2) multiply_add(sums.middle, a[1][step], b[0][2 * i], b[0][2 * i + 1]);
    }
  }
  return sums;
}

// ---- One block of keys for the rows of a warp ----

// Of the four lanes that share a row.
__device__ inline float row_max(float x) {
  x = fmaxf(x, __shfl_xor_sync(~0u, x, 1));
  return fmaxf(x, __shfl_xor_sync(~0u, x, 2));
}
__device__ inline unsigned row_max(unsigned x) {
  x = max(x, __shfl_xor_sync(~0u, x, 1));
  return max(x, __shfl_xor_sync(~0u, x, 2));
}

// A row's chain (spec/attention.h), and what it sees of the block at hand.
template <class F>
struct Row {
  float scale = 0;  // s_q c
  float m = -INFINITY, l = 0;
  float o[F::kD / 4];       // dimensions 8 j + 2 t + e at 2 j + e
  int first = 0, seen = 0;  // places of the block
  __device__ Row() {
    for (float& x : o) x = -0.0f;  // the neutral element of merge
  }
  __device__ void begin_with(float sink) {
    m = sink, l = 1;
    for (float& x : o) x = 0;
  }
  __device__ bool sees(int place) const {
    return static_cast<unsigned>(place - first) < static_cast<unsigned>(seen);
  }
  // begin, position: the first and the last that it sees
  __device__ void look_at(std::int64_t block, std::int64_t begin, std::int64_t position) {
    first = static_cast<int>(max(std::int64_t{0}, begin - block * kTokens));
    seen = static_cast<int>(min(std::int64_t{kTokens}, position + 1 - block * kTokens)) - first;
    seen = max(seen, 0);
  }
};

// Scores -> weights u (R2 to R6), in place.   p: (32), places 8 j + 2 t + e at 2 j + e.   Gives l_B; m_B.
struct BlockSums {
  float m, l;
};
template <class F>
__device__ BlockSums weigh(const Row<F>& row, float (&p)[32], const float* value_scale) {
  const int pair = threadIdx.x % 4 * 2;
  float m = -INFINITY;
#pragma unroll
  for (int i = 0; i < 32; ++i) {
    if (!row.sees(i / 2 * 8 + pair + i % 2)) p[i] = -INFINITY;  // its exponential is +0
    m = fmaxf(m, p[i]);
  }
  m = row_max(m);
#pragma unroll
  for (float& x : p) x = spec::exp(x - m);
  float lane[2];
#pragma unroll
  for (int e = 0; e < 2; ++e) {
    float of[8];
#pragma unroll
    for (int j = 0; j < 8; ++j) of[j] = p[2 * j + e] + p[2 * (j + 8) + e];
#pragma unroll
    for (int j = 0; j < 4; ++j) of[j] = of[j] + of[j + 4];
    of[0] = of[0] + of[2], of[1] = of[1] + of[3];
    lane[e] = of[0] + of[1];
    lane[e] = lane[e] + __shfl_xor_sync(~0u, lane[e], 2);
    lane[e] = lane[e] + __shfl_xor_sync(~0u, lane[e], 1);
  }
#pragma unroll
  for (int j = 0; j < 16; ++j) {
    const float2 s = *reinterpret_cast<const float2*>(value_scale + 8 * j + pair);
    p[2 * j] = p[2 * j] * s.x;
    p[2 * j + 1] = p[2 * j + 1] * s.y;
  }
  return {m, lane[0] + lane[1]};
}

// u -> the operand of the next product: rows r of w[limb][K-step][...].   Gives s_w.
template <class F>
__device__ float quantise_weights(const float (&u)[32], int r, std::uint32_t (&w)[F::kLimbsQ][4][4]) {
  unsigned bits = 0;
#pragma unroll
  for (float x : u) bits = max(bits, __float_as_uint(x) & 0x7fffffffu);
  const spec::FixScale s = spec::fix_scale(__uint_as_float(row_max(bits)), F::kLimbsQ);
#pragma unroll
  for (int word = 0; word < 8; ++word) {
    std::uint32_t high = 0, low = 0;
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      const int q = integer_of(u[4 * word + i], s, F::kLimbsQ);
      high |= static_cast<std::uint32_t>((F::kLimbsQ == 2 ? spec::high_limb(q) : q) & 255) << 8 * i;
      low |= static_cast<std::uint32_t>(spec::low_limb(q) & 255) << 8 * i;
    }
    w[0][word / 2][word % 2 * 2 + r] = high;
    if constexpr (F::kLimbsQ == 2) w[1][word / 2][word % 2 * 2 + r] = low;
  }
  return s.scale;
}

template <class F>
using Queries = std::uint32_t[F::kLimbsQ][F::kD / 32][4];

// Scores of a block to weights; what then joins the rows' chains.   keys: shared address; scales: (2, 128), of keys and values
template <class F>
struct Weights {
  std::uint32_t w[F::kLimbsQ][4][4] = {};
  float s[F::kRows], keep[F::kRows], take[F::kRows];

  __device__ void find(const Queries<F>& q, std::uint32_t keys, const float* scales, float cap,
                       Row<F> (&row)[F::kRows]) {
    const int pair = threadIdx.x % 4 * 2;
    float p[F::kRows][32];
#pragma unroll
    for (int j = 0; j < 16; ++j) {
      const Sums sums = product<F, F::kD>(q, keys, 8 * j);
      const float2 s_k = *reinterpret_cast<const float2*>(scales + 8 * j + pair);
#pragma unroll
      for (int r = 0; r < F::kRows; ++r) {
        p[r][2 * j] = joined<F>(sums, 2 * r) * (row[r].scale * s_k.x);
        p[r][2 * j + 1] = joined<F>(sums, 2 * r + 1) * (row[r].scale * s_k.y);
      }
    }
    if (cap > 0) {
#pragma unroll
      for (auto& of_row : p)
#pragma unroll
        for (float& x : of_row) x = spec::softcap(x, cap);
    }
#pragma unroll
    for (int r = 0; r < F::kRows; ++r) {
      const BlockSums block = weigh(row[r], p[r], scales + kTokens);
      s[r] = quantise_weights<F>(p[r], r, w);
      if (row[r].seen == 0) continue;
      const float m = row[r].m < block.m ? block.m : row[r].m;
      keep[r] = spec::exp(row[r].m - m), take[r] = spec::exp(block.m - m);
      row[r].m = m;
      row[r].l = spec::fma(row[r].l, keep[r], block.l * take[r]);
    }
  }
  __device__ void join(std::uint32_t values, Row<F> (&row)[F::kRows]) const {
#pragma unroll
    for (int j = 0; j < F::kD / 8; ++j) {
      const Sums sums = product<F, kTokens>(w, values, 8 * j);
#pragma unroll
      for (int i = 0; i < 2 * F::kRows; ++i) {
        Row<F>& of = row[i / 2];
        float& o = of.o[2 * j + i % 2];
        const float o_block = joined<F>(sums, i) * s[i / 2];
        if (of.seen > 0) o = spec::fma(o, keep[i / 2], o_block * take[i / 2]);
      }
    }
  }
};

// ---- Queries ----

// One (row, query head): its integers, limb by limb, and its scale.
__global__ void quantise_queries(const float* q, int heads, int d, int limbs, int rotation, float factor,
                                 QueryRows out, Faults faults) {
  begin_kernel();
  const std::int64_t at = blockIdx.x;
  Quads<1> x;
  x.load(q + at * d, d);
  x.rotate(rotation);
  const spec::FixScale s = spec::fix_scale(__uint_as_float(x.largest_bits()), limbs);
  x.each([&](const float(&quad)[4], int i) {
    if (i >= d) return;
    const LimbWords words = limbs_of_quad(quad, s, limbs);
    auto* to = reinterpret_cast<std::uint32_t*>(out.q + at * limbs * d + i);
    to[0] = words.high;
    if (limbs == 2) to[d / 4] = words.low;
  });
  if (threadIdx.x > 0) return;
  out.scale[at] = s.scale * factor;
  if (!s.finite) set_fault(faults, at / heads);
}

// The 16 rows of a warp.   at(i): which (row, query head) its row i is, < 0: none
template <class F, class At>
__device__ void load_queries(const QueryRows& from, At at, Queries<F>& q, Row<F> (&row)[F::kRows]) {
  const int lane = threadIdx.x % 32, g = lane / 4, t = lane % 4;
#pragma unroll
  for (int r = 0; r < 2; ++r) {
    const std::int64_t of = r < F::kRows ? at(g + 8 * r) : -1;
#pragma unroll
    for (int limb = 0; limb < F::kLimbsQ; ++limb) {
#pragma unroll
      for (int i = 0; i < F::kD / 16; ++i)
        q[limb][i / 2][i % 2 * 2 + r] = of < 0
                                            ? 0
                                            : *reinterpret_cast<const std::uint32_t*>(
                                                  from.q + (of * F::kLimbsQ + limb) * F::kD + i * 16 + t * 4);
    }
    if (r < F::kRows && of >= 0) row[r].scale = from.scale[of];
  }
}

// ---- Where rows are ----

struct Setting {
  StepView step;
  KvPages cache;
  QueryRows queries;
  float* y;
  std::int64_t layer, heads, group, window;  // group: query heads of a KV head
  float cap;                                 // of scores, 0: none
  const float* sinks;                        // (heads) or nullptr

  __device__ bool is_short(const SegmentView& s) const { return s.rows * group <= kWarpRows; }
  // Of row i of the (position, head) pairs of a segment and KV head.
  __device__ std::int64_t query_of(const SegmentView& s, std::int64_t head, std::int64_t i) const {
    return (s.first_row + i / group) * heads + head * group + i % group;
  }
  __device__ const std::int8_t* head_of(std::int32_t page, std::int64_t head) const {
    return cache.head_at(page, layer, head);
  }
};

// ---- Short segments ----

constexpr int kBlockWarps = 4;

// What the warps of a block tell each other of their 16 rows.
template <class F>
struct Exchange {
  static constexpr int kStride = kTokens + 16;  // so that eight rows meet all banks

  float m[kBlockWarps][kWarpRows], lanes[kBlockWarps][kWarpRows][8];
  unsigned bits[kBlockWarps][kWarpRows];          // of the largest u
  std::int8_t w[F::kLimbsQ][kWarpRows][kStride];  // columns in the order of the values
};

// The share of one block: (slot)[2 + kD], m, l and o, slots being the rows of a warp. Of the scores a warp has places 8 j and on
// where j = warp + 4 i, of the results a quarter of the dimensions.
template <class F>
__global__ __launch_bounds__(kBlockWarps * 32) void attend_block(Setting a, float* shares, int slots) {
  begin_kernel();
  extern __shared__ __align__(128) std::uint8_t raw[];
  const std::int64_t entry = blockIdx.x / a.cache.shape.kv_heads, head = blockIdx.x % a.cache.shape.kv_heads;
  const SegmentView segment = segment_of_page(a.step, entry);
  const std::int64_t rows = segment.rows * a.group, block = entry - segment.first_page;
  const std::int64_t last = segment.first_position + segment.rows - 1;
  if (!a.is_short(segment) ||
      (block + 1) * kTokens <= spec::first_visible(segment.first_position, a.window) ||
      block * kTokens > last)
    return;

  const std::int8_t* from = a.head_of(a.step.pages[entry], head);
  const auto keys = static_cast<std::uint32_t>(__cvta_generic_to_shared(raw)), values = keys + F::kTile;
  const auto copy = [&](int begin, int bytes) {
    for (int i = begin + threadIdx.x * 16; i < begin + bytes; i += kBlockWarps * 32 * 16)
      copy_16(keys + i, from + i);
  };
  copy(0, F::kTile), copy(2 * F::kTile, F::kScales);
  end_copies();
  copy(F::kTile, F::kTile);
  end_copies();
  const auto* scales = reinterpret_cast<const float*>(raw + 2 * F::kTile);
  auto& exchange = *reinterpret_cast<Exchange<F>*>(raw + 2 * F::kTile + F::kScales);

  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32, g = lane / 4, t = lane % 4;
  Queries<F> q;
  Row<F> row[F::kRows];
  load_queries<F>(
      a.queries, [&](int i) { return i < rows ? a.query_of(segment, head, i) : -1; }, q, row);
#pragma unroll
  for (int r = 0; r < F::kRows; ++r) {
    const std::int64_t i = g + 8 * r, position = segment.first_position + i / a.group;
    if (i < rows) row[r].look_at(block, spec::first_visible(position, a.window), position);
  }

  float p[F::kRows][8];  // places 8 j + 2 t + e at 2 i + e
  const auto place = [&](int i) { return 8 * (warp + 4 * (i / 2)) + 2 * t + i % 2; };
  wait_copies<1>();
  __syncthreads();
#pragma unroll
  for (int i = 0; i < 4; ++i) {
    const Sums sums = product<F, F::kD>(q, keys, 8 * (warp + 4 * i));
    const float2 s_k = *reinterpret_cast<const float2*>(scales + place(2 * i));
#pragma unroll
    for (int r = 0; r < F::kRows; ++r) {
      p[r][2 * i] = joined<F>(sums, 2 * r) * (row[r].scale * s_k.x);
      p[r][2 * i + 1] = joined<F>(sums, 2 * r + 1) * (row[r].scale * s_k.y);
    }
  }
  if (a.cap > 0) {
#pragma unroll
    for (auto& of_row : p)
#pragma unroll
      for (float& x : of_row) x = spec::softcap(x, a.cap);
  }
#pragma unroll
  for (int r = 0; r < F::kRows; ++r) {
    float m = -INFINITY;
#pragma unroll
    for (int i = 0; i < 8; ++i)
      if (row[r].sees(place(i))) m = fmaxf(m, p[r][i]);
    m = row_max(m);
    if (t == 0) exchange.m[warp][g + 8 * r] = m;
  }
  __syncthreads();
#pragma unroll
  for (int r = 0; r < F::kRows; ++r) {
    float m = -INFINITY;
    for (const auto& of_warp : exchange.m) m = fmaxf(m, of_warp[g + 8 * r]);
    row[r].m = m;
    unsigned bits = 0;
#pragma unroll
    for (int i = 0; i < 8; ++i) p[r][i] = row[r].sees(place(i)) ? spec::exp(p[r][i] - m) : 0.0f;
#pragma unroll
    for (int e = 0; e < 2; ++e)  // places 64 apart, then 32
      exchange.lanes[warp][g + 8 * r][2 * t + e] = (p[r][e] + p[r][4 + e]) + (p[r][2 + e] + p[r][6 + e]);
#pragma unroll
    for (int i = 0; i < 8; ++i) {
      p[r][i] = row[r].sees(place(i)) ? p[r][i] * scales[kTokens + place(i)] : 0.0f;
      bits = max(bits, __float_as_uint(p[r][i]) & 0x7fffffffu);
    }
    bits = row_max(bits);
    if (t == 0) exchange.bits[warp][g + 8 * r] = bits;
  }
  __syncthreads();
  float s[F::kRows];
#pragma unroll
  for (int r = 0; r < F::kRows; ++r) {
    const int at = g + 8 * r;
    float of_lane[2];
#pragma unroll
    for (int e = 0; e < 2; ++e) {  // 16 apart, 8, 4, 2
      const auto of = [&](int of_warp) { return exchange.lanes[of_warp][at][2 * t + e]; };
      of_lane[e] = (of(0) + of(2)) + (of(1) + of(3));
      of_lane[e] = of_lane[e] + __shfl_xor_sync(~0u, of_lane[e], 2);
      of_lane[e] = of_lane[e] + __shfl_xor_sync(~0u, of_lane[e], 1);
    }
    row[r].l = of_lane[0] + of_lane[1];
    unsigned bits = 0;
    for (const auto& of_warp : exchange.bits) bits = max(bits, of_warp[at]);
    const spec::FixScale scale = spec::fix_scale(__uint_as_float(bits), F::kLimbsQ);
    s[r] = scale.scale;
#pragma unroll
    for (int i = 0; i < 8; ++i) {
      const int integer = integer_of(p[r][i], scale, F::kLimbsQ);
      const auto column = static_cast<int>(KvLayout::tile_column(place(i)));
      exchange.w[0][at][column] =
          static_cast<std::int8_t>(F::kLimbsQ == 2 ? spec::high_limb(integer) : integer);
      if constexpr (F::kLimbsQ == 2)
        exchange.w[1][at][column] = static_cast<std::int8_t>(spec::low_limb(integer));
    }
  }
  wait_copies<0>();
  __syncthreads();
  std::uint32_t w[F::kLimbsQ][4][4] = {};
#pragma unroll
  for (int limb = 0; limb < F::kLimbsQ; ++limb)
#pragma unroll
    for (int i = 0; i < 8; ++i)
#pragma unroll
      for (int r = 0; r < F::kRows; ++r)
        w[limb][i / 2][i % 2 * 2 + r] =
            *reinterpret_cast<const std::uint32_t*>(&exchange.w[limb][g + 8 * r][16 * i + 4 * t]);
  float* share = shares + std::int64_t{blockIdx.x} * slots * (F::kD + 2);
#pragma unroll
  for (int i = 0; i < F::kD / 8 / kBlockWarps; ++i) {
    const int j = warp * (F::kD / 8 / kBlockWarps) + i;
    const Sums sums = product<F, kTokens>(w, values, 8 * j);
#pragma unroll
    for (int r = 0; r < F::kRows; ++r) {
      if (g + 8 * r >= rows) continue;
      float* to = share + (g + 8 * r) * (F::kD + 2);
      if (i == 0 && warp == 0 && t == 0) to[0] = row[r].m, to[1] = row[r].l;
      *reinterpret_cast<float2*>(to + 2 + 8 * j + 2 * t) = {joined<F>(sums, 2 * r) * s[r],
                                                            joined<F>(sums, 2 * r + 1) * s[r]};
    }
  }
}

// The blocks of one (row, query head), in their order.
template <int kD>
__global__ __launch_bounds__(kD) void join_blocks(Setting a, const float* shares, int slots) {
  begin_kernel();
  __shared__ float o[kD];
  const std::int64_t row = blockIdx.x / a.heads, query_head = blockIdx.x % a.heads,
                     head = query_head / a.group;
  const SegmentView segment = segment_of_row(a.step, row);
  if (!a.is_short(segment)) return;
  const std::int64_t in_segment = row - segment.first_row, position = segment.first_position + in_segment;
  const std::int64_t slot = in_segment * a.group + query_head % a.group;
  float m = -INFINITY, l = 0, chain = -0.0f;  // the neutral element of merge
  if (a.sinks) m = a.sinks[query_head], l = 1, chain = 0;
  for (std::int64_t b = spec::first_visible(position, a.window) / kTokens; b <= position / kTokens; ++b) {
    const float* share =
        shares + (((segment.first_page + b) * a.cache.shape.kv_heads + head) * slots + slot) * (kD + 2);
    const float m_block = share[0], m_next = m < m_block ? m_block : m;
    const float keep = spec::exp(m - m_next), take = spec::exp(m_block - m_next);
    m = m_next;
    l = spec::fma(l, keep, share[1] * take);
    chain = spec::fma(chain, keep, share[2 + threadIdx.x] * take);
  }
  const std::int64_t rotation = a.cache.shape.rotation();
  o[threadIdx.x] = chain / (l * static_cast<float>(rotation));  // R8
  hadamard(o, kD, rotation);
  a.y[std::int64_t{blockIdx.x} * kD + threadIdx.x] = o[threadIdx.x];
}

// ---- Long segments ----

constexpr int kWarps = 4, kTileRows = kWarps * kWarpRows, kStages = 3;

// Where the tiles of segment s begin: each has as many numbers as it may need.
__device__ std::int64_t first_tile(const Setting& a, std::int64_t s) {
  return a.step.segment[s].first_row * a.group / kTileRows + s;
}

// Butterflies of spec/hadamard.h over a whole row of a warp.
template <class F>
__device__ void rotate_row(float (&o)[F::kD / 4]) {
  const int t = threadIdx.x % 4;
#pragma unroll
  for (int i = 0; i < F::kD / 4; i += 2) {
    const float x = o[i], y = o[i + 1];
    o[i] = x + y, o[i + 1] = x - y;
  }
#pragma unroll
  for (int bit = 1; bit <= 2; bit *= 2) {
#pragma unroll
    for (float& x : o) {
      const float other = __shfl_xor_sync(~0u, x, bit);
      x = t & bit ? other - x : x + other;
    }
  }
#pragma unroll
  for (int h = 1; h < F::kD / 8; h *= 2) {
#pragma unroll
    for (int i = 0; i < F::kD / 4; ++i) {
      if (i / 2 & h) continue;
      const float x = o[i], y = o[i + 2 * h];
      o[i] = x + y, o[i + 2 * h] = x - y;
    }
  }
}

template <class F>
__global__ __launch_bounds__(kWarps * 32, 2) void attend_chain(Setting a) {
  begin_kernel();
  extern __shared__ __align__(128) std::uint8_t raw[];
  constexpr int kStage = F::kTile + F::kScales;
  const std::int64_t kv_heads = a.cache.shape.kv_heads, head = blockIdx.x % kv_heads;
  const std::int64_t tile =
      gridDim.x / kv_heads - 1 - blockIdx.x / kv_heads;  // those that see most begin first
  const std::int64_t number = last_segment(a.step, tile, [&](std::int64_t s) { return first_tile(a, s); });
  const SegmentView segment = a.step.segment[number];
  const std::int64_t rows = segment.rows * a.group, row0 = (tile - first_tile(a, number)) * kTileRows;
  if (a.is_short(segment) || row0 >= rows) return;

  const auto position_of = [&](std::int64_t i) { return segment.first_position + i / a.group; };
  const std::int64_t last_row = min(row0 + kTileRows, rows) - 1;
  const std::int64_t first_block = spec::first_visible(position_of(row0), a.window) / kTokens;
  const std::int64_t blocks = position_of(last_row) / kTokens + 1 - first_block;

  // Keys and values in turn: stage i holds keys of block i / 2 where i is even.
  const auto shared = static_cast<std::uint32_t>(__cvta_generic_to_shared(raw));
  const auto load = [&](std::int64_t i) {
    if (i < 2 * blocks) {
      const std::int8_t* from = a.head_of(a.step.page_of(segment, first_block + i / 2), head);
      const std::uint32_t to = shared + static_cast<std::uint32_t>(i % kStages * kStage);
      const int begin = i % 2 * F::kTile;
      for (int at = threadIdx.x * 16; at < F::kTile; at += kWarps * 32 * 16)
        copy_16(to + at, from + begin + at);
      if (i % 2 == 0)
        for (int at = threadIdx.x * 16; at < F::kScales; at += kWarps * 32 * 16)
          copy_16(to + F::kTile + at, from + 2 * F::kTile + at);
    }
    end_copies();
  };
  load(0), load(1);

  const int lane = threadIdx.x % 32;
  const std::int64_t mine = row0 + threadIdx.x / 32 * kWarpRows;
  Queries<F> q;
  Row<F> row[F::kRows];
  load_queries<F>(
      a.queries, [&](int i) { return mine + i < rows ? a.query_of(segment, head, mine + i) : -1; }, q, row);

  if (a.sinks) {
#pragma unroll
    for (int r = 0; r < F::kRows; ++r)
      row[r].begin_with(a.sinks[head * a.group + (mine + lane / 4 + 8 * r) % a.group]);
  }

  for (std::int64_t b = 0; b < blocks; ++b) {
#pragma unroll
    for (int r = 0; r < F::kRows; ++r) {
      const std::int64_t i = mine + lane / 4 + 8 * r, position = position_of(i);
      row[r].seen = 0;
      if (i < rows) row[r].look_at(first_block + b, spec::first_visible(position, a.window), position);
    }
    const std::int64_t stage = 2 * b % kStages;
    wait_copies<1>();
    __syncthreads();
    load(2 * b + 2);
    Weights<F> weights;
    weights.find(q, shared + static_cast<std::uint32_t>(stage * kStage),
                 reinterpret_cast<const float*>(raw + stage * kStage + F::kTile), a.cap, row);
    wait_copies<1>();
    __syncthreads();
    load(2 * b + 3);
    weights.join(shared + static_cast<std::uint32_t>((2 * b + 1) % kStages * kStage), row);
  }

  const bool rotated = a.cache.shape.rotation() > 1;
#pragma unroll
  for (int r = 0; r < F::kRows; ++r) {
    const float divisor = row[r].l * static_cast<float>(a.cache.shape.rotation());  // R8
#pragma unroll
    for (float& x : row[r].o) x = x / divisor;
    if (rotated) rotate_row<F>(row[r].o);
    const std::int64_t i = mine + lane / 4 + 8 * r;
    if (i >= rows) continue;
    float* to = a.y + a.query_of(segment, head, i) * F::kD + lane % 4 * 2;
#pragma unroll
    for (int j = 0; j < F::kD / 8; ++j)
      *reinterpret_cast<float2*>(to + 8 * j) = {row[r].o[2 * j], row[r].o[2 * j + 1]};
  }
}

// ---- Starting ----

template <int kD, int kLimbsQ, int kLimbsKv>
void start(const Stream& stream, const Setting& a, int slots, float* shares) {
  const std::int64_t kv_heads = a.cache.shape.kv_heads;
  using Long = Form<kD, kLimbsQ, kLimbsKv, 2>;
  if (slots > 0) {
    const auto kernel = slots <= 8 ? attend_block<Form<kD, kLimbsQ, kLimbsKv, 1>> : attend_block<Long>;
    launch(stream, kernel, a.step.page_entries * kv_heads, kBlockWarps * 32,
           2 * Long::kTile + Long::kScales + sizeof(Exchange<Long>), a, shares, slots);
    launch(stream, join_blocks<kD>, a.step.rows * a.heads, kD, 0, a, shares, slots);
  }
  if (a.step.most_rows * a.group > kWarpRows) {
    const std::int64_t tiles = a.step.rows * a.group / kTileRows + a.step.segments;
    launch(stream, attend_chain<Long>, tiles * kv_heads, kWarps * 32, kStages * (Long::kTile + Long::kScales),
           a);
  }
}

template <int kD>
auto start_of(int limbs_q, int limbs_kv) {
  if (limbs_q == 2) return limbs_kv == 2 ? start<kD, 2, 2> : start<kD, 2, 1>;
  return limbs_kv == 2 ? start<kD, 1, 2> : start<kD, 1, 1>;
}

}  // namespace

AttentionScratch attention_scratch(const AttentionArgs& args, const StepView& step, const KvShape& shape) {
  const std::int64_t group = args.heads / shape.kv_heads;
  std::int64_t slots =
      std::min(step.most_rows, kWarpRows / group) * group;  // none where a group is too large
  if (step.fewest_rows * group > kWarpRows) slots = 0;
  return {slots, step.rows * args.heads * args.limbs * shape.head_dim, step.rows * args.heads,
          step.page_entries * shape.kv_heads * slots * (shape.head_dim + 2)};
}

void attention_tiles(const Stream& stream, const AttentionArgs& args, const float* q, const StepView& step,
                     const KvPages& cache, const QueryRows& queries, const AttentionScratch& scratch,
                     float* shares, float* y, Faults faults) {
  const KvShape& shape = cache.shape;
  const std::int64_t d = shape.head_dim;
  launch(stream, quantise_queries, step.rows * args.heads, threads_of(d), 0, q, static_cast<int>(args.heads),
         static_cast<int>(d), args.limbs, static_cast<int>(shape.rotation()),
         spec::attention_scale(d, shape.rotation(), args.scores.scale), queries, faults);
  const Setting setting{
      step,        cache,           queries,   y, args.layer, args.heads, args.heads / shape.kv_heads,
      args.window, args.scores.cap, args.sinks};
  (d == 64 ? start_of<64> : start_of<128>)(args.limbs, shape.limbs)(stream, setting,
                                                                    static_cast<int>(scratch.slots), shares);
}

}  // namespace verbatim::cuda
