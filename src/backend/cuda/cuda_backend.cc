#include <algorithm>

#include "backend/cuda/attention.h"
#include "backend/cuda/check.h"
#include "backend/cuda/device.h"
#include "backend/cuda/kernels.h"
#include "backend/cuda/kv_layout.h"
#include "backend/cuda/layout.h"
#include "backend/cuda/linear.h"
#include "backend/cuda/memory.h"

namespace verbatim::cuda {
namespace {

class CudaBackend final : public Backend {
 public:
  CudaBackend(const Device& device, Kernels kernels, std::unique_ptr<Backend> host)
      : device_(device), kernels_(kernels), host_(std::move(host)), memory_(device.number) {}

  std::string_view name() const override { return kernels_ == Kernels::best ? "cuda" : "cuda_plain"; }
  int threads() const override { return host_->threads(); }
  Memory& memory() override { return memory_; }
  LogitsMath& logits_math() override { return host_->logits_math(); }

  PlacedMatrix place(const PackedMatrix& matrix, std::shared_ptr<const void>) override {
    if (holds_codes(matrix.kind)) return copy_into(memory_, matrix);
    struct Held {
      Array<std::byte> data;
      Array<float> scale;
    };
    const PlacedMatrix as_on_host = copy_into(memory_, matrix);
    const auto bytes = static_cast<std::size_t>(limb_bytes(matrix.kind, matrix.n, matrix.k));
    const auto rows = static_cast<std::size_t>(padded_rows(matrix.n));
    auto held = std::make_shared<Held>(Array<std::byte>(memory_, bytes),
                                       Array<float>(memory_, std::span(matrix.scale, rows)));
    lay_out(stream(), as_on_host.matrix, held->data.data());
    memory_.wait();  // kernels ask for weights before those ahead of them have ended
    PlacedMatrix placed{matrix, held};
    placed.matrix.data = held->data.data();
    placed.matrix.scale = held->scale.data();
    return placed;
  }

  std::int64_t fix_bytes(std::int64_t rows, std::int64_t k) const override { return row_bytes(rows, k); }

  void embed(const PackedMatrix& table, const std::int32_t* tokens, std::int64_t rows, float* y) override {
    cuda::embed(stream(), table, tokens, rows, y);
  }
  void quantise(const float* x, const FixRows& out, Faults faults) override {
    cuda::quantise(stream(), x, out, faults);
  }
  void unpack_rows(const FixRows& x, std::int16_t* q) override { cuda::unpack_rows(stream(), x, q); }
  void rms_norm_quantise(const float* x, const float* gain, float epsilon, const FixRows& out,
                         Faults faults) override {
    cuda::rms_norm_quantise(stream(), x, gain, epsilon, out, faults);
  }
  void rms_norm(float* x, const float* gain, float epsilon, std::int64_t rows, std::int64_t k) override {
    cuda::rms_norm(stream(), x, gain, epsilon, rows, k);
  }
  void linear(const FixRows& x, std::span<const LinearJob> jobs) override {
    for (const LinearJob& job : jobs) {
      CHECK(job.w->k == x.k, "a matrix of {} columns meets rows of {}", job.w->k, x.k);
      CHECK(is_rotated(job.w->kind) == x.form.rotated, "a matrix of {} meets rows that are {}rotated",
            name_of(job.w->kind), x.form.rotated ? "" : "not ");
    }
    while (!jobs.empty()) {  // those of one kind together
      std::size_t same = 1;
      while (same < jobs.size() && same < kMostJobs && jobs[same].w->kind == jobs[0].w->kind) ++same;
      const Linear some = linear_of(x, jobs.first(same));
      if (kernels_ == Kernels::best && device_.major == 9 && !holds_codes(some.kind))
        hopper::linear(stream(), some, partial_sums());
      else
        linear_portable(stream(), some);
      jobs = jobs.subspan(same);
    }
  }
  void route(const spec::Router& router, const float* z, std::int64_t rows, std::int32_t* experts,
             float* weights) override {
    spec::check_router(router);
    cuda::route(stream(), router, z, rows, experts, weights);
  }
  void linear_experts(const FixRows& x, const std::int32_t* experts, std::int64_t chosen,
                      std::span<const ExpertsJob> jobs) override {
    check_experts(x, chosen, jobs);
    std::int16_t* integers = at_least(integers_, x.rows * x.k);
    cuda::unpack_rows(stream(), x, integers);
    for (const ExpertsJob& job : jobs) cuda::linear_experts(stream(), x, integers, experts, chosen, job);
  }
  void moe_sum(const ExpertSum& of, std::int64_t rows, std::int64_t d, float* y) override {
    cuda::moe_sum(stream(), of, rows, d, y);
  }
  void rope_table(const double* frequencies, std::int64_t pairs, double mscale, const std::int32_t* positions,
                  std::int64_t rows, float* cosine, float* sine) override {
    cuda::rope_table(stream(), frequencies, pairs, mscale, positions, rows, cosine, sine);
  }
  void rope(const RopeArgs& args, std::int64_t rows, float* x) override {
    cuda::rope(stream(), args, rows, x);
  }
  void store_kv(const float* k, const float* v, const StepView& step, std::int64_t layer,
                const KvPages& cache, Faults faults) override {
    cuda::store_kv(stream(), k, v, step, layer, cache, faults);
  }
  void unpack_kv(const KvPages& cache, std::int64_t page, std::int64_t layer, std::int64_t kv_head,
                 std::int16_t* keys, std::int16_t* values) override {
    cuda::unpack_kv(stream(), cache, page, layer, kv_head, keys, values);
  }
  void attention(const AttentionArgs& args, const float* q, const StepView& step, const KvPages& cache,
                 float* y, Faults faults) override {
    CHECK(args.heads % cache.shape.kv_heads == 0, "{} query heads over {} KV heads", args.heads,
          cache.shape.kv_heads);
    if (kernels_ == Kernels::plain || !KvLayout(cache.shape).tiles)
      return attention_portable(stream(), args, q, step, cache, y, faults);
    const AttentionScratch scratch = attention_scratch(args, step, cache.shape);
    const QueryRows queries{at_least(query_bytes_, scratch.query_bytes),
                            at_least(query_scales_, scratch.query_scales)};
    attention_tiles(stream(), args, q, step, cache, queries, scratch, at_least(shares_, scratch.share_floats),
                    y, faults);
  }
  void gate_quantise(const spec::Gating& gating, const float* gate, const float* up, const FixRows& out,
                     Faults faults) override {
    cuda::gate_quantise(stream(), gating, gate, up, out, faults);
  }
  void add(float* x, const float* y, float factor, std::int64_t count) override {
    cuda::add(stream(), x, y, factor, count);
  }
  void scale(float* x, float factor, std::int64_t count) override { cuda::scale(stream(), x, factor, count); }
  void softcap(float* x, float cap, std::int64_t count) override { cuda::softcap(stream(), x, cap, count); }
  void gather(const float* x, const std::int32_t* index, std::int64_t rows, std::int64_t k,
              float* y) override {
    cuda::gather(stream(), x, index, rows, k, y);
  }
  void check_finite(const float* x, std::int64_t rows, std::int64_t k, Faults faults) override {
    cuda::check_finite(stream(), x, rows, k, faults);
  }
  void draw(const float* z, std::int64_t vocab, std::span<const PlainDraw> draws,
            std::int32_t* tokens) override {
    PlainDraw* on_device = at_least(draws_, std::ssize(draws));
    draws_.write(draws);
    cuda::draw(stream(), z, vocab, on_device, std::ssize(draws), tokens);
  }

 private:
  Stream stream() const { return {memory_.stream(), device_.major >= 9, device_.processors}; }
  hopper::PartialSums partial_sums() {
    const hopper::PartialSize size = hopper::partial_size(stream());
    return {at_least(partial_, size.sums), at_least(counters_, size.counters)};
  }
  // The array's elements, n of them or more.
  template <class T>
  T* at_least(Array<T>& array, std::int64_t n) {
    const auto count = static_cast<std::size_t>(n);
    if (array.size() < count) array = Array<T>(memory_, std::max(count, 2 * array.size()));
    return array.data();
  }

  const Device device_;
  const Kernels kernels_;
  const std::unique_ptr<Backend> host_;  // for rows that came home
  DeviceMemory memory_;
  Array<PlainDraw> draws_;
  Array<std::int16_t> integers_;  // of rows that meet experts
  Array<int> partial_;            // of linear
  Array<std::int32_t> counters_;
  // What attention computes in.
  Array<std::int8_t> query_bytes_;
  Array<float> query_scales_, shares_;
};

}  // namespace

std::vector<Device> devices() {
  int count = 0;
  if (cudaGetDeviceCount(&count) != cudaSuccess) {
    cudaGetLastError();
    return {};
  }
  std::vector<Device> found;
  for (int number = 0; number < count; ++number) {
    cudaDeviceProp properties{};
    if (cudaGetDeviceProperties(&properties, number) != cudaSuccess || properties.major < 8) continue;
    found.push_back({number, properties.name, properties.major, properties.minor,
                     properties.multiProcessorCount, static_cast<std::int64_t>(properties.totalGlobalMem)});
  }
  return found;
}

std::unique_ptr<Backend> make_cuda_backend(const Device& device, Kernels kernels,
                                           std::unique_ptr<Backend> host) {
  return std::make_unique<CudaBackend>(device, kernels, std::move(host));
}

}  // namespace verbatim::cuda
