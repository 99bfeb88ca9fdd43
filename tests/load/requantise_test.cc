// Requantisation: the fast packer against the contract's scalar page, bit for bit; independence of threads;
// the rules of the automatic policy; what the fingerprint covers.
#include "load/requantise.h"

#include <gtest/gtest.h>

#include <bit>

#include "load/dequantise.h"
#include "load/panel_quantiser.h"
#include "test_files.h"

namespace verbatim {
namespace {

using testing::SmallModel;
using testing::TemporaryFolder;

// A float32 tensor in memory.
struct Matrix {
  std::vector<float> values;
  CheckpointTensor tensor;

  Matrix(std::int64_t rows, std::int64_t columns, const std::function<float(std::int64_t)>& value) {
    for (std::int64_t i = 0; i < rows * columns; ++i) values.push_back(value(i));
    tensor = {"m",
              DType::f32,
              rows,
              columns,
              reinterpret_cast<const std::byte*>(values.data()),
              static_cast<std::int64_t>(values.size() * sizeof(float))};
  }
  const float* row(std::int64_t r) const { return values.data() + r * tensor.columns; }
};

// One row by spec/weights.h: integers, scale, error.
struct SpecRow {
  std::vector<std::int16_t> w;
  spec::FixScale scale;
  spec::RowError error;
};
SpecRow spec_row(WeightKind kind, const float* x, std::int64_t k) {
  SpecRow out;
  out.w.resize(static_cast<std::size_t>(k));
  std::vector<float> rotated(x, x + k);
  const std::int64_t block = PackedMatrix{.kind = kind, .k = k}.rotation();
  spec::hadamard(rotated.data(), k, block);
  out.scale = spec::quantise(rotated.data(), k, limbs_of(kind), out.w.data());
  out.error = spec::row_error(rotated.data(), k, out.scale.reciprocal, out.w.data());
  out.scale.scale /= static_cast<float>(block);
  return out;
}

void expect_equal_to_spec(WeightKind kind, const Matrix& m) {
  const CheckpointTensor& t = m.tensor;
  AlignedBuffer<std::byte> data(static_cast<std::size_t>(packed_bytes(kind, t.rows, t.columns)));
  AlignedBuffer<float> scale(static_cast<std::size_t>(padded_rows(t.rows)));
  PackedMatrix packed{kind, t.rows, t.columns, data.data(), scale.data()};
  PanelQuantiser quantiser(kind, t.columns);
  for (std::int64_t p = 0; p < packed.panels(); ++p) {
    std::byte* panel = data.data() + (packed.panel(p) - packed.data);
    PanelOutcome outcome = quantiser.quantise(t, p, panel, scale.data() + p * kPanelRows);
    ASSERT_EQ(outcome.bad_row, -1);
    for (std::int64_t r = 0; r < kPanelRows; ++r) {
      std::int64_t row = p * kPanelRows + r;
      if (row >= t.rows) {
        EXPECT_EQ(scale[row], 0) << "padding row " << row;
        continue;
      }
      SpecRow expected = spec_row(kind, m.row(row), t.columns);
      ASSERT_EQ(std::bit_cast<std::uint32_t>(scale[row]), std::bit_cast<std::uint32_t>(expected.scale.scale))
          << name_of(kind) << " row " << row;
      ASSERT_EQ(outcome.errors[r].error, expected.error.error) << name_of(kind) << " row " << row;
      ASSERT_EQ(outcome.errors[r].energy, expected.error.energy) << name_of(kind) << " row " << row;
      for (std::int64_t k = 0; k < t.columns; ++k) {
        ASSERT_EQ(weight_at(packed, row, k), expected.w[k])
            << name_of(kind) << " (" << row << ", " << k << "), x = " << fmt::format("{:a}", m.row(row)[k]);
      }
    }
  }
}

TEST(PanelQuantiser, EqualsTheContract) {
  std::mt19937 generator(3);
  auto uniform = [&] { return (static_cast<float>(generator() >> 8) - 0x1p23f) * 0x1p-23f; };
  struct Shape {
    std::int64_t rows, columns;
  };
  for (WeightKind kind : {WeightKind::i16, WeightKind::i8, WeightKind::i16r, WeightKind::i8r}) {
    for (Shape s : {Shape{1, 1}, {3, 31}, {16, 64}, {17, 96}, {33, 172}, {16, 640}}) {
      expect_equal_to_spec(kind, Matrix(s.rows, s.columns, [&](std::int64_t) { return uniform(); }));
      // Heavy tails, zeros, whole rows of zeros, and a range of magnitudes down
      // to rows below the contract's 2^-100.
      expect_equal_to_spec(kind, Matrix(s.rows, s.columns, [&](std::int64_t i) {
                             float u = uniform();
                             std::int64_t row = i / s.columns;
                             if (row % 5 == 4 || generator() % 4 == 0) return 0.0f;
                             return std::ldexp(u * u * u * u * u, static_cast<int>(row % 7) * -20);
                           }));
      // Integers: ties in every rounding, groups without spread.
      expect_equal_to_spec(kind, Matrix(s.rows, s.columns, [&](std::int64_t i) {
                             return i % s.columns == 0
                                        ? 127.0f
                                        : static_cast<float>(static_cast<int>(generator() % 9)) / 2 - 2;
                           }));
      expect_equal_to_spec(kind, Matrix(s.rows, s.columns, [](std::int64_t) { return -3.0f; }));
    }
  }
}

// A tensor of random blocks, all of whose values are finite.
struct Blocks {
  std::vector<std::byte> bytes;
  CheckpointTensor tensor;

  Blocks(const DTypeInfo& info, std::int64_t rows, std::int64_t columns, std::mt19937& generator)
      : bytes(static_cast<std::size_t>(rows * row_bytes(info.type, columns))) {
    std::vector<float> values(static_cast<std::size_t>(info.block_elements));
    for (std::size_t at = 0; at < bytes.size(); at += static_cast<std::size_t>(info.block_bytes)) {
      do {
        for (std::int64_t i = 0; i < info.block_bytes; ++i)
          bytes[at + i] = static_cast<std::byte>(generator());
        info.dequantise(&bytes[at], 1, values.data());
      } while (!std::ranges::all_of(values, [](float x) { return std::isfinite(x); }));
    }
    tensor = {"m", info.type, rows, columns, bytes.data(), std::ssize(bytes)};
  }
};

// spec/weights.h, codes: the integers of one row.
std::vector<std::int16_t> spec_codes(const Blocks& of, std::int64_t row, spec::FixScale* scale) {
  const DTypeInfo& info = info_of(of.tensor.type);
  const CodeMeaning& meaning = info.codes->meaning;
  const CodeForm& form = meaning.form();
  const std::int64_t k = of.tensor.columns;
  std::vector<std::int8_t> codes(static_cast<std::size_t>(k));
  std::vector<float> values(codes.size()), steps(codes.size()), offsets(codes.size());
  of.tensor.read_row(row, values.data());
  info.codes->read(of.tensor.data + row * row_bytes(info.type, k), k / info.block_elements, codes.data(),
                   steps.data(), offsets.data());
  float a = spec::max_abs(values.data(), k);
  for (std::int64_t group = 0; group < k / form.group; ++group) {
    offsets[group] = form.offsets ? offsets[group] + steps[group] * static_cast<float>(meaning.centre) : 0;
    steps[group] = std::ldexp(steps[group], -meaning.shift);
    a = std::max(a, spec::code_bound(steps[group], offsets[group], form.largest_level()));
  }
  *scale = spec::code_scale(a, form.levels);
  std::vector<std::int16_t> w;
  for (std::int64_t i = 0; i < k; ++i) {
    const int level =
        form.table() ? spec::levels_of(form.levels)[codes[i]] : (codes[i] - meaning.centre) << meaning.shift;
    w.push_back(static_cast<std::int16_t>(
        spec::code_weight(level, spec::code_integer(steps[i / form.group], *scale, form.fraction),
                          spec::code_integer(offsets[i / form.group], *scale, 0), form.fraction)));
  }
  return w;
}

// Every type that holds codes keeps them: each value to within what steps and offsets may be rounded by.
TEST(PanelQuantiser, KeepsTheCodesOfFiles) {
  std::mt19937 generator(5);
  int types = 0;
  for (const DTypeInfo& info : dtype_table()) {
    if (info.codes == nullptr) continue;
    ++types;
    const WeightKind kind = info.codes->meaning.kind;
    for (std::int64_t rows : {1, 16, 33}) {
      const std::int64_t k = info.block_elements == 32 ? 96 : 512;
      const Blocks blocks(info, rows, k, generator);
      AlignedBuffer<std::byte> data(static_cast<std::size_t>(packed_bytes(kind, rows, k)));
      AlignedBuffer<float> scale(static_cast<std::size_t>(padded_rows(rows)));
      for (std::byte& b : data) b = std::byte{0xa5};
      const PackedMatrix packed{kind, rows, k, data.data(), scale.data()};
      PanelQuantiser quantiser(kind, k);
      for (std::int64_t p = 0; p < packed.panels(); ++p) {
        std::byte* panel = data.data() + (packed.panel(p) - packed.data);
        const PanelOutcome outcome =
            quantiser.quantise(blocks.tensor, p, panel, scale.data() + p * kPanelRows);
        ASSERT_EQ(outcome.bad_row, -1);
        for (std::int64_t row = p * kPanelRows; row < std::min(rows, (p + 1) * kPanelRows); ++row) {
          spec::FixScale s;
          const std::vector<std::int16_t> w = spec_codes(blocks, row, &s);
          std::vector<float> values(w.size());
          blocks.tensor.read_row(row, values.data());
          ASSERT_EQ(scale[row], s.scale) << info.name;
          // Half of a step's unit, times the largest level, and half a weight's.
          const CodeForm& form = code_form(kind);
          const double most = form.fraction > 0 ? 1.51 : 0.5 * form.largest_level() + 0.51;
          for (std::int64_t i = 0; i < k; ++i) {
            ASSERT_EQ(weight_at(packed, row, i), w[i]) << info.name << " (" << row << ", " << i << ")";
            ASSERT_LE(std::abs(w[i]), 16319) << info.name;
            ASSERT_NEAR(w[i], static_cast<double>(values[i]) * static_cast<double>(s.reciprocal), most)
                << info.name << " (" << row << ", " << i << ")";
          }
          const spec::RowError error = spec::row_error(values.data(), k, s.reciprocal, w.data());
          EXPECT_EQ(outcome.errors[row % kPanelRows].error, error.error) << info.name;
          EXPECT_EQ(outcome.errors[row % kPanelRows].energy, error.energy) << info.name;
        }
      }
    }
  }
  EXPECT_EQ(types, 13);
}

// A row of MXFP4 whose blocks have these exponents, and every level.
std::vector<std::byte> row_of_mxfp4(std::initializer_list<int> exponents) {
  std::vector<std::byte> row;
  for (int exponent : exponents) {
    row.push_back(static_cast<std::byte>(exponent));
    for (int i = 0; i < 16; ++i) row.push_back(static_cast<std::byte>(i << 4 | (i * 5 & 15)));
  }
  return row;
}

// Steps that span ten bits lie on the row's grid, at every magnitude; below it values fade, the large ones stay.
TEST(PanelQuantiser, HoldsMxfp4ExactlyWhereStepsSpanTenBits) {
  AlignedBuffer<std::byte> panel(static_cast<std::size_t>(panel_bytes(WeightKind::c4m, 128)));
  float scale[kPanelRows];
  const PackedMatrix packed{WeightKind::c4m, 1, 96, panel.data(), scale};
  PanelQuantiser quantiser(WeightKind::c4m, 96);
  for (int most : {40, 127, 200, 250}) {
    for (int span : {0, 1, 9, 10, 11, 12, 30}) {
      const std::vector<std::byte> row = row_of_mxfp4({most - span, most, most - span / 2});
      const CheckpointTensor tensor{"m", DType::mxfp4, 1, 96, row.data(), std::ssize(row)};
      const spec::RowError error = quantiser.quantise(tensor, 0, panel.data(), scale).errors[0];
      std::vector<float> values(96);
      tensor.read_row(0, values.data());
      EXPECT_EQ(error.error == 0, span <= 10) << most << ", " << span;
      for (int i = span <= 10 ? 0 : 32; i < 64; ++i)
        ASSERT_EQ(static_cast<float>(weight_at(packed, 0, i)) * scale[0], values[i]) << most << ", " << span;
    }
  }
}

TEST(PanelQuantiser, NamesTheFirstRowThatIsNotFinite) {
  for (float bad : {NAN, -NAN, INFINITY, -INFINITY}) {
    Matrix m(40, 70, [&](std::int64_t i) { return i == 21 * 70 + 69 || i == 23 * 70 ? bad : 1.0f; });
    AlignedBuffer<std::byte> panel(static_cast<std::size_t>(panel_bytes(WeightKind::i8, 128)));
    float scale[kPanelRows];
    PanelQuantiser quantiser(WeightKind::i8, 70);
    EXPECT_EQ(quantiser.quantise(m.tensor, 0, panel.data(), scale).bad_row, -1);
    EXPECT_EQ(quantiser.quantise(m.tensor, 1, panel.data(), scale).bad_row, 21);
  }
}

Checkpoint open_small(const TemporaryFolder& folder, const SmallModel& model) {
  model.write(folder / "m.gguf");
  Result<Checkpoint> opened = open_checkpoint(folder / "m.gguf");
  CHECK(opened.ok(), "{}", opened.error().message);
  return *std::move(opened);
}

PackedWeights requantise_or_die(const Checkpoint& checkpoint, WeightPolicy policy, int threads = 1,
                                bool rotated = false) {
  ThreadPool pool(threads);
  Result<PackedWeights> out = requantise(checkpoint, {policy, rotated}, pool, {});
  CHECK(out.ok(), "{}", out.error().message);
  return *std::move(out);
}

void expect_equal_weights(const PackedWeights& a, const PackedWeights& b) {
  EXPECT_EQ(a.fingerprint, b.fingerprint);
  ASSERT_EQ(a.matrices.size(), b.matrices.size());
  for (const auto& [name, m] : a.matrices) {
    const PackedMatrix* other = b.matrix(name);
    ASSERT_NE(other, nullptr) << name;
    ASSERT_EQ(m.kind, other->kind) << name;
    auto bytes = static_cast<std::size_t>(packed_bytes(m.kind, m.n, m.k));
    EXPECT_EQ(std::memcmp(m.data, other->data, bytes), 0) << name;
    EXPECT_EQ(std::memcmp(m.scale, other->scale, static_cast<std::size_t>(padded_rows(m.n)) * sizeof(float)),
              0)
        << name;
  }
}

TEST(Requantise, ThreadsCannotBeSeen) {
  TemporaryFolder folder;
  SmallModel model("qwen3");
  model.config.vocab_size = 133;
  Checkpoint checkpoint = open_small(folder, model);
  for (WeightPolicy policy : {WeightPolicy::i16, WeightPolicy::i8}) {
    PackedWeights one = requantise_or_die(checkpoint, policy, 1);
    for (int threads : {2, 3}) {
      PackedWeights many = requantise_or_die(checkpoint, policy, threads);
      expect_equal_weights(one, many);
      for (std::size_t i = 0; i < one.report.size(); ++i) {
        EXPECT_EQ(one.report[i].relative_rms, many.report[i].relative_rms) << one.report[i].name;
      }
    }
  }
}

TEST(Requantise, VectorsAreTheFilesValues) {
  TemporaryFolder folder;
  SmallModel model("qwen2");
  Checkpoint checkpoint = open_small(folder, model);
  PackedWeights weights = requantise_or_die(checkpoint, WeightPolicy::i8);
  std::span<const float> bias = weights.vector("blk.0.attn_k.bias");
  std::vector<float> expected = model.row("blk.0.attn_k.bias", 0, 16);
  EXPECT_TRUE(std::ranges::equal(bias, expected));
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(bias.data()) % 64, 0u);
  for (const auto& [name, m] : weights.matrices) {
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(m.data) % 64, 0u) << name;
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(m.scale) % 64, 0u) << name;
  }
}

TEST(Requantise, TiedEmbeddingsAreOneMatrix) {
  TemporaryFolder folder;
  SmallModel model("llama");
  model.config.tied_embeddings = true;
  PackedWeights weights = requantise_or_die(open_small(folder, model), WeightPolicy::i8);
  EXPECT_NE(weights.matrix("token_embd.weight"), nullptr);
  EXPECT_EQ(weights.matrix("output.weight"), nullptr);
}

TEST(Requantise, AutomaticIsATableByTheFilesType) {
  struct Case {
    DType type;
    WeightKind automatic, file;
  };
  for (Case c : {Case{DType::f32, WeightKind::i16, WeightKind::i16},
                 {DType::f16, WeightKind::i16, WeightKind::i16},
                 {DType::bf16, WeightKind::i16, WeightKind::i16},
                 {DType::q8_0, WeightKind::i8r, WeightKind::c8},
                 {DType::q4_0, WeightKind::c4, WeightKind::c4}}) {
    TemporaryFolder folder;
    SmallModel model("llama");
    model.type = c.type;
    const Checkpoint checkpoint = open_small(folder, model);
    const auto kind_by = [&](WeightPolicy policy, bool rotated = false) {
      return requantise_or_die(checkpoint, policy, 1, rotated).matrix("blk.0.ffn_up.weight")->kind;
    };
    EXPECT_EQ(kind_by(WeightPolicy::automatic), c.automatic) << name_of(c.type);
    EXPECT_EQ(kind_by(WeightPolicy::file), c.file) << name_of(c.type);
    EXPECT_EQ(kind_by(WeightPolicy::i16), WeightKind::i16) << name_of(c.type);
    // For activations of 8 bits: what is quantised here is rotated, codes cannot be.
    EXPECT_EQ(kind_by(WeightPolicy::i16, true), WeightKind::i16r) << name_of(c.type);
    EXPECT_EQ(kind_by(WeightPolicy::automatic, true),
              c.automatic == WeightKind::i16 ? WeightKind::i16r : c.automatic)
        << name_of(c.type);
  }
}

// A block of equal elements is one large element when it is rotated; it sets the scale of its row, and the many below it would
// be left with few steps: such a tensor keeps its codes. In one row of many it is small in the tensor's RMS and changes nothing.
TEST(Requantise, AutomaticKeepsMoreWhereLessWouldErrTooMuch) {
  TemporaryFolder folder;
  SmallModel model("llama");
  model.type = DType::q8_0;
  model.config.hidden_dim = 256;
  model.edit = [](const std::string& name, std::int64_t row, std::vector<float>& x) {
    bool peak = name == "blk.0.ffn_down.weight" || (name == "blk.0.attn_q.weight" && row == 3);
    if (!peak) return;
    for (float& value : x) value *= 0x1p-4f;
    std::fill_n(x.begin(), std::min<std::size_t>(64, x.size()), 1.0f);
  };
  Checkpoint checkpoint = open_small(folder, model);
  PackedWeights promoted = requantise_or_die(checkpoint, WeightPolicy::automatic);
  EXPECT_EQ(promoted.matrix("blk.0.attn_q.weight")->kind, WeightKind::i8r);
  EXPECT_EQ(promoted.matrix("blk.0.ffn_down.weight")->kind, WeightKind::c8);
  auto report = std::ranges::find(promoted.report, "blk.0.ffn_down.weight", &TensorReport::name);
  EXPECT_TRUE(report->why.starts_with("i8 would err by ")) << report->why;
  EXPECT_LT(report->relative_rms, 0.001);

  PackedWeights forced = requantise_or_die(checkpoint, WeightPolicy::i8);  // an explicit wish is obeyed
  EXPECT_EQ(forced.matrix("blk.0.ffn_down.weight")->kind, WeightKind::i8r);
}

TEST(Requantise, CountsRowsOfMxfp4ThatAreNotExact) {
  TemporaryFolder folder;
  SmallModel model("llama");
  Checkpoint checkpoint = open_small(folder, model);
  CheckpointTensor& tensor = checkpoint.tensors.at("blk.0.ffn_down.weight");
  std::vector<std::byte> bytes;
  for (std::int64_t row = 0; row < tensor.rows; ++row)
    std::ranges::copy(row_of_mxfp4({row % 8 == 3 ? 100 : 120, 127}), std::back_inserter(bytes));
  tensor.type = DType::mxfp4;
  tensor.data = bytes.data();
  tensor.bytes = std::ssize(bytes);
  const PackedWeights weights = requantise_or_die(checkpoint, WeightPolicy::file);
  const auto report = std::ranges::find(weights.report, tensor.name, &TensorReport::name);
  EXPECT_EQ(report->kind, "c4m");
  EXPECT_EQ(report->why, "file was asked for; 4 of 32 rows not exact");
  EXPECT_GT(report->relative_rms, 0);
}

TEST(Requantise, RefusesWeightsThatAreNotFinite) {
  struct Case {
    std::string tensor;
    std::int64_t row;
    std::string sentence;
  };
  for (const Case& c :
       {Case{"blk.0.attn_v.weight", 9, "tensor 'blk.0.attn_v.weight', row 9: a weight is not finite"},
        Case{"blk.0.ffn_norm.weight", 0,
             "tensor 'blk.0.ffn_norm.weight', element 4: a value is not finite"}}) {
    TemporaryFolder folder;
    SmallModel model("llama");
    model.edit = [&](const std::string& name, std::int64_t row, std::vector<float>& x) {
      if (name == c.tensor && row == c.row) x[4] = NAN;
    };
    Checkpoint checkpoint = open_small(folder, model);
    ThreadPool pool(2);
    Result<PackedWeights> out = requantise(checkpoint, {WeightPolicy::automatic}, pool, {});
    ASSERT_FALSE(out.ok());
    EXPECT_EQ(out.error().message, checkpoint.path + ": " + c.sentence);
  }
}

TEST(Requantise, FingerprintCoversWeightsConfigurationAndPolicy) {
  TemporaryFolder folder;
  SmallModel model("llama");
  Checkpoint checkpoint = open_small(folder, model);
  std::string base = requantise_or_die(checkpoint, WeightPolicy::i8).fingerprint;
  EXPECT_EQ(base.size(), 64u);
  EXPECT_EQ(requantise_or_die(checkpoint, WeightPolicy::i8).fingerprint, base);
  EXPECT_NE(requantise_or_die(checkpoint, WeightPolicy::i16).fingerprint, base);
  Checkpoint other = checkpoint;
  other.config.rope_theta = 10001;
  EXPECT_NE(requantise_or_die(other, WeightPolicy::i8).fingerprint, base);
  for (const char* changed : {"blk.0.ffn_gate.weight", "output_norm.weight"}) {
    model.edit = [&](const std::string& name, std::int64_t row, std::vector<float>& x) {
      if (name == changed && row == 0) x[1] = -x[1];
    };
    EXPECT_NE(requantise_or_die(open_small(folder, model), WeightPolicy::i8).fingerprint, base) << changed;
  }
}

TEST(Requantise, ReportsProgress) {
  TemporaryFolder folder;
  SmallModel model("llama");
  Checkpoint checkpoint = open_small(folder, model);
  std::vector<LoadProgress> seen;
  ThreadPool pool(1);
  ASSERT_TRUE(requantise(checkpoint, {WeightPolicy::i8}, pool, [&](const LoadProgress& p) {
                seen.push_back(p);
              }).ok());
  ASSERT_EQ(seen.size(), checkpoint.tensors.size());
  EXPECT_EQ(seen.back().tensors_done, seen.back().tensors);
  EXPECT_EQ(seen.back().bytes_done, seen.back().bytes);
  EXPECT_EQ(seen.front().tensors_done, 1);
}

TEST(WeightPolicy, NamesGoBothWays) {
  for (WeightPolicy policy :
       {WeightPolicy::automatic, WeightPolicy::i16, WeightPolicy::i8, WeightPolicy::file}) {
    EXPECT_EQ(weight_policy_named(name_of(policy)), policy);
  }
  EXPECT_EQ(weight_policy_named("i2"), std::nullopt);
}

}  // namespace
}  // namespace verbatim
