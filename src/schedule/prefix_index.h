// PrefixIndex: which pages hold which beginnings of token sequences, so that a new sequence can share them.
//
// A tree. The edge from a node to its child is the tokens of one page: 128 of them, or fewer for the last
// page of a sequence, which is then a leaf. The path from the root spells the sequence from position 0, so a
// page is found only by a sequence that equals its own up to there. Tokens are compared themselves, in an
// ordered map: there is no hash, hence no collision that could hand out another text's page. One index serves
// one model and one pool.
//
// Each namespace has a tree of its own, so no text of one can be found, or guessed by its speed, from another.
//
// A child need not match whole: the longest common beginning counts, so a match may have any length. Who
// continues inside a page must copy it first (scheduler.h does, on the first write).
//
// Invariants: every node's page is cached in the pool. A sequence that uses a node's page uses the pages of
// all its ancestors. So wherever some cached page has no user, some leaf has none, and evict() finds it.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "schedule/block_pool.h"

namespace verbatim {

using TokenSpan = std::span<const std::int32_t>;

class PrefixIndex {
 public:
  struct Node;

  explicit PrefixIndex(BlockPool& pool);
  ~PrefixIndex();
  PrefixIndex(const PrefixIndex&) = delete;
  PrefixIndex& operator=(const PrefixIndex&) = delete;

  // The root of a namespace. It stays while somebody has it open, or a page is known below it.
  Node* open(std::string_view name);
  void open(Node* root);  // once more
  void close(Node* root);

  struct Match {
    std::vector<PageId> pages;  // of blocks 0, 1, ...; not shared yet: the caller does
    std::int64_t tokens = 0;    // that the pages hold of the sequence; the last page may match in part
    Node* node = nullptr;       // of the last page that matches whole, else the root
  };
  // The longest known beginning of `tokens`. It becomes the most recently used.
  Match match(Node* root, TokenSpan tokens);

  // Says that `page` holds `tokens` (1 to 128) after the path to `parent`. Gives the node of these tokens: a
  // new one, or the one that was there, with its own page. A part of a page that another page already holds
  // is not added.
  // REQUIRES: the path to `parent` is whole pages, used by the caller; page is used and not cached
  Node* insert(Node* parent, TokenSpan tokens, PageId page);
  PageId page_of(const Node* node) const;
  Node* parent_of(const Node* node) const;

  // Gives up the least recently used page that has no user and nothing below it; false: there is none.
  bool evict();
  // Gives up this page, whoever uses it.  REQUIRES: it is cached and a leaf
  void forget(PageId page);

  std::int64_t nodes() const { return nodes_; }
  std::size_t namespaces() const { return roots_.size(); }
  std::int64_t evictions() const { return evictions_; }

 private:
  void touch(Node* node);
  void remove(Node* node);
  void drop_if_idle(Node* root);

  BlockPool& pool_;
  std::map<std::string, std::unique_ptr<Node>, std::less<>> roots_;  // by the names of namespaces
  std::map<std::uint64_t, Node*> leaves_;                            // by last use, oldest first
  std::vector<Node*> node_of_page_;
  std::uint64_t uses_ = 0;
  std::int64_t nodes_ = 0, evictions_ = 0;
};

}  // namespace verbatim
