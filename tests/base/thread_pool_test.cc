// ThreadPool: every part once, ranges that cover exactly, and a hand-over between steps that loses nothing,
// however quickly the steps follow one another. Run under the thread sanitizer too (./dev test tsan base).
#include "parallel/thread_pool.h"

#include <gtest/gtest.h>
#include <sched.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <latch>
#include <mutex>
#include <set>
#include <thread>
#include <vector>

namespace verbatim {
namespace {

struct Range {
  std::int64_t begin, end;
  int part;
};

std::vector<Range> ranges_of(ThreadPool& pool, std::int64_t count, std::int64_t grain) {
  std::mutex mutex;
  std::vector<Range> ranges;
  pool.for_range(count, grain, [&](std::int64_t begin, std::int64_t end, int part) {
    std::lock_guard lock(mutex);
    ranges.push_back({begin, end, part});
  });
  std::sort(ranges.begin(), ranges.end(), [](const Range& a, const Range& b) { return a.begin < b.begin; });
  return ranges;
}

class ThreadPoolOfSize : public testing::TestWithParam<int> {};
INSTANTIATE_TEST_SUITE_P(Sizes, ThreadPoolOfSize, testing::Values(1, 2, 3, 8));

// Each part waits until all have begun, which no thread can do for two of them.
TEST_P(ThreadPoolOfSize, RunsEachPartOnceOnItsOwnThread) {
  ThreadPool pool(GetParam());
  EXPECT_EQ(pool.size(), GetParam());
  std::latch all_begun(GetParam());
  std::mutex mutex;
  std::multiset<int> parts;
  std::set<std::thread::id> threads;
  pool.run([&](int part) {
    all_begun.arrive_and_wait();
    std::lock_guard lock(mutex);
    parts.insert(part);
    threads.insert(std::this_thread::get_id());
  });
  std::multiset<int> all;
  for (int part = 0; part < GetParam(); ++part) all.insert(part);
  EXPECT_EQ(parts, all);
  EXPECT_EQ(threads.size(), static_cast<std::size_t>(GetParam()));
}

TEST_P(ThreadPoolOfSize, RangesCoverEachCountExactlyAndBreakAtGrains) {
  ThreadPool pool(GetParam());
  for (std::int64_t grain : {1, 3, 16}) {
    for (std::int64_t count : {0, 1, 2, 3, 7, 8, 15, 16, 17, 47, 48, 49, 1000}) {
      std::int64_t next = 0;
      std::set<int> parts;
      for (auto [begin, end, part] : ranges_of(pool, count, grain)) {
        EXPECT_EQ(begin, next) << "count " << count << ", grain " << grain;
        EXPECT_LT(begin, end);
        EXPECT_EQ(begin % grain, 0);
        EXPECT_TRUE(parts.insert(part).second) << "part " << part << " twice";
        EXPECT_TRUE(part >= 0 && part < GetParam()) << part;
        next = end;
      }
      EXPECT_EQ(next, count) << "grain " << grain;
    }
  }
}

TEST_P(ThreadPoolOfSize, SharesGrainsEvenly) {
  ThreadPool pool(GetParam());
  for (auto [begin, end, part] : ranges_of(pool, 16 * 100, 16)) {
    std::int64_t grains = (end - begin) / 16;
    EXPECT_GE(grains, 100 / GetParam()) << "part " << part;
    EXPECT_LE(grains, 100 / GetParam() + 1) << "part " << part;
  }
}

// Plain variables on purpose: what one run wrote, the next reads, with nothing but run() between them.
TEST_P(ThreadPoolOfSize, EachRunSeesWhatTheRunBeforeItWrote) {
  ThreadPool pool(GetParam());
  auto size = static_cast<std::size_t>(GetParam());
  std::vector<std::int64_t> sums(size * 2, 1);
  constexpr int kRuns = 1000;
  for (int step = 0; step < kRuns; ++step) {
    const std::int64_t* from = &sums[step % 2 == 0 ? 0 : size];
    std::int64_t* to = &sums[step % 2 == 0 ? size : 0];
    pool.run([&](int part) {
      auto neighbour = (static_cast<std::size_t>(part) + 1) % size;
      to[part] = from[neighbour] + 1;
    });
  }
  for (std::size_t i = 0; i < size; ++i) EXPECT_EQ(sums[i], kRuns + 1);
}

TEST_P(ThreadPoolOfSize, WakesWorkersThatWentToSleep) {
  ThreadPool pool(GetParam());
  std::atomic<int> calls = 0;
  pool.run([&](int) { ++calls; });
  // Far longer than the workers spin: a second pool keeps this thread busy meanwhile.
  ThreadPool other(2);
  for (int i = 0; i < 2000; ++i) other.run([](int) {});
  pool.run([&](int) { ++calls; });
  EXPECT_EQ(calls, 2 * GetParam());
}

// Sixteen threads on one processor: the caller does not wait for those that have not begun. It counts the parts that it
// took from them.
TEST(ThreadPool, DoesThePartsOfThreadsThatDoNotCome) {
  cpu_set_t before, one;
  ASSERT_EQ(sched_getaffinity(0, sizeof before, &before), 0);
  CPU_ZERO(&one);
  for (int cpu = 0; CPU_COUNT(&one) == 0; ++cpu)
    if (CPU_ISSET(cpu, &before)) CPU_SET(cpu, &one);
  ASSERT_EQ(sched_setaffinity(0, sizeof one, &one), 0);
  std::atomic<int> calls = 0, taken_over = 0;
  {
    ThreadPool pool(16);
    const std::thread::id caller = std::this_thread::get_id();
    for (int i = 0; i < 2000; ++i)
      pool.run([&](int part) {
        ++calls;
        if (part != 0 && std::this_thread::get_id() == caller) ++taken_over;
      });
  }
  ASSERT_EQ(sched_setaffinity(0, sizeof before, &before), 0);
  EXPECT_EQ(calls, 2000 * 16);
  EXPECT_GT(taken_over, 0);
}

TEST(ThreadPool, PoolsLiveAndEndInsideTasksOfAnother) {
  ThreadPool outer(3);
  std::atomic<int> calls = 0;
  outer.run([&](int) {
    for (int i = 0; i < 20; ++i) {
      ThreadPool inner(2);
      inner.run([&](int) { ++calls; });
    }
  });
  EXPECT_EQ(calls, 3 * 20 * 2);
}

TEST(ThreadPool, EndsWithoutEverHavingRun) {
  for (int i = 0; i < 50; ++i) ThreadPool pool(1 + i % 4);
}

TEST(ThreadPoolDeathTest, RefusesWorkFromItsOwnTask) {
  EXPECT_DEATH(
      {
        ThreadPool pool(2);
        pool.run([&](int part) {
          if (part == 0) pool.run([](int) {});
        });
      },
      "given work while it runs a task");
}

TEST(ThreadPoolDeathTest, RefusesToBeEmpty) {
  EXPECT_DEATH(ThreadPool pool(0), "at least one thread, not 0");
}

}  // namespace
}  // namespace verbatim
