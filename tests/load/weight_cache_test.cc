#include "load/weight_cache.h"

#include <gtest/gtest.h>

#include "load/load_weights.h"
#include "test_files.h"

namespace verbatim {
namespace {

using testing::read_file;
using testing::SmallModel;
using testing::TemporaryFolder;
using testing::write_file;

class WeightCache : public ::testing::Test {
 protected:
  void SetUp() override {
    model_.type = DType::q8_0;
    model_.write(folder_ / "m.gguf");
    reopen();
  }
  void reopen() {
    Result<Checkpoint> opened = open_checkpoint(folder_ / "m.gguf");
    ASSERT_TRUE(opened.ok()) << opened.error().message;
    checkpoint_ = *std::move(opened);
  }
  LoadOptions options(bool use_cache = true) const {
    LoadOptions out;
    out.use_cache = use_cache;
    out.cache_directory = folder_ / "cache";
    return out;
  }
  LoadedWeights load(const LoadOptions& options) {
    Result<LoadedWeights> loaded = load_weights(checkpoint_, options, pool_);
    CHECK(loaded.ok(), "{}", loaded.error().message);
    return *std::move(loaded);
  }
  std::string key() const { return weight_cache_key(checkpoint_, WeightPolicy::automatic); }
  std::string file() const { return weight_cache_path(folder_ / "cache", key()); }

  TemporaryFolder folder_;
  SmallModel model_{"qwen2"};
  Checkpoint checkpoint_;
  ThreadPool pool_{2};
};

TEST_F(WeightCache, AHitHoldsTheSameBits) {
  LoadedWeights fresh = load(options());
  EXPECT_FALSE(fresh.from_cache);
  EXPECT_TRUE(fresh.notes.empty());
  LoadedWeights cached = load(options());
  EXPECT_TRUE(cached.from_cache);
  EXPECT_EQ(cached.weights.fingerprint, fresh.weights.fingerprint);
  ASSERT_EQ(cached.weights.matrices.size(), fresh.weights.matrices.size());
  ASSERT_EQ(cached.weights.vectors.size(), fresh.weights.vectors.size());
  for (const auto& [name, m] : fresh.weights.matrices) {
    const PackedMatrix* c = cached.weights.matrix(name);
    ASSERT_NE(c, nullptr) << name;
    ASSERT_EQ(std::tie(c->kind, c->n, c->k), std::tie(m.kind, m.n, m.k)) << name;
    EXPECT_EQ(std::memcmp(c->data, m.data, static_cast<std::size_t>(packed_bytes(m.kind, m.n, m.k))), 0)
        << name;
    EXPECT_EQ(std::memcmp(c->scale, m.scale, static_cast<std::size_t>(padded_rows(m.n)) * sizeof(float)), 0)
        << name;
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(c->data) % 64, 0u) << name;
  }
  for (const auto& [name, v] : fresh.weights.vectors) {
    EXPECT_TRUE(std::ranges::equal(cached.weights.vector(name), v)) << name;
  }
  ASSERT_EQ(cached.weights.report.size(), fresh.weights.report.size());
  for (std::size_t i = 0; i < fresh.weights.report.size(); ++i) {
    const TensorReport &a = fresh.weights.report[i], &b = cached.weights.report[i];
    EXPECT_EQ(std::tie(a.name, a.file_type, a.kind, a.bytes, a.relative_rms, a.why),
              std::tie(b.name, b.file_type, b.kind, b.bytes, b.relative_rms, b.why));
  }
}

TEST_F(WeightCache, IsNotTouchedWhenNotWanted) {
  EXPECT_FALSE(load(options(false)).from_cache);
  EXPECT_FALSE(std::filesystem::exists(folder_ / "cache"));
}

TEST_F(WeightCache, AnotherPolicyOrFileOrConfigurationIsAnotherKey) {
  std::string base = key();
  EXPECT_NE(weight_cache_key(checkpoint_, WeightPolicy::i8), base);
  Checkpoint other = checkpoint_;
  other.config.norm_epsilon = 1e-6f;
  EXPECT_NE(weight_cache_key(other, WeightPolicy::automatic), base);
  std::filesystem::last_write_time(folder_ / "m.gguf",
                                   std::filesystem::file_time_type::clock::now() + std::chrono::hours(1));
  reopen();
  EXPECT_NE(key(), base);
}

TEST_F(WeightCache, EveryCutIsDetected) {
  load(options());
  std::string whole = read_file(file());
  for (std::size_t size : {std::size_t{0}, std::size_t{1}, std::size_t{63}, std::size_t{64},
                           std::size_t{1000}, whole.size() - 1}) {
    write_file(file(), whole.substr(0, size));
    EXPECT_FALSE(read_weight_cache(file(), key(), true, pool_).ok()) << "cut to " << size;
  }
  LoadedWeights again = load(options());
  EXPECT_FALSE(again.from_cache);
  ASSERT_EQ(again.notes.size(), 1u);
  EXPECT_TRUE(again.notes[0].starts_with("the weight cache is made anew: ")) << again.notes[0];
  EXPECT_EQ(read_file(file()), whole);  // mended
}

TEST_F(WeightCache, EveryFlippedByteOfIndexAndPartsIsDetected) {
  load(options());
  std::string whole = read_file(file());
  // The bytes between parts are padding and mean nothing: count what goes unnoticed and compare.
  std::size_t parts = 0, unnoticed = 0;
  std::uint64_t index_bytes = 0;
  std::memcpy(&index_bytes, whole.data() + 16, sizeof index_bytes);
  for (std::size_t at = 0; at < whole.size(); at += at < 64 + index_bytes ? 13 : 61) {
    std::string flipped = whole;
    flipped[at] = static_cast<char>(flipped[at] ^ 0x10);
    write_file(file(), flipped);
    bool accepted = read_weight_cache(file(), key(), true, pool_).ok();
    EXPECT_FALSE(accepted && at < 64 + index_bytes) << "byte " << at;
    parts += at >= 64 + index_bytes ? 1 : 0;
    unnoticed += accepted ? 1 : 0;
  }
  EXPECT_GT(parts, 100u);
  EXPECT_LT(unnoticed, parts / 10);
}

TEST_F(WeightCache, AFileOfAnotherKeyIsRefused) {
  load(options());
  Result<PackedWeights> read = read_weight_cache(file(), std::string(64, '0'), true, pool_);
  ASSERT_FALSE(read.ok());
  EXPECT_EQ(read.error().message, file() + ": made for another model or policy");
}

TEST_F(WeightCache, AnUnusableFolderIsANote) {
  write_file(folder_ / "cache", "a file where the folder should be");
  LoadedWeights loaded = load(options());
  EXPECT_FALSE(loaded.from_cache);
  ASSERT_EQ(loaded.notes.size(), 1u);
  EXPECT_TRUE(loaded.notes[0].starts_with("weights are not cached: ")) << loaded.notes[0];
}

TEST(LoadWeights, AVocabularyHasNone) {
  Checkpoint checkpoint;
  checkpoint.path = "v.gguf";
  ThreadPool pool(1);
  Result<LoadedWeights> loaded = load_weights(checkpoint, {}, pool);
  ASSERT_FALSE(loaded.ok());
  EXPECT_EQ(loaded.error().message, "v.gguf: holds a vocabulary only, no model");
}

}  // namespace
}  // namespace verbatim
