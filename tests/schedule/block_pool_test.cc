#include "schedule/block_pool.h"

#include <gtest/gtest.h>

namespace verbatim {
namespace {

TEST(BlockPool, PagesComeBackWhenTheLastUserAndTheIndexLetGo) {
  BlockPool pool(2);
  PageId page = *pool.allocate();
  EXPECT_TRUE(pool.writable(page));
  pool.share(page);
  EXPECT_FALSE(pool.writable(page));
  pool.release(page);
  EXPECT_TRUE(pool.writable(page));
  pool.set_cached(page);
  EXPECT_FALSE(pool.writable(page));
  pool.release(page);
  EXPECT_EQ(pool.free(), 1);
  EXPECT_EQ(pool.reclaimable(), 1);
  pool.share(page);
  EXPECT_EQ(pool.reclaimable(), 0);
  pool.clear_cached(page);
  EXPECT_EQ(pool.free(), 1);
  pool.release(page);
  EXPECT_EQ(pool.free(), 2);
}

TEST(BlockPool, HandsOutEveryPageOnce) {
  BlockPool pool(3);
  EXPECT_EQ(*pool.allocate() + *pool.allocate() + *pool.allocate(), 0 + 1 + 2);
  EXPECT_FALSE(pool.allocate());
}

TEST(BlockPoolDeathTest, MisuseIsABug) {
  BlockPool pool(1);
  EXPECT_DEATH(pool.release(0), "released more often");
  EXPECT_DEATH(pool.share(0), "is free");
  EXPECT_DEATH(pool.clear_cached(0), "not in the prefix index");
  EXPECT_DEATH(pool.share(1), "page 1 of 1");
}

}  // namespace
}  // namespace verbatim
