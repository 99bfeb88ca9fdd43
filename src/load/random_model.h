// RandomModel: a GGUF file of any supported architecture and shape with seeded random weights, for demos,
// tests and benchmarks of shapes whose trained weights are not at hand. One description gives one file, on
// every machine. It is not a trained model: it answers, fluently, with nonsense.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"
#include "load/checkpoint.h"
#include "parallel/thread_pool.h"

namespace verbatim {

struct RandomModel {
  ModelConfig config;  // the file implies what GGUF has no key for; the vocabulary is made to fit the family
  DType type = DType::f32;  // of the matrices
  std::uint64_t seed = 1;   // of the weights
};

// Errors name what does not fit: a shape, a row length, a vocabulary too small,
// a file that cannot be written.
Status write_random_model(const std::string& path, const RandomModel& model, ThreadPool& pool);

}  // namespace verbatim
