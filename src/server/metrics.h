// Metrics: what GET /metrics shows, in Prometheus' text format, under vLLM's names with our prefix.
//
// Counters and histograms are written by the engine thread and read by any. They are about time and load; no
// answer depends on them.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/engine.h"

namespace verbatim::server {

class Histogram {
 public:
  // bounds: upper ends of the buckets, increasing; must outlive this
  explicit Histogram(std::span<const double> bounds) : bounds_(bounds), counts_(bounds.size() + 1) {}

  void observe(double value);
  // name_bucket, name_sum and name_count. labels: `model_name="m"`
  void append(std::string& out, std::string_view name, std::string_view labels) const;

 private:
  std::span<const double> bounds_;
  std::vector<std::atomic<std::int64_t>> counts_;  // of each bucket, not cumulative; the last is the rest
  std::atomic<double> sum_{0};
};

class Metrics {
 public:
  Metrics();

  // One answer ended.
  void count_finish(FinishReason reason) {
    finished_[static_cast<std::size_t>(reason)].fetch_add(1, std::memory_order_relaxed);
  }
  void count_request(std::int64_t prompt_tokens, std::int64_t max_tokens, std::int64_t n);
  void count_refusal() { refused.fetch_add(1, std::memory_order_relaxed); }

  std::atomic<std::int64_t> prompt_tokens{0}, generation_tokens{0}, refused{0}, resumed{0};
  Histogram time_to_first_token, inter_token_latency, e2e_latency, queue_time;
  Histogram request_prompt_tokens, request_generation_tokens, request_max_tokens, request_n;

  // engine: now. model: its name, a label of every line
  std::string text(const EngineStats& engine, std::string_view model) const;

 private:
  std::array<std::atomic<std::int64_t>, 4> finished_{};  // by FinishReason
};

}  // namespace verbatim::server
