// The fingerprint of packed weights: SHA-256 over, in this order,
//   "verbatim weights" and the contract version;
//   the configuration as "name=value" lines, floats in hexadecimal;
//   per tensor of expected_tensors(): SHA-256 over "name kind n k" and, for matrices, the SHA-256 of each
//   panel followed by its 16 scales (the packed form is the canonical spelling of the integers); for
//   vectors, the float32 values.
// The tokenizer's part of a model's identity is added by a later layer.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/sha256.h"
#include "load/packed_weights.h"
#include "parallel/thread_pool.h"

namespace verbatim {

Sha256Digest digest_of_panel(const PackedMatrix& matrix, std::int64_t panel);
// panels: the digest of each
Sha256Digest digest_of_matrix(std::string_view name, const PackedMatrix& matrix,
                              std::span<const Sha256Digest> panels);
Sha256Digest digest_of_vector(std::string_view name, std::span<const float> values);
// tensors: in the order of expected_tensors()
std::string fingerprint_of(const ModelConfig& config, std::span<const Sha256Digest> tensors);

// Of weights that lie in memory, whatever is said of them. An error names the tensor that is not of this configuration.
Result<std::string> weights_fingerprint(const ModelConfig& config, const PackedWeights& weights,
                                        ThreadPool& pool);

}  // namespace verbatim
