// A mixture of experts, on any GPU: a block of threads chooses a row's experts, a warp has an output of an expert, a thread an
// element of the sum.
#include "backend/cuda/block.cuh"
#include "backend/cuda/kernels.h"
#include "backend/cuda/launch.cuh"
#include "backend/cuda/weight.cuh"
#include "spec/linear.h"
#include "spec/moe.h"

namespace verbatim::cuda {
namespace {

constexpr int kRouteThreads = 128, kWarp = 32;

extern __shared__ float router_floats[];

// Bits that have the order of the floats, -0 below +0; x: not NaN
__device__ unsigned ordered_bits(float x) {
  const unsigned bits = __float_as_uint(x);
  return bits >> 31 ? ~bits : bits | 0x80000000u;
}
__device__ float float_of_ordered(unsigned bits) {
  return __uint_as_float(bits >> 31 ? bits & 0x7fffffffu : ~bits);
}

// Whether (a, place i) comes before (b, place j): the larger, of equals the lower place.
__device__ bool before(float a, std::int64_t i, float b, std::int64_t j) {
  return a > b || (a == b && i < j);
}

struct SharedRouter {
  float *s, *c;        // (experts): R1, R2
  float* counts;       // (groups)
  int *kept, *chosen;  // (groups), (experts): 1 or 0
  __device__ explicit SharedRouter(const spec::Router& router)
      : s(router_floats),
        c(s + router.experts),
        counts(c + router.experts),
        kept(reinterpret_cast<int*>(counts + router.groups)),
        chosen(kept + router.groups) {}
  static std::size_t bytes(const spec::Router& router) {
    return static_cast<std::size_t>(3 * router.experts + 2 * router.groups) * sizeof(float);
  }
};

// R1 and R2 into shared memory. Whether all are finite; all threads call.
__device__ bool score(const spec::Router& router, const float* z, const SharedRouter& shared) {
  const std::int64_t n = router.experts;
  bool finite = true;
  unsigned largest = 0;
  for (std::int64_t j = threadIdx.x; j < n; j += blockDim.x) {
    finite = finite && (__float_as_uint(z[j]) & 0x7f800000u) != 0x7f800000u;
    largest = max(largest, ordered_bits(z[j]));
    shared.s[j] = router.gate == spec::RouterGate::sigmoid ? spec::sigmoid(z[j]) : z[j];
  }
  if (router.gate == spec::RouterGate::softmax) {
    const float m = float_of_ordered(largest_bits(largest));
    for (std::int64_t j = threadIdx.x; j < n; j += blockDim.x) shared.s[j] = spec::exp(z[j] - m);
    const float sum = lanes64(shared.s, n, [](float lane, float x) { return lane + x; });
    for (std::int64_t j = threadIdx.x; j < n; j += blockDim.x) shared.s[j] = shared.s[j] / sum;
  }
  for (std::int64_t j = threadIdx.x; j < n; j += blockDim.x) {
    const float c = router.bias ? shared.s[j] + router.bias[j] : z[j];
    finite = finite && (__float_as_uint(c) & 0x7f800000u) != 0x7f800000u;
    shared.c[j] = c;
  }
  return __syncthreads_and(finite);
}

// F1, a thread a group, and F2, a thread an expert: chosen are those before whom fewer than so many come.
__device__ void choose(const spec::Router& router, const SharedRouter& shared) {
  const std::int64_t n = router.experts, size = n / router.groups;
  for (std::int64_t g = threadIdx.x; g < router.groups; g += blockDim.x) {
    float best = -INFINITY, second = -INFINITY;
    for (std::int64_t j = g * size; j < (g + 1) * size; ++j) {
      const float c = shared.c[j];
      if (c > best) {
        second = best;
        best = c;
      } else if (c > second) {
        second = c;
      }
    }
    shared.counts[g] = router.group_best == 2 ? best + second : best;
  }
  __syncthreads();
  for (std::int64_t g = threadIdx.x; g < router.groups; g += blockDim.x) {
    std::int64_t better = 0;
    for (std::int64_t i = 0; i < router.groups; ++i)
      better += before(shared.counts[i], i, shared.counts[g], g);
    shared.kept[g] = better < router.groups_used;
  }
  __syncthreads();
  for (std::int64_t j = threadIdx.x; j < n; j += blockDim.x) {
    std::int64_t better = 0;
    for (std::int64_t i = 0; i < n; ++i)
      better += shared.kept[i / size] && before(shared.c[i], i, shared.c[j], j);
    shared.chosen[j] = shared.kept[j / size] && better < router.chosen;
  }
  __syncthreads();
}

__global__ void route_row(spec::Router router, const float* z, std::int32_t* experts, float* weights) {
  begin_kernel();
  const SharedRouter shared(router);
  z += blockIdx.x * router.experts;
  experts += blockIdx.x * router.chosen;
  weights += blockIdx.x * router.chosen;
  if (!score(router, z, shared)) {
    for (std::int64_t i = threadIdx.x; i < router.chosen; i += blockDim.x) {
      experts[i] = static_cast<std::int32_t>(i);
      weights[i] = NAN;
    }
    return;
  }
  choose(router, shared);
  if (threadIdx.x > 0) return;
  std::int64_t held = 0;
  for (std::int64_t j = 0; j < router.experts; ++j) {
    if (!shared.chosen[j]) continue;
    experts[held] = static_cast<std::int32_t>(j);
    weights[held++] = shared.s[j];
  }
  spec::weigh(router, z, experts, weights);
}

// form: of the kind, which a device cannot look up;  three: as three_products says
__global__ void expert_outputs(FixRows x, const std::int16_t* q, const std::int32_t* experts,
                               std::int64_t chosen, PackedMatrix w, CodeForm form, bool three,
                               const float* bias, float* y, std::int64_t n) {
  begin_kernel();
  const std::int64_t output = element() / kWarp, place = output / n;
  if (place >= x.rows * chosen) return;
  const std::int64_t row = place / chosen, of_stack = experts[place] * n + output % n;
  long long sum = 0;
  for (std::int64_t i = threadIdx.x % kWarp; i < x.k; i += kWarp)
    sum += spec::integer_product(q[row * x.k + i], weight_at(w, form, of_stack, i), three);
  for (int step = kWarp / 2; step > 0; step /= 2) sum += __shfl_xor_sync(~0u, sum, step);
  if (threadIdx.x % kWarp > 0) return;
  const float product = spec::scale_dot(sum, x.scale[row], w.scale[of_stack]);
  y[output] = bias ? product + bias[of_stack] : product;
}

__global__ void sum_elements(ExpertSum of, std::int64_t rows, std::int64_t d, float* y) {
  begin_kernel();
  const std::int64_t at = element(), row = at / d;
  if (row >= rows) return;
  y[at] = spec::moe_element(of.weights + row * of.chosen, of.chosen,
                            of.expert_rows + row * of.chosen * d + at % d, d,
                            of.shared ? of.shared + at : nullptr, of.shared_weight(row));
}

}  // namespace

void route(const Stream& stream, const spec::Router& router, const float* z, std::int64_t rows,
           std::int32_t* experts, float* weights) {
  launch(stream, route_row, rows, kRouteThreads, SharedRouter::bytes(router), router, z, experts, weights);
}

void linear_experts(const Stream& stream, const FixRows& x, const std::int16_t* q,
                    const std::int32_t* experts, std::int64_t chosen, const ExpertsJob& job) {
  launch_elements(stream, expert_outputs, x.rows * chosen * job.n() * kWarp, x, q, experts, chosen, *job.w,
                  code_form(job.w->kind), three_products(x.form.limbs, job.w->kind), job.bias, job.y,
                  job.n());
}

void moe_sum(const Stream& stream, const ExpertSum& of, std::int64_t rows, std::int64_t d, float* y) {
  launch_elements(stream, sum_elements, rows * d, of, rows, d, y);
}

}  // namespace verbatim::cuda
