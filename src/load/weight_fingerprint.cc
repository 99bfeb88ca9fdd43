#include "load/weight_fingerprint.h"

#include "load/config_text.h"
#include "model/architecture.h"
#include "spec/version.h"

namespace verbatim {

Sha256Digest digest_of_panel(const PackedMatrix& m, std::int64_t panel) {
  const std::int64_t bytes = panel_bytes(m.kind, padded_columns(m.k));
  Sha256 sha;
  sha.update(m.data + panel * bytes, static_cast<std::size_t>(bytes));
  sha.update(m.scale + panel * kPanelRows, kPanelRows * sizeof(float));
  return sha.digest();
}

Sha256Digest digest_of_matrix(std::string_view name, const PackedMatrix& m,
                              std::span<const Sha256Digest> panels) {
  Sha256 sha;
  sha.update(fmt::format("{} {} {} {}\n", name, name_of(m.kind), m.n, m.k));
  sha.update(panels.data(), panels.size_bytes());
  return sha.digest();
}

Sha256Digest digest_of_vector(std::string_view name, std::span<const float> values) {
  Sha256 sha;
  sha.update(fmt::format("{} f32 1 {}\n", name, values.size()));
  sha.update(values.data(), values.size_bytes());
  return sha.digest();
}

std::string fingerprint_of(const ModelConfig& config, std::span<const Sha256Digest> tensors) {
  Sha256 sha;
  sha.update(fmt::format("verbatim weights\ncontract={}\n", spec::kContractVersion));
  sha.update(canonical_text(config));
  for (const Sha256Digest& tensor : tensors) sha.update(to_hex(tensor));
  return sha.hex();
}

Result<std::string> weights_fingerprint(const ModelConfig& config, const PackedWeights& weights,
                                        ThreadPool& pool) {
  std::vector<Sha256Digest> tensors, panels;
  for (const TensorSpec& spec : expected_tensors(config)) {
    const PackedMatrix* matrix = weights.matrix(spec.name);
    std::span<const float> vector = weights.vector(spec.name);
    if (spec.vector ? std::ssize(vector) != spec.columns
                    : matrix == nullptr || matrix->n != spec.rows || matrix->k != spec.columns) {
      return fail("tensor '{}' is missing, or has another shape", spec.name);
    }
    if (spec.vector) {
      tensors.push_back(digest_of_vector(spec.name, vector));
      continue;
    }
    panels.resize(static_cast<std::size_t>(padded_rows(matrix->n) / kPanelRows));
    pool.for_range(std::ssize(panels), 1, [&](std::int64_t begin, std::int64_t end, int) {
      for (std::int64_t p = begin; p < end; ++p) panels[p] = digest_of_panel(*matrix, p);
    });
    tensors.push_back(digest_of_matrix(spec.name, *matrix, panels));
  }
  return fingerprint_of(config, tensors);
}

}  // namespace verbatim
