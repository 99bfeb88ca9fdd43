#include "load/requantise.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "load/dequantise.h"
#include "load/panel_quantiser.h"
#include "load/weight_arena.h"
#include "load/weight_fingerprint.h"
#include "model/architecture.h"

namespace verbatim {
namespace {

struct PolicyName {
  WeightPolicy policy;
  std::string_view name;
};
constexpr PolicyName kPolicies[] = {{WeightPolicy::automatic, "auto"},
                                    {WeightPolicy::i16, "i16"},
                                    {WeightPolicy::i8, "i8"},
                                    {WeightPolicy::file, "file"}};

// i8 gives way to the file's codes where the integers would err by more than this (relative RMS). Gaussian rows err by 0.8 %
// (spec/weights.h), and rotated ones are near them: past the bound one block rules the scales of its rows.
constexpr double kMostOfI8 = 0.025;

// Files of more bits a weight may do with i8. Q6_K has 6.5625, Q8_0 8.5.
constexpr double kBitsOfCodes = 6.6;

// The type that most of a file's weights have; of equals, the first of DType.
DType dominant_type(const Checkpoint& checkpoint, const std::vector<TensorSpec>& specs) {
  std::array<std::int64_t, 32> elements{};
  for (const TensorSpec& spec : specs) {
    if (!spec.vector)
      elements.at(static_cast<std::size_t>(checkpoint.find(spec.name)->type)) += spec.rows * spec.columns;
  }
  return static_cast<DType>(std::ranges::max_element(elements) - elements.begin());
}

// dominant: of the file
WeightKind kind_for(WeightChoice choice, DType dominant, DType type) {
  const DTypeInfo &file = info_of(dominant), &own = info_of(type);
  const WeightKind two_limbs = choice.rotated ? WeightKind::i16r : WeightKind::i16;
  WeightPolicy policy = choice.policy;
  if (policy == WeightPolicy::automatic) {
    if (file.codes == nullptr || own.codes == nullptr) return two_limbs;
    policy = file.bits <= kBitsOfCodes ? WeightPolicy::file : WeightPolicy::i8;
  }
  if (policy == WeightPolicy::i8) return WeightKind::i8r;
  return policy == WeightPolicy::file && own.codes != nullptr ? own.codes->meaning.kind : two_limbs;
}

// A matrix packed into the arena, its error, how many of its rows are not exact, and its digest.
struct Packed {
  PackedMatrix matrix;
  double relative_rms = 0;
  std::int64_t inexact = 0;
  Sha256Digest digest{};
};

Result<Packed> pack(const CheckpointTensor& tensor, WeightKind kind, const std::string& path,
                    WeightArena& arena, ThreadPool& pool) {
  std::int64_t k_padded = padded_columns(tensor.columns), panels = padded_rows(tensor.rows) / kPanelRows;
  std::int64_t bytes_each = panel_bytes(kind, k_padded);
  std::byte* data = arena.allocate(panels * bytes_each);
  auto* scale = reinterpret_cast<float*>(
      arena.allocate(panels * kPanelRows * static_cast<std::int64_t>(sizeof(float))));

  const PackedMatrix matrix{kind, tensor.rows, tensor.columns, data, scale};
  std::vector<PanelOutcome> outcomes(static_cast<std::size_t>(panels));
  std::vector<Sha256Digest> digests(static_cast<std::size_t>(panels));
  pool.for_range(panels, 1, [&](std::int64_t begin, std::int64_t end, int) {
    PanelQuantiser quantiser(kind, tensor.columns);
    for (std::int64_t p = begin; p < end; ++p) {
      outcomes[p] = quantiser.quantise(tensor, p, data + p * bytes_each, scale + p * kPanelRows);
      digests[p] = digest_of_panel(matrix, p);
    }
  });

  double error = 0, energy = 0;
  std::int64_t inexact = 0;
  for (std::int64_t p = 0; p < panels; ++p) {
    const PanelOutcome& outcome = outcomes[p];
    if (outcome.bad_row >= 0) {
      return fail("{}: tensor '{}', row {}: a weight is not finite", path, tensor.name, outcome.bad_row);
    }
    for (int r = 0; r < kPanelRows; ++r) {
      double unit =
          static_cast<double>(scale[p * kPanelRows + r]) * static_cast<double>(scale[p * kPanelRows + r]);
      error += static_cast<double>(outcome.errors[r].error) * unit;
      energy += static_cast<double>(outcome.errors[r].energy) * unit;
      if (outcome.errors[r].error > 0) ++inexact;
    }
  }
  return Packed{matrix, energy == 0 ? 0 : std::sqrt(error / energy), inexact,
                digest_of_matrix(tensor.name, matrix, digests)};
}

// Packs by the rules.
Result<Packed> pack_by_choice(const CheckpointTensor& tensor, WeightChoice choice, DType dominant,
                              const std::string& path, WeightArena& arena, ThreadPool& pool,
                              std::string* why) {
  const bool automatic = choice.policy == WeightPolicy::automatic;
  const WeightKind kind = kind_for(choice, dominant, tensor.type);
  *why = !automatic ? fmt::format("{} was asked for", name_of(choice.policy))
         : holds_codes(kind)
             ? fmt::format("the codes of {}", name_of(tensor.type))
             : fmt::format("{} has {:g} bits a weight", name_of(tensor.type), info_of(tensor.type).bits);
  WeightArena::Mark mark = arena.mark();
  Result<Packed> packed = pack(tensor, kind, path, arena, pool);
  if (packed && packed->inexact > 0 && code_form(kind).levels == spec::Levels::e2m1)
    *why += fmt::format("; {} of {} rows not exact", packed->inexact, tensor.rows);
  if (!packed || !automatic || kind != WeightKind::i8r || packed->relative_rms <= kMostOfI8) return packed;
  *why =
      fmt::format("i8 would err by {:.2f} %, more than {:g} %", 100 * packed->relative_rms, 100 * kMostOfI8);
  arena.rewind(mark);
  choice.policy = WeightPolicy::file;
  return pack(tensor, kind_for(choice, dominant, tensor.type), path, arena, pool);
}

Result<std::span<const float>> copy_vector(const CheckpointTensor& tensor, const std::string& path,
                                           WeightArena& arena) {
  std::int64_t n = tensor.columns;
  auto* data = reinterpret_cast<float*>(arena.allocate(n * static_cast<std::int64_t>(sizeof(float))));
  tensor.read_row(0, data);
  for (std::int64_t i = 0; i < n; ++i) {
    if (!std::isfinite(data[i]))
      return fail("{}: tensor '{}', element {}: a value is not finite", path, tensor.name, i);
  }
  return std::span<const float>(data, static_cast<std::size_t>(n));
}

}  // namespace

std::string_view name_of(WeightPolicy policy) {
  return std::ranges::find(kPolicies, policy, &PolicyName::policy)->name;
}

std::optional<WeightPolicy> weight_policy_named(std::string_view name) {
  const PolicyName* found = std::ranges::find(kPolicies, name, &PolicyName::name);
  return found == std::end(kPolicies) ? std::nullopt : std::optional(found->policy);
}

Result<PackedWeights> requantise(const Checkpoint& checkpoint, WeightChoice choice, ThreadPool& pool,
                                 const ProgressCallback& progress) {
  auto arena = std::make_shared<WeightArena>();
  PackedWeights out;
  std::vector<Sha256Digest> digests;

  std::vector<TensorSpec> specs = expected_tensors(checkpoint.config);
  const DType dominant = dominant_type(checkpoint, specs);
  LoadProgress done;
  done.tensors = static_cast<std::int64_t>(specs.size());
  for (const TensorSpec& spec : specs) done.bytes += checkpoint.find(spec.name)->bytes;

  checkpoint.prefetch(*checkpoint.find(specs.front().name));
  for (std::size_t i = 0; i < specs.size(); ++i) {
    const TensorSpec& spec = specs[i];
    const CheckpointTensor& tensor = *checkpoint.find(spec.name);
    // The disk reads the next tensor while this one is packed.
    if (i + 1 < specs.size()) checkpoint.prefetch(*checkpoint.find(specs[i + 1].name));
    TensorReport report{
        .name = spec.name, .file_type = tensor.type, .kind = "f32", .why = "vectors stay as they are"};
    if (spec.vector) {
      Result<std::span<const float>> values = copy_vector(tensor, checkpoint.path, *arena);
      if (!values) return values.error();
      out.vectors.emplace(spec.name, *values);
      report.bytes = static_cast<std::int64_t>(values->size_bytes());
      digests.push_back(digest_of_vector(spec.name, *values));
    } else {
      Result<Packed> packed =
          pack_by_choice(tensor, choice, dominant, checkpoint.path, *arena, pool, &report.why);
      if (!packed) return packed.error();
      const PackedMatrix& matrix = packed->matrix;
      out.matrices.emplace(spec.name, matrix);
      report.kind = name_of(matrix.kind);
      report.bytes = packed_bytes(matrix.kind, matrix.n, matrix.k) +
                     padded_rows(matrix.n) * static_cast<std::int64_t>(sizeof(float));
      report.relative_rms = packed->relative_rms;
      digests.push_back(packed->digest);
    }
    out.report.push_back(std::move(report));
    checkpoint.forget(tensor);
    ++done.tensors_done;
    done.bytes_done += tensor.bytes;
    if (progress) progress(done);
  }
  out.fingerprint = fingerprint_of(checkpoint.config, digests);
  out.storage = std::move(arena);
  return out;
}

}  // namespace verbatim
