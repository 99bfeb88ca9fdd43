#include "load/cache_folder.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>

#include "load/load_weights.h"
#include "test_files.h"

namespace verbatim {
namespace {

using testing::SmallModel;
using testing::TemporaryFolder;
using testing::write_file;

class CacheFolder : public ::testing::Test {
 protected:
  // Loads a model of this name through the cache.
  LoadedWeights load(const std::string& name, std::int64_t cache_bytes = std::int64_t{1} << 40) {
    const std::string path = folder_ / name;
    if (!std::filesystem::exists(path)) SmallModel("qwen2").write(path);
    Result<Checkpoint> checkpoint = open_checkpoint(path);
    CHECK(checkpoint.ok(), "{}", checkpoint.error().message);
    LoadOptions options;
    options.cache_directory = cache_;
    options.cache_bytes = cache_bytes;
    Result<LoadedWeights> loaded = load_weights(*checkpoint, options, pool_);
    CHECK(loaded.ok(), "{}", loaded.error().message);
    return *std::move(loaded);
  }
  std::vector<std::string> models() const {
    std::vector<std::string> names;
    for (const CachedWeights& file : cached_weights(cache_))
      names.push_back(std::filesystem::path(file.model).filename().string());
    return names;
  }
  // As if it had been used so many days ago.
  void age(const std::string& name, int days) {
    for (const CachedWeights& file : cached_weights(cache_)) {
      if (!file.model.ends_with(name)) continue;
      const timespec times[2] = {{0, UTIME_OMIT}, {file.last_used - days * 86400, 0}};
      ASSERT_EQ(::utimensat(AT_FDCWD, file.path.c_str(), times, 0), 0);
    }
  }

  TemporaryFolder folder_;
  std::string cache_ = folder_ / "cache";
  ThreadPool pool_{1};
};

using Names = std::vector<std::string>;

TEST_F(CacheFolder, ListsModelsByTheirLastUse) {
  EXPECT_EQ(models(), Names());
  load("a.gguf"), load("b.gguf"), load("c.gguf");
  age("a.gguf", 1), age("b.gguf", 3), age("c.gguf", 2);
  EXPECT_EQ(models(), (Names{"a.gguf", "c.gguf", "b.gguf"}));
  EXPECT_TRUE(load("b.gguf").from_cache);
  EXPECT_EQ(models(), (Names{"b.gguf", "a.gguf", "c.gguf"})) << "a hit is a use";
}

TEST_F(CacheFolder, PrunesWhatWasUsedLongestAgo) {
  load("a.gguf"), load("b.gguf"), load("c.gguf");
  age("a.gguf", 1), age("b.gguf", 3), age("c.gguf", 2);
  const std::int64_t each = cached_weights(cache_).front().bytes;
  EXPECT_EQ(prune_cached_weights(cache_, 3 * each).size(), 0u);
  EXPECT_EQ(prune_cached_weights(cache_, 2 * each).size(), 1u);
  EXPECT_EQ(models(), (Names{"a.gguf", "c.gguf"}));
  EXPECT_EQ(prune_cached_weights(cache_, 0, cached_weights(cache_).back().path).size(), 1u);
  EXPECT_EQ(models(), (Names{"c.gguf"}));
}

TEST_F(CacheFolder, GrowsToItsLimit) {
  load("a.gguf");
  age("a.gguf", 1);
  const std::int64_t each = cached_weights(cache_).front().bytes;
  EXPECT_TRUE(load("b.gguf", 2 * each).notes.empty());
  const LoadedWeights third = load("c.gguf", 2 * each);
  ASSERT_EQ(third.notes.size(), 1u);
  EXPECT_NE(third.notes.front().find("gave up"), std::string::npos);
  EXPECT_EQ(models().size(), 2u);
  load("d.gguf", 1);
  EXPECT_EQ(models(), (Names{"d.gguf"})) << "the one that was just made stays";
}

// Of another version, or no cache file at all: it counts, and goes like the others. What else lies there stays.
TEST_F(CacheFolder, StrangeFilesAreNoMatter) {
  std::filesystem::create_directories(cache_);
  write_file(cache_ + "/old.weights", "something else");
  write_file(cache_ + "/notes.txt", "mine");
  std::filesystem::create_symlink(cache_ + "/notes.txt", cache_ + "/link.weights");
  const auto files = cached_weights(cache_);
  ASSERT_EQ(files.size(), 1u);
  EXPECT_EQ(files.front().model, "");
  EXPECT_EQ(prune_cached_weights(cache_, 0).size(), 1u);
  EXPECT_TRUE(std::filesystem::exists(cache_ + "/notes.txt"));
}

}  // namespace
}  // namespace verbatim
