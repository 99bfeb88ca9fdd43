// A matrix of limbs, from the host's layout to the device's.
#include "backend/cuda/kernels.h"
#include "backend/cuda/launch.cuh"
#include "backend/cuda/layout.h"

namespace verbatim::cuda {
namespace {

// A thread four columns of one output.
__global__ void lay_out_quads(PackedMatrix from, std::byte* to) {
  begin_kernel();
  const std::int64_t quads = from.k_padded() / kQuad, at = element();
  if (at >= from.n * quads) return;
  const std::int64_t n = at / quads, k = at % quads * kQuad, blocks = blocks_of(from.k);
  const std::int64_t plane = plane_bytes(from.k_padded());
  const std::byte* panel = from.data + n / kPanelRows * plane * limbs_of(from.kind);
  for (int limb = 0; limb < limbs_of(from.kind); ++limb)
    *reinterpret_cast<std::uint32_t*>(to + limb_at(from.kind, blocks, n, k, limb)) =
        *reinterpret_cast<const std::uint32_t*>(panel + limb * plane + panel_offset(n % kPanelRows, k));
}

}  // namespace

void lay_out(const Stream& stream, const PackedMatrix& from, std::byte* to) {
  launch_elements(stream, lay_out_quads, from.n * (from.k_padded() / kQuad), from, to);
}

}  // namespace verbatim::cuda
