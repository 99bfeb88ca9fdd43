// linear of limbs on Hopper's tensor cores: int8 wgmma, 64 outputs x the rows of a tile.
//
//   block      kPanels warpgroups that multiply, each 64 outputs, and a warp that copies
//   tile       kPanels * 64 outputs of one matrix x kTokens tokens. High and low limbs of a tile are neighbouring rows (layout.h),
//              so one panel of weights serves both, and a thread ends with all sums of its results
//   pipeline   kStages stages of 128 columns, each one copy of rows and one of every panel
//   grid       persistent. Tiles in groups of token tiles, so that those that run together share weights and rows in L2. Where
//              tiles do not fill the processors, the last of them are cut along K: whoever ends last adds up the sums that the
//              others have left (integers: any order)
//   dependent  weights do not depend on the kernel before: they are requested before it has ended
//
// Sums (spec/linear.h), exact in 32 bits for up to 2^16 columns:
//   sum[0] = high high, sum[1] = high low + low high;   low low is left out where both sides have two limbs
#include "backend/cuda/hopper/instructions.cuh"
#include "backend/cuda/hopper/wgmma.cuh"
#include "backend/cuda/launch.cuh"
#include "backend/cuda/linear.h"
#include "spec/linear.h"

namespace verbatim::cuda::hopper {
namespace {

constexpr std::int64_t kMostColumns = 1 << 16;
constexpr int kGroupTokens = 2048;

// kResident: blocks of a processor
template <int kLimbsX_, int kLimbsW_, int kTokens_, int kPanels_, int kResident_>
struct Shape {
  static constexpr int kLimbsX = kLimbsX_, kLimbsW = kLimbsW_, kTokens = kTokens_, kPanels = kPanels_,
                       kResident = kResident_;
  static constexpr int kSums = kLimbsX + kLimbsW - 1, kRegisters = kTokens / 2;  // of one sum
  static constexpr int kBytesX = kLimbsX * kTokens * kBlock, kBytesPanel = kLimbsW * kPanelBlockBytes;
  static constexpr int kBytesStage = kPanels * kBytesPanel + kBytesX;
  static constexpr int kStages = (224 / kResident * 1024 - 2048) / (kBytesStage + 16);
  static constexpr int kBytes = kStages * (kBytesStage + 16) + 1024;  // its stages are aligned
  static constexpr int kMultipliers = kPanels * 128, kThreads = kMultipliers + 32;
  static_assert(kStages >= 2);
};

// A block's work: tiles, and parts of tiles.
struct Plan {
  Outputs job[kMostJobs];
  int first_unit[kMostJobs];  // of each job, where a unit is kPanels panels
  int jobs, units, token_tiles, group, blocks, tokens;
  std::int64_t rows;  // of x, all limbs
  const std::byte* x;
  const float* scale;
  int whole, parts;  // tiles that are not cut, which come first; parts of the others
  PartialSums partial;

  __host__ __device__ int tiles() const { return units * token_tiles; }
  __host__ __device__ int items() const { return whole + (tiles() - whole) * parts; }
  struct Item {
    int unit, token_tile, first_block, last_block;  // blocks of 128 columns: [first, last)
    int cut;                                        // which of the tiles that are cut, < 0: none
    int part;
  };
  __device__ Item item(int number) const {
    Item item{0, 0, 0, blocks, -1, 0};
    int tile = number;
    if (number >= whole && parts > 1) {
      item.cut = (number - whole) / parts, item.part = (number - whole) % parts;
      tile = whole + item.cut;
      item.first_block = item.part * blocks / parts, item.last_block = (item.part + 1) * blocks / parts;
    }
    const int of_group = units * group, first = tile / of_group * group;
    const int width = min(group, token_tiles - first), rest = tile % of_group;
    item.unit = rest / width, item.token_tile = first + rest % width;
    return item;
  }
  __device__ int job_of(int unit) const {
    int of = 0;
    while (of + 1 < jobs && first_unit[of + 1] <= unit) ++of;
    return of;
  }
};

// ---- What copies: thread 0 of the last warp ----

template <class S>
struct Loader {
  const Plan& plan;
  std::uint32_t stages, full;

  __device__ void weights(int unit, int block, int stage) const {
    const int job = plan.job_of(unit), first = (unit - plan.first_unit[job]) * S::kPanels;
    const Outputs& of = plan.job[job];
    const int panels = min(S::kPanels, static_cast<int>((of.n + kPanel - 1) / kPanel) - first);
    expect_bytes(full + 8 * stage, panels * S::kBytesPanel + S::kBytesX);
    for (int p = 0; p < panels; ++p) {
      const std::byte* from =
          of.w + (static_cast<std::int64_t>(first + p) * plan.blocks + block) * S::kBytesPanel;
      const std::uint32_t to = stages + stage * S::kBytesStage + p * S::kBytesPanel;
      if constexpr (S::kTokens < 128)
        load_once(to, from, S::kBytesPanel, full + 8 * stage);
      else
        load(to, from, S::kBytesPanel, full + 8 * stage);
    }
  }
  __device__ void rows(int token_tile, int block, int stage) const {
    const std::byte* from =
        plan.x +
        (block * plan.rows + static_cast<std::int64_t>(token_tile) * S::kTokens * S::kLimbsX) * kBlock;
    load(stages + stage * S::kBytesStage + S::kPanels * S::kBytesPanel, from, S::kBytesX, full + 8 * stage);
  }
};

// ---- What multiplies ----

// 128 columns of one panel and tile.  w, x: descriptors of the high limbs; keep: whether sums begin before
template <class S>
__device__ void multiply_block(int (&sum)[S::kSums * S::kRegisters], std::uint64_t w, std::uint64_t x,
                               bool keep) {
  constexpr std::uint64_t kLowW = kPanelBlockBytes >> 4, kLowX = (S::kTokens * kBlock) >> 4;
  using One = int[S::kRegisters];
  auto& high = reinterpret_cast<One&>(sum[0]);
#pragma unroll
  for (int i = 0; i < kBlock / 32; ++i) {
    const std::uint64_t w_i = w + i * kNext32Columns, x_i = x + i * kNext32Columns;
    const int add = keep || i > 0;
    if constexpr (S::kLimbsX == 2 && S::kLimbsW == 1) {  // both rows of a token at once
      Wgmma<2 * S::kTokens>::multiply(sum, w_i, x_i, add);
    } else {
      Wgmma<S::kTokens>::multiply(high, w_i, x_i, add);
      if constexpr (S::kLimbsW == 2) {
        auto& middle = reinterpret_cast<One&>(sum[S::kRegisters]);
        Wgmma<S::kTokens>::multiply(middle, w_i + kLowW, x_i, add);
        if constexpr (S::kLimbsX == 2) Wgmma<S::kTokens>::multiply(middle, w_i, x_i + kLowX, 1);
      }
    }
  }
}

// The sum of one result.   at: its register
template <class S>
__device__ std::int64_t joined(const int (&sum)[S::kSums * S::kRegisters], int at) {
  if constexpr (S::kSums == 1) return sum[at];
  const std::int64_t two = std::int64_t{sum[at]} * 128 + sum[S::kRegisters + at];
  return S::kSums == 2 ? two : two * 128;
}

template <class S>
__device__ void store(const Plan& plan, const int (&sum)[S::kSums * S::kRegisters], const Outputs& of, int n,
                      int token0) {
  const int pair = threadIdx.x % 4 * 2;
  if (n >= of.n) return;
  const bool both = n + 1 < of.n, aligned = of.n % 2 == 0;
  const float scale[2] = {of.scale[n], both ? of.scale[n + 1] : 0};
  const float bias[2] = {of.bias ? of.bias[n] : 0, of.bias && both ? of.bias[n + 1] : 0};
#pragma unroll
  for (int j = 0; j < S::kTokens / 8; ++j) {
#pragma unroll
    for (int i = 0; i < 2; ++i) {
      const int token = token0 + 8 * j + pair + i;
      if (token >= plan.tokens) continue;
      const float scale_x = plan.scale[token];
      float y[2];
#pragma unroll
      for (int r = 0; r < 2; ++r) {
        y[r] = spec::scale_dot(joined<S>(sum, 4 * j + 2 * r + i), scale_x, scale[r]);
        if (of.bias) y[r] = y[r] + bias[r];
      }
      float* to = of.y + token * of.n + n;
      if (aligned) {
        *reinterpret_cast<float2*>(to) = {y[0], y[1]};
      } else {
        to[0] = y[0];
        if (both) to[1] = y[1];
      }
    }
  }
}

// Leaves the sums of a part, or adds to them those of all others. Whether these are now whole: true for one group of each tile.
template <class S>
__device__ bool gather_parts(const Plan& plan, const Plan::Item& item, int group,
                             int (&sum)[S::kSums * S::kRegisters]) {
  constexpr int kCount = S::kSums * S::kRegisters / 4;  // int4 of a thread
  __shared__ int arrived[S::kPanels];
  const int thread = threadIdx.x % 128;
  int4* slots = reinterpret_cast<int4*>(plan.partial.sums) + thread;
  const auto slot = [&](int part) {
    return slots + ((std::int64_t{item.cut} * plan.parts + part) * S::kPanels + group) * (kCount * 128);
  };
  int4* mine = slot(item.part);
#pragma unroll
  for (int j = 0; j < kCount; ++j)
    __stcg(mine + j * 128, make_int4(sum[4 * j], sum[4 * j + 1], sum[4 * j + 2], sum[4 * j + 3]));
  __threadfence();
  group_sync(group);
  std::int32_t* counter = plan.partial.counters + item.cut * S::kPanels + group;
  if (thread == 0) arrived[group] = atomicAdd(counter, 1);
  group_sync(group);
  if (arrived[group] != plan.parts - 1) return false;
  if (thread == 0) *counter = 0;
  __threadfence();
  for (int part = 0; part < plan.parts; ++part) {
    if (part == item.part) continue;
    const int4* from = slot(part);
#pragma unroll
    for (int j = 0; j < kCount; ++j) {
      const int4 v = __ldcg(from + j * 128);
      sum[4 * j] += v.x, sum[4 * j + 1] += v.y, sum[4 * j + 2] += v.z, sum[4 * j + 3] += v.w;
    }
  }
  return true;
}

template <class S>
__global__ __launch_bounds__(S::kThreads, S::kResident) void multiply(const __grid_constant__ Plan plan) {
  extern __shared__ std::uint8_t raw[];
  const std::uint32_t stages = (shared_address(raw) + 1023) & ~1023u;
  const std::uint32_t full = stages + S::kStages * S::kBytesStage, empty = full + 8 * S::kStages;
  if (threadIdx.x == 0) {
    for (int s = 0; s < S::kStages; ++s)
      barrier_init(full + 8 * s, 1), barrier_init(empty + 8 * s, S::kPanels);
    barrier_init_fence();
  }
  __syncthreads();
  allow_next_kernel();

  const int items = plan.items();
  int stage = 0, phase = 0;
  const auto next_stage = [&] {
    if (++stage == S::kStages) stage = 0, phase ^= 1;
  };

  if (threadIdx.x >= S::kMultipliers) {
    if (threadIdx.x > S::kMultipliers) return;
    const Loader<S> loader{plan, stages, full};
    // Into the first stages weights go at once, rows when they are there.
    Plan::Item item = plan.item(blockIdx.x);
    const int ahead = min(S::kStages, item.last_block - item.first_block);
    for (int i = 0; i < ahead; ++i) loader.weights(item.unit, item.first_block + i, i);
    wait_previous_kernel();
    for (int i = 0; i < ahead; ++i) loader.rows(item.token_tile, item.first_block + i, i), next_stage();
    int number = blockIdx.x, block = item.first_block + ahead;
    while (true) {
      for (; block < item.last_block; ++block, next_stage()) {
        wait(empty + 8 * stage, phase ^ 1);
        loader.weights(item.unit, block, stage);
        loader.rows(item.token_tile, block, stage);
      }
      number += gridDim.x;
      if (number >= items) return;
      item = plan.item(number);
      block = item.first_block;
    }
  }

  const int group = threadIdx.x / 128;
  bool first = true;
  for (int number = blockIdx.x; number < items; number += gridDim.x) {
    const Plan::Item item = plan.item(number);
    int sum[S::kSums * S::kRegisters];
    int previous = -1;
    for (int b = item.first_block; b < item.last_block; ++b, next_stage()) {
      wait(full + 8 * stage, phase);
      const std::uint32_t at = stages + stage * S::kBytesStage;
      product_fence();
      multiply_block<S>(sum, descriptor(at + group * S::kBytesPanel),
                        descriptor(at + S::kPanels * S::kBytesPanel), b > item.first_block);
      product_commit();
      if (previous >= 0) {
        product_wait<1>();
        if (threadIdx.x % 128 == 0) arrive(empty + 8 * previous);
      }
      previous = stage;
    }
    product_wait<0>();
    if (threadIdx.x % 128 == 0) arrive(empty + 8 * previous);
    if (first) wait_previous_kernel(), first = false;

    if (item.cut >= 0 && !gather_parts<S>(plan, item, group, sum)) continue;
    const int job = plan.job_of(item.unit), panel = (item.unit - plan.first_unit[job]) * S::kPanels + group;
    const int n = panel * kPanel + threadIdx.x / 32 % 4 * 16 + threadIdx.x % 32 / 4 * 2;
    store<S>(plan, sum, plan.job[job], n, item.token_tile * S::kTokens);
  }
}

constexpr int kMostParts = 16, kMostItems = 4;  // parts of a tile; of all tiles that are cut, for a slot

// Which tiles are cut, and into how many parts: what takes the fewest blocks of 128 columns, one after another.
//   slots: blocks that run at once.   least: of 128 columns, of a part
void cut(Plan& plan, int slots, int least) {
  constexpr int kPrice = 2;  // of leaving sums and adding them, in blocks of 128 columns
  const auto waves = [&](int items) { return (items + slots - 1) / slots; };
  const int tiles = plan.tiles();
  plan.whole = tiles, plan.parts = 1;
  int best = waves(tiles) * plan.blocks;
  for (int whole : {0, tiles / slots * slots}) {
    if (tiles - whole > 2 * slots) continue;  // many sums for little
    for (int parts = 2; parts <= kMostParts && plan.blocks / parts >= least; ++parts) {
      if ((tiles - whole) * parts > kMostItems * slots) break;
      const int time = whole / slots * plan.blocks +
                       waves((tiles - whole) * parts) * ((plan.blocks + parts - 1) / parts + kPrice);
      if (time < best) best = time, plan.whole = whole, plan.parts = parts;
    }
  }
}

template <class S>
void start(const Stream& stream, const Linear& linear, const PartialSums& partial) {
  const RowLayout rows(linear.x);
  Plan plan{{},
            {},
            linear.jobs,
            0,
            0,
            kGroupTokens / S::kTokens,
            static_cast<int>(blocks_of(linear.k)),
            static_cast<int>(linear.x.rows),
            rows.rows,
            linear.x.q,
            linear.x.scale,
            0,
            1,
            partial};
  for (int i = 0; i < linear.jobs; ++i) {
    plan.job[i] = linear.job[i];
    plan.first_unit[i] = plan.units;
    plan.units += static_cast<int>((linear.job[i].n + kPanel * S::kPanels - 1) / (kPanel * S::kPanels));
  }
  plan.token_tiles = static_cast<int>((linear.x.rows + S::kTokens - 1) / S::kTokens);
  const int slots = stream.processors * S::kResident;
  cut(plan, slots, S::kTokens < 128 ? 2 : 8);
  launch(stream, multiply<S>, std::min(plan.items(), slots), S::kThreads, S::kBytes, plan);
}

using Start = void (*)(const Stream&, const Linear&, const PartialSums&);

// By the tokens of a tile.
template <int kLimbsX, int kLimbsW>
Start start_of(std::int64_t tile) {
  switch (tile) {
    case 8:
      return start<Shape<kLimbsX, kLimbsW, 8, 1, 2>>;
    case 16:
      return start<Shape<kLimbsX, kLimbsW, 16, 1, 2>>;
    case 32:
      return start<Shape<kLimbsX, kLimbsW, 32, 1, 2>>;
    case 64:
      return start<Shape<kLimbsX, kLimbsW, 64, 2, 1>>;
    case 128:
      return start<Shape<kLimbsX, kLimbsW, 128, 2, 1>>;
    default:  // one limb of x: tiles of 128 tokens lie in them too
      if constexpr (kLimbsW == 1) return start<Shape<1, 1, 256, 2, 1>>;
      return start<Shape<1, kLimbsW, 128, 2, 1>>;
  }
}

}  // namespace

PartialSize partial_size(const Stream& stream) {
  constexpr std::int64_t kMostInts =
      2 * 128 * 128;                              // of an item: two groups of 128 threads with 128 registers
  constexpr std::int64_t kMostTiles = 2 * 2 * 2;  // that are cut, for a processor: two slots, two groups
  return {stream.processors * kMostItems * kMostInts, stream.processors * kMostTiles};
}

void linear(const Stream& stream, const Linear& linear, const PartialSums& partial) {
  CHECK(linear.k <= kMostColumns, "a matrix has more columns than sums of 32 bits hold");
  const std::int64_t tile = RowLayout(linear.x).tile;
  const bool two_of_w = limbs_of(linear.kind) == 2;
  const Start start = linear.x.form.limbs == 2 ? (two_of_w ? start_of<2, 2>(tile) : start_of<2, 1>(tile))
                                               : (two_of_w ? start_of<1, 2>(tile) : start_of<1, 1>(tile));
  start(stream, linear, partial);
}

}  // namespace verbatim::cuda::hopper
