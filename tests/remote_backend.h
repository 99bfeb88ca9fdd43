// RemoteBackend: a backend of this machine that behaves as one on another device does, at its worst.
//
// Its memory cannot be touched by host code: a read or a write outside of an operation is a segmentation fault. Operations run as
// late as they may, when something is read; until then nothing has happened, and what they were told is long gone.
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <map>
#include <utility>
#include <vector>

#include "backend/list.h"
#include "forwarding_backend.h"

namespace verbatim {

// A stretch of addresses that is open while operations run, and closed at all other times.
class ClosedMemory final : public Memory {
 public:
  ClosedMemory() : base_(static_cast<std::byte*>(mmap(nullptr, kReserved, PROT_NONE, kFlags, -1, 0))) {
    CHECK(base_ != MAP_FAILED, "{} bytes of addresses are not to be had", kReserved);
  }
  ~ClosedMemory() {
    CHECK(held_ == 0, "{} bytes outlive their memory", held_);
    munmap(base_, kReserved);
  }

  void enqueue(std::function<void()> operation) { queue_.push_back(std::move(operation)); }

  std::byte* allocate(std::size_t bytes) override {
    if (bytes == 0) return nullptr;
    const std::size_t pages = whole_pages(bytes);
    held_ += pages;
    if (auto freed = free_.extract(pages)) return freed.mapped();
    if (kReserved - used_ < pages) throw std::bad_alloc();
    return base_ + std::exchange(used_, used_ + pages);
  }
  void release(std::byte* data, std::size_t bytes) noexcept override {
    run([] {});
    const std::size_t pages = whole_pages(bytes);
    held_ -= pages;
    madvise(data, pages, MADV_DONTNEED);  // zeros again
    free_.emplace(pages, data);
  }
  void write(std::byte* to, std::span<const std::byte> from) override {
    enqueue(
        [to, bytes = std::vector(from.begin(), from.end())] { std::memcpy(to, bytes.data(), bytes.size()); });
  }
  void read(const std::byte* from, std::span<std::byte> to) override {
    run([&] { std::memcpy(to.data(), from, to.size()); });
  }
  void copy(std::byte* to, const std::byte* from, std::size_t bytes) noexcept override {
    enqueue([=] { std::memcpy(to, from, bytes); });
  }

 private:
  static constexpr std::size_t kReserved = std::size_t{4} << 30;
  static constexpr int kFlags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
  static std::size_t whole_pages(std::size_t bytes) {
    const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
    return (bytes + page - 1) / page * page;
  }

  // What was enqueued, then `last`.
  void run(const std::function<void()>& last) {
    protect(PROT_READ | PROT_WRITE);
    for (const auto& operation : queue_) operation();
    queue_.clear();
    last();
    protect(PROT_NONE);
  }
  void protect(int access) {
    CHECK(used_ == 0 || mprotect(base_, used_, access) == 0, "{} bytes cannot be protected", used_);
  }

  std::byte* base_;
  std::size_t used_ = 0, held_ = 0;
  std::multimap<std::size_t, std::byte*> free_;  // by size
  std::vector<std::function<void()>> queue_;
};

class RemoteBackend final : public ForwardingBackend {
 public:
  // inner: on the host
  explicit RemoteBackend(std::unique_ptr<Backend> inner) : ForwardingBackend(std::move(inner)) {}

  std::string_view name() const override { return "remote"; }
  Memory& memory() override { return memory_; }
  PlacedMatrix place(const PackedMatrix& matrix, std::shared_ptr<const void>) override {
    return copy_into(memory_, matrix);
  }

  void embed(const PackedMatrix& table, const std::int32_t* tokens, std::int64_t rows, float* y) override {
    later([=, this, w = &table] { ForwardingBackend::embed(*w, tokens, rows, y); });
  }
  void quantise(const float* x, const FixRows& out, Faults f) override {
    later([=, this] { ForwardingBackend::quantise(x, out, f); });
  }
  void unpack_rows(const FixRows& x, std::int16_t* q) override {
    later([=, this] { ForwardingBackend::unpack_rows(x, q); });
  }
  void rms_norm_quantise(const float* x, const float* gain, float epsilon, const FixRows& out,
                         Faults f) override {
    later([=, this] { ForwardingBackend::rms_norm_quantise(x, gain, epsilon, out, f); });
  }
  void rms_norm(float* x, const float* gain, float epsilon, std::int64_t rows, std::int64_t k) override {
    later([=, this] { ForwardingBackend::rms_norm(x, gain, epsilon, rows, k); });
  }
  void linear(const FixRows& x, std::span<const LinearJob> jobs) override {
    later([=, this, all = std::vector(jobs.begin(), jobs.end())] { ForwardingBackend::linear(x, all); });
  }
  void route(const spec::Router& router, const float* z, std::int64_t rows, std::int32_t* experts,
             float* weights) override {
    later([=, this] { ForwardingBackend::route(router, z, rows, experts, weights); });
  }
  void linear_experts(const FixRows& x, const std::int32_t* experts, std::int64_t chosen,
                      std::span<const ExpertsJob> jobs) override {
    later([=, this, all = std::vector(jobs.begin(), jobs.end())] {
      ForwardingBackend::linear_experts(x, experts, chosen, all);
    });
  }
  void moe_sum(const ExpertSum& of, std::int64_t rows, std::int64_t d, float* y) override {
    later([=, this] { ForwardingBackend::moe_sum(of, rows, d, y); });
  }
  void rope_table(const double* frequencies, std::int64_t pairs, double mscale, const std::int32_t* positions,
                  std::int64_t rows, float* cosine, float* sine) override {
    later([=, this] {
      ForwardingBackend::rope_table(frequencies, pairs, mscale, positions, rows, cosine, sine);
    });
  }
  void rope(const RopeArgs& args, std::int64_t rows, float* x) override {
    later([=, this] { ForwardingBackend::rope(args, rows, x); });
  }
  void store_kv(const float* k, const float* v, const StepView& step, std::int64_t layer,
                const KvPages& cache, Faults f) override {
    later([=, this] { ForwardingBackend::store_kv(k, v, step, layer, cache, f); });
  }
  void unpack_kv(const KvPages& cache, std::int64_t page, std::int64_t layer, std::int64_t kv_head,
                 std::int16_t* keys, std::int16_t* values) override {
    later([=, this] { ForwardingBackend::unpack_kv(cache, page, layer, kv_head, keys, values); });
  }
  void attention(const AttentionArgs& args, const float* q, const StepView& step, const KvPages& cache,
                 float* y, Faults f) override {
    later([=, this] { ForwardingBackend::attention(args, q, step, cache, y, f); });
  }
  void gate_quantise(const spec::Gating& gating, const float* gate, const float* up, const FixRows& out,
                     Faults f) override {
    later([=, this] { ForwardingBackend::gate_quantise(gating, gate, up, out, f); });
  }
  void add(float* x, const float* y, float factor, std::int64_t count) override {
    later([=, this] { ForwardingBackend::add(x, y, factor, count); });
  }
  void scale(float* x, float factor, std::int64_t count) override {
    later([=, this] { ForwardingBackend::scale(x, factor, count); });
  }
  void softcap(float* x, float cap, std::int64_t count) override {
    later([=, this] { ForwardingBackend::softcap(x, cap, count); });
  }
  void gather(const float* x, const std::int32_t* index, std::int64_t rows, std::int64_t k,
              float* y) override {
    later([=, this] { ForwardingBackend::gather(x, index, rows, k, y); });
  }
  void check_finite(const float* x, std::int64_t rows, std::int64_t k, Faults f) override {
    later([=, this] { ForwardingBackend::check_finite(x, rows, k, f); });
  }
  void draw(const float* z, std::int64_t vocab, std::span<const PlainDraw> draws,
            std::int32_t* tokens) override {
    later([=, this, all = std::vector(draws.begin(), draws.end())] {
      ForwardingBackend::draw(z, vocab, all, tokens);
    });
  }

 private:
  void later(std::function<void()> operation) { memory_.enqueue(std::move(operation)); }

  ClosedMemory memory_;
};

// A backend by its name in the list; "remote": the best of this machine's processors, made remote. So is "auto" where VERBATIM_TEST_BACKEND
// says so: whole suites are run once more on it.
inline Result<std::unique_ptr<Backend>> make_test_backend(std::string_view name, int threads) {
  const char* chosen = std::getenv("VERBATIM_TEST_BACKEND");
  if (name == "auto" && chosen != nullptr) name = chosen;
  if (name != "remote") return make_backend(name, threads);
  const auto of_host = [](const std::string& backend) { return !backend.starts_with("cuda"); };
  const std::vector<std::string> here = backends_here();
  auto inner = make_backend(*std::ranges::find_if(here, of_host), threads);
  if (!inner) return inner.error();
  return std::unique_ptr<Backend>(new RemoteBackend(*std::move(inner)));
}

}  // namespace verbatim
