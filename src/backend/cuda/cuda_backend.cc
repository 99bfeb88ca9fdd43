#include "backend/cuda/check.h"
#include "backend/cuda/device.h"
#include "backend/cuda/kernels.h"
#include "backend/cuda/memory.h"

namespace verbatim::cuda {
namespace {

class CudaBackend final : public Backend {
 public:
  CudaBackend(int device, std::unique_ptr<Backend> host) : host_(std::move(host)), memory_(device) {}

  std::string_view name() const override { return "cuda"; }
  int threads() const override { return host_->threads(); }
  Memory& memory() override { return memory_; }
  LogitsMath& logits_math() override { return host_->logits_math(); }

  PlacedMatrix place(const PackedMatrix& matrix, std::shared_ptr<const void>) override {
    return copy_into(memory_, matrix);
  }

  std::int64_t row_bytes(std::int64_t k) const override { return row_stride(k); }

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
      cuda::linear(stream(), x, job);
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
    const auto elements = static_cast<std::size_t>(x.rows * x.k);
    if (integers_.size() < elements) integers_ = Array<std::int16_t>(memory_, elements);
    cuda::unpack_rows(stream(), x, integers_.data());
    for (const ExpertsJob& job : jobs)
      cuda::linear_experts(stream(), x, integers_.data(), experts, chosen, job);
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
  void attention(const AttentionArgs& args, const float* q, const StepView& step, const KvPages& cache,
                 float* y, Faults faults) override {
    CHECK(args.heads % cache.shape.kv_heads == 0, "{} query heads over {} KV heads", args.heads,
          cache.shape.kv_heads);
    cuda::attention(stream(), args, q, step, cache, y, faults);
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
    if (draws_.size() < draws.size()) draws_ = Array<PlainDraw>(memory_, draws.size());
    draws_.write(draws);
    cuda::draw(stream(), z, vocab, draws_.data(), std::ssize(draws), tokens);
  }

 private:
  cudaStream_t stream() const { return memory_.stream(); }

  const std::unique_ptr<Backend> host_;  // for rows that came home
  DeviceMemory memory_;
  Array<PlainDraw> draws_;
  Array<std::int16_t> integers_;  // of rows that meet experts
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
                     static_cast<std::int64_t>(properties.totalGlobalMem)});
  }
  return found;
}

std::unique_ptr<Backend> make_cuda_backend(int device, std::unique_ptr<Backend> host) {
  return std::make_unique<CudaBackend>(device, std::move(host));
}

}  // namespace verbatim::cuda
