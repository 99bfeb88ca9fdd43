#include "load/weight_cache.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "load/load_weights.h"
#include "load/mapped_file.h"
#include "load/new_file.h"
#include "load/weight_fingerprint.h"
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
  std::string key() const { return weight_cache_key(checkpoint_, {WeightPolicy::automatic}); }
  std::string file() const { return weight_cache_path(folder_ / "cache", key()); }

  TemporaryFolder folder_;
  SmallModel model_{"qwen2"};
  Checkpoint checkpoint_;
  ThreadPool pool_{2};
};

// What was read may be of neither version, and would be cached under the name of the first.
TEST_F(WeightCache, AModelThatChangesWhileItIsReadIsRefused) {
  LoadOptions changing = options();
  changing.progress = [&](const LoadProgress&) {
    const std::string path = folder_ / "m.gguf";
    const int fd = ::open(path.c_str(), O_WRONLY);
    ASSERT_GE(fd, 0);
    EXPECT_EQ(::pwrite(fd, "x", 1, ::lseek(fd, 0, SEEK_END) - 1), 1);
    ::close(fd);
  };
  Result<LoadedWeights> loaded = load_weights(checkpoint_, changing, pool_);
  ASSERT_FALSE(loaded.ok());
  EXPECT_NE(loaded.error().message.find("m.gguf: changed while it was read"), std::string::npos)
      << loaded.error().message;
  EXPECT_FALSE(std::filesystem::exists(file()));
}

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
  EXPECT_NE(weight_cache_key(checkpoint_, {WeightPolicy::i8}), base);
  Checkpoint other = checkpoint_;
  other.config.norm_epsilon = 1e-6f;
  EXPECT_NE(weight_cache_key(other, {WeightPolicy::automatic}), base);
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
    EXPECT_FALSE(read_weight_cache(file(), key(), checkpoint_.config, CacheMemory::own, pool_).ok())
        << "cut to " << size;
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
    bool accepted = read_weight_cache(file(), key(), checkpoint_.config, CacheMemory::own, pool_).ok();
    EXPECT_FALSE(accepted && at < 64 + index_bytes) << "byte " << at;
    parts += at >= 64 + index_bytes ? 1 : 0;
    unnoticed += accepted ? 1 : 0;
  }
  EXPECT_GT(parts, 100u);
  EXPECT_LT(unnoticed, parts / 10);
}

TEST_F(WeightCache, BytesChangedInPlaceWithTheTimePutBackAreAnotherKey) {
  std::string base = key(), path = folder_ / "m.gguf", bytes = read_file(path);
  auto time = std::filesystem::last_write_time(path);
  bytes.back() = static_cast<char>(bytes.back() ^ 1);
  write_file(path, bytes);
  std::filesystem::last_write_time(path, time);
  reopen();
  EXPECT_NE(key(), base);
}

// Whoever can write the file can state any fingerprint in an index with a true digest.
TEST_F(WeightCache, AStatedFingerprintIsNotBelieved) {
  load(options());
  std::string forged = read_file(file());
  std::uint64_t index_bytes = 0;
  std::memcpy(&index_bytes, forged.data() + 16, sizeof index_bytes);
  forged.back() = static_cast<char>(forged.back() ^ 1);  // of the last tensor
  write_file(file(), forged);
  auto refused = read_weight_cache(file(), key(), checkpoint_.config, CacheMemory::own, pool_);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().message, file() + ": its weights are damaged");
}

TEST_F(WeightCache, WhatBecomesOfTheFileDoesNotMatterOnceItIsRead) {
  load(options());
  LoadedWeights cached = load(options());
  ASSERT_TRUE(cached.from_cache);
  std::filesystem::resize_file(file(), 0);
  EXPECT_EQ(weights_fingerprint(checkpoint_.config, cached.weights, pool_).value(),
            cached.weights.fingerprint);
}

TEST_F(WeightCache, NobodyReadsTheWeightsWhoCannotReadTheModel) {
  using std::filesystem::perms;
  std::filesystem::permissions(folder_ / "m.gguf", perms::owner_read | perms::owner_write);
  reopen();
  load(options());
  EXPECT_EQ(std::filesystem::status(file()).permissions(), perms::owner_read | perms::owner_write);
}

TEST_F(WeightCache, AFifoAtThePathIsANoteAndNoHang) {
  std::filesystem::create_directories(folder_ / "cache");
  ASSERT_EQ(::mkfifo(file().c_str(), 0600), 0);
  LoadedWeights loaded = load(options());
  EXPECT_FALSE(loaded.from_cache);
  ASSERT_EQ(loaded.notes.size(), 2u);
  EXPECT_EQ(loaded.notes[1],
            "weights are not cached: " + file() + ": is not a regular file, and is not replaced");
}

TEST_F(WeightCache, LeftoversOfDeadWritersAreRemoved) {
  std::filesystem::create_directories(folder_ / "cache");
  const std::string dead = folder_ / "cache/0123.weights.4194000.tmp", other = folder_ / "cache/notes.7.tmp";
  const std::string written = folder_ / "cache/4567.weights.4194001.tmp";
  for (const std::string& path : {dead, other, written}) write_file(path, "half");
  int fd = ::open(written.c_str(), O_RDONLY);
  ASSERT_EQ(::flock(fd, LOCK_EX), 0);
  load(options());
  EXPECT_FALSE(std::filesystem::exists(dead));
  EXPECT_TRUE(std::filesystem::exists(written));
  EXPECT_TRUE(std::filesystem::exists(other));
  ::close(fd);
}

TEST(NewFile, DroppedLeavesNothingAndReplacesNoDevice) {
  TemporaryFolder folder;
  write_file(folder / "out", "before");
  {
    Result<NewFile> file = NewFile::create(folder / "out");
    ASSERT_TRUE(file.ok());
    EXPECT_TRUE(file->write(std::as_bytes(std::span("half", 4))).ok());
  }
  EXPECT_EQ(read_file(folder / "out"), "before");
  Result<NewFile> file = NewFile::create(folder / "out");
  ASSERT_TRUE(file.ok());
  EXPECT_TRUE(file->write(std::as_bytes(std::span("whole", 5))).ok());
  EXPECT_TRUE(file->put_in_place().ok());
  EXPECT_EQ(read_file(folder / "out"), "whole");
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder.path()), {}), 1);
  EXPECT_FALSE(NewFile::create("/dev/null").ok());
  EXPECT_FALSE(NewFile::create(folder.path()).ok());
}

TEST(MappedFile, ALfsPointerIsNamedAsWhatItIs) {
  TemporaryFolder folder;
  write_file(folder / "m.gguf", "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n");
  Result<Checkpoint> opened = open_checkpoint(folder / "m.gguf");
  ASSERT_FALSE(opened.ok());
  EXPECT_EQ(opened.error().message,
            (folder / "m.gguf") +
                ": is a Git LFS pointer, not the file that it stands for; `git lfs pull` fetches that");
}

TEST(CacheDirectory, ARelativePathIsIgnored) {
  const char *cache = std::getenv("XDG_CACHE_HOME"), *home = std::getenv("HOME");
  const std::string old_cache = cache != nullptr ? cache : "", old_home = home != nullptr ? home : "";
  ::setenv("XDG_CACHE_HOME", "relative", 1);
  ::setenv("HOME", "/home/somebody", 1);
  EXPECT_EQ(default_cache_directory().value(), "/home/somebody/.cache/verbatim");
  ::setenv("XDG_CACHE_HOME", "/caches", 1);
  EXPECT_EQ(default_cache_directory().value(), "/caches/verbatim");
  ::setenv("XDG_CACHE_HOME", old_cache.c_str(), 1);
  ::setenv("HOME", old_home.c_str(), 1);
}

TEST_F(WeightCache, AFileOfAnotherKeyIsRefused) {
  load(options());
  Result<PackedWeights> read =
      read_weight_cache(file(), std::string(64, '0'), checkpoint_.config, CacheMemory::own, pool_);
  ASSERT_FALSE(read.ok());
  EXPECT_EQ(read.error().message, file() + ": made for another model or choice of weights");
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
