// RopeTable: cosines and sines of every position met so far (spec/rope.h), grown on demand.
#pragma once

#include <cstdint>
#include <vector>

#include "model/model_config.h"
#include "ops/ops.h"

namespace verbatim {

class RopeTable {
 public:
  explicit RopeTable(const ModelConfig& config)
      : frequencies_(spec::rope_frequencies(config.head_dim, config.rope_theta, config.rope_scaling)),
        mscale_(spec::rope_mscale(config.rope_scaling)),
        interleaved_(config.rope_layout == RopeLayout::interleaved) {}

  // The tables, with at least positions 0 .. position. Valid until the next call.
  RopeArgs covering(std::int64_t position, std::int64_t heads) {
    std::size_t half = frequencies_.size();
    for (auto next = static_cast<std::int64_t>(cosine_.size() / half); next <= position; ++next) {
      cosine_.resize(cosine_.size() + half);
      sine_.resize(sine_.size() + half);
      spec::rope_row(frequencies_, mscale_, next, cosine_.data() + cosine_.size() - half,
                     sine_.data() + sine_.size() - half);
    }
    return {heads, static_cast<std::int64_t>(2 * half), interleaved_, cosine_.data(), sine_.data()};
  }

 private:
  std::vector<double> frequencies_;  // (head_dim / 2)
  double mscale_;
  bool interleaved_;
  std::vector<float> cosine_, sine_;  // (positions so far, head_dim / 2)
};

}  // namespace verbatim
