#include "schedule/prefix_index.h"

#include <gtest/gtest.h>

#include <random>

#include "ops/kv_pages.h"

namespace verbatim {
namespace {

std::vector<std::int32_t> page_of_tokens(std::int32_t first, std::int64_t count = kPageTokens) {
  std::vector<std::int32_t> tokens(static_cast<std::size_t>(count), 7);
  tokens[0] = first;
  return tokens;
}

TEST(PrefixIndex, FindsTheLongestBeginningAmongMany) {
  std::mt19937 random(1);
  for (int round = 0; round < 200; ++round) {
    BlockPool pool(40);
    PrefixIndex index(pool);
    auto* root = index.open("");
    std::vector<std::vector<std::int32_t>> known;
    auto random_tokens = [&] {
      std::vector<std::int32_t> tokens(1 + random() % 6);
      for (std::int32_t& token : tokens) token = static_cast<std::int32_t>(random() % 3);
      return tokens;
    };
    for (int i = 0; i < 30; ++i) {
      PageId page = *pool.allocate();
      known.push_back(random_tokens());
      index.insert(root, known.back(), page);
      pool.release(page);
    }
    for (int i = 0; i < 30; ++i) {
      std::vector<std::int32_t> wanted = random_tokens();
      std::int64_t longest = 0;
      for (const auto& tokens : known)
        longest = std::max<std::int64_t>(
            longest,
            std::mismatch(tokens.begin(), tokens.end(), wanted.begin(), wanted.end()).first - tokens.begin());
      EXPECT_EQ(index.match(root, wanted).tokens, longest);
    }
    EXPECT_EQ(pool.reclaimable(), index.nodes());
    while (index.evict()) {
    }
    EXPECT_EQ(pool.free(), pool.pages());
  }
}

TEST(PrefixIndex, EvictsTheLeastRecentlyUsedLeafThatNoOneUses) {
  BlockPool pool(4);
  PrefixIndex index(pool);
  auto* root = index.open("");
  PageId a = *pool.allocate(), b = *pool.allocate(), c = *pool.allocate(), d = *pool.allocate();
  auto* node_a = index.insert(root, page_of_tokens(1), a);
  index.insert(node_a, page_of_tokens(2, 5), b);  // below a
  index.insert(root, page_of_tokens(3), c);
  index.insert(root, page_of_tokens(4), d);
  for (PageId page : {a, b, c}) pool.release(page);
  index.match(root, page_of_tokens(3));  // now c is more recent than b
  auto gone = [&](PageId page) { return !pool.cached(page); };
  EXPECT_TRUE(index.evict());
  EXPECT_TRUE(gone(b) && !gone(a) && !gone(c));
  EXPECT_TRUE(index.evict());
  EXPECT_TRUE(gone(a) && !gone(c));
  EXPECT_TRUE(index.evict());
  EXPECT_TRUE(gone(c));
  EXPECT_FALSE(index.evict()) << "d is in use";
  EXPECT_EQ(pool.refs(d), 1);
}

TEST(PrefixIndex, KeepsOnePageForOneText) {
  BlockPool pool(4);
  PrefixIndex index(pool);
  auto* root = index.open("");
  PageId part = *pool.allocate(), whole = *pool.allocate(), again = *pool.allocate();
  index.insert(root, page_of_tokens(1, 50), part);
  auto* node = index.insert(root, page_of_tokens(1), whole);
  EXPECT_EQ(index.nodes(), 1) << "the part is covered by the whole";
  EXPECT_FALSE(pool.cached(part));
  EXPECT_EQ(index.insert(root, page_of_tokens(1), again), node);
  EXPECT_EQ(index.page_of(node), whole);
  index.insert(root, page_of_tokens(1, 20), again);
  EXPECT_EQ(index.nodes(), 1);
  EXPECT_FALSE(pool.cached(again));
}

TEST(PrefixIndex, NamespacesAreApartAndGoWithTheirLastPage) {
  BlockPool pool(4);
  PrefixIndex index(pool);
  auto* a = index.open("a");
  auto* b = index.open("b");
  EXPECT_EQ(index.open("a"), a);
  const PageId page = *pool.allocate();
  index.insert(a, page_of_tokens(1), page);
  pool.release(page);
  EXPECT_EQ(index.match(a, page_of_tokens(1)).tokens, kPageTokens);
  EXPECT_EQ(index.match(b, page_of_tokens(1)).tokens, 0);
  index.close(b);
  EXPECT_EQ(index.namespaces(), 1u);
  index.close(a);
  index.close(a);
  EXPECT_EQ(index.namespaces(), 1u) << "its page is known";
  EXPECT_TRUE(index.evict());
  EXPECT_EQ(index.namespaces(), 0u);
}

}  // namespace
}  // namespace verbatim
