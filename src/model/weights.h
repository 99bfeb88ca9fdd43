// ModelWeights: the matrices and vectors of a model, by name, in the form that backends read.
//
// Names are GGUF's (architecture.h). Matrices are PackedMatrix (ops/panels.h); norms and biases are float32, exactly the
// file's values. Everything lies in 64-byte aligned parts of memory that this object keeps alive: buffers of its own, or a
// mapped cache file. Immutable; copies share the memory.
#pragma once

#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "ops/panels.h"

namespace verbatim {

struct ModelWeights {
  std::map<std::string, PackedMatrix, std::less<>> matrices;
  std::map<std::string, std::span<const float>, std::less<>> vectors;
  std::shared_ptr<const void> storage;  // keeps what the above points into

  const PackedMatrix* matrix(std::string_view name) const {  // nullptr when absent
    auto it = matrices.find(name);
    return it == matrices.end() ? nullptr : &it->second;
  }
  std::span<const float> vector(std::string_view name) const {  // empty when absent
    auto it = vectors.find(name);
    return it == vectors.end() ? std::span<const float>() : it->second;
  }
};

}  // namespace verbatim
