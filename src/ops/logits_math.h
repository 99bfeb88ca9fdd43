// LogitsMath: what is done with a row of logits that came home: on host memory, at once.
#pragma once

#include <cstdint>
#include <span>

#include "spec/log_softmax.h"

namespace verbatim {

class LogitsMath {
 public:
  // spec/log_softmax.h  z: (vocab); the two numbers from which every log-probability of the row follows. A row that holds a
  // NaN or +infinity gives a max that is not finite.
  virtual spec::LogNormaliser log_normalise(std::span<const float> z) = 0;

  // spec/sampling.h R5, R6: e[i] = exp((v[i] - best) / temperature)       e: (v.size())
  // REQUIRES: v[i] finite, v[i] <= best, temperature > 0
  virtual void exp_of_logits(std::span<const float> v, float best, float temperature, float* e) = 0;

 protected:
  ~LogitsMath() = default;
};

}  // namespace verbatim
