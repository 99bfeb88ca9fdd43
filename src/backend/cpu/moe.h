// A mixture of experts, one row at a time: the choice and the sum of spec/moe.h by the row kernels.
#pragma once

#include <cstdint>
#include <vector>

#include "backend/cpu/float_ops.h"
#include "ops/ops.h"

namespace verbatim::cpu {

// Chooses the experts of a row. One a thread: it has memory of its own.
class RowRouter {
 public:
  // For routers of this shape; route_row() then allocates nothing.
  void reserve(const spec::Router& router);
  // z: (experts) -> experts, weights: (chosen)   REQUIRES: reserve
  void route_row(const FloatOps& ops, const spec::Router& router, const float* z, std::int32_t* experts,
                 float* weights);

 private:
  void score(const FloatOps& ops, const spec::Router& router, const float* z);
  void choose(const spec::Router& router, const float* c, std::int32_t* experts);

  std::vector<float> s_, c_;        // (experts): R1, R2
  std::vector<float> counts_;       // (groups)
  std::vector<float> left_;         // (experts): c of those whose group is kept
  std::vector<std::int32_t> kept_;  // (groups_used)
};

// R7, R8 of a row -> y: (d)
void sum_experts(const FloatOps& ops, const ExpertSum& of, std::int64_t row, std::int64_t d, float* y);

}  // namespace verbatim::cpu
