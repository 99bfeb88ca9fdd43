#include "schedule/prefix_index.h"

#include <algorithm>

#include "base/check.h"
#include "ops/kv_pages.h"

namespace verbatim {

namespace {

struct TokensLess {
  using is_transparent = void;
  bool operator()(TokenSpan a, TokenSpan b) const {
    return std::lexicographical_compare(a.begin(), a.end(), b.begin(), b.end());
  }
};

std::int64_t common_length(TokenSpan a, TokenSpan b) {
  auto [end_a, end_b] = std::mismatch(a.begin(), a.end(), b.begin(), b.end());
  return end_a - a.begin();
}

}  // namespace

struct PrefixIndex::Node {
  Node* parent = nullptr;  // nullptr: a root
  std::string_view name;   // of a root: its namespace's
  std::int64_t users = 0;  // of a root: how often it is open
  PageId page = -1;
  std::uint64_t last_used = 0;
  TokenSpan tokens;  // the key in the parent's map
  std::map<std::vector<std::int32_t>, std::unique_ptr<Node>, TokensLess> children;

  struct Closest {
    Node* child = nullptr;
    std::int64_t common = 0;
  };
  // The child that shares the longest beginning with `wanted`:
  // in lexicographic order it stands next to `wanted`.
  Closest closest(TokenSpan wanted) const {
    Closest best;
    auto consider = [&](auto it) {
      std::int64_t common = common_length(it->first, wanted);
      if (common > best.common) best = {it->second.get(), common};
    };
    auto it = children.lower_bound(wanted);
    if (it != children.end()) consider(it);
    if (it != children.begin()) consider(std::prev(it));
    return best;
  }
};

PrefixIndex::PrefixIndex(BlockPool& pool)
    : pool_(pool), node_of_page_(static_cast<std::size_t>(pool.pages())) {}

PrefixIndex::~PrefixIndex() = default;

PrefixIndex::Node* PrefixIndex::open(std::string_view name) {
  auto it = roots_.find(name);
  if (it == roots_.end()) {
    it = roots_.emplace(name, std::make_unique<Node>()).first;
    it->second->name = it->first;
  }
  open(it->second.get());
  return it->second.get();
}

void PrefixIndex::open(Node* root) { ++root->users; }

void PrefixIndex::close(Node* root) {
  --root->users;
  drop_if_idle(root);
}

void PrefixIndex::drop_if_idle(Node* root) {
  if (root->users == 0 && root->children.empty()) roots_.erase(roots_.find(root->name));
}

PageId PrefixIndex::page_of(const Node* node) const { return node->page; }
PrefixIndex::Node* PrefixIndex::parent_of(const Node* node) const { return node->parent; }

PrefixIndex::Match PrefixIndex::match(Node* root, TokenSpan tokens) {
  Match match{{}, 0, root};
  Node* last = root;
  while (match.node == last) {
    TokenSpan rest = tokens.subspan(static_cast<std::size_t>(match.tokens));
    auto [child, common] = match.node->closest(rest.first(std::min<std::size_t>(rest.size(), kPageTokens)));
    if (child == nullptr) break;
    last = child;
    match.pages.push_back(child->page);
    match.tokens += common;
    if (common == kPageTokens) match.node = child;
  }
  touch(last);
  return match;
}

PrefixIndex::Node* PrefixIndex::insert(Node* parent, TokenSpan tokens, PageId page) {
  std::int64_t length = static_cast<std::int64_t>(tokens.size());
  CHECK(length >= 1 && length <= kPageTokens, "a page of {} tokens", length);
  auto [near, common] = parent->closest(tokens);
  if (common == length) {  // these tokens, or a page that begins with them
    touch(near);
    return near;
  }
  // A part of a page that the new one continues says nothing that the new one does not say.
  if (near != nullptr && common == static_cast<std::int64_t>(near->tokens.size())) remove(near);

  auto [it, added] =
      parent->children.emplace(std::vector(tokens.begin(), tokens.end()), std::make_unique<Node>());
  Node* node = it->second.get();
  node->parent = parent;
  node->page = page;
  node->tokens = it->first;
  leaves_.erase(parent->last_used);
  pool_.set_cached(page);
  node_of_page_[static_cast<std::size_t>(page)] = node;
  ++nodes_;
  touch(node);
  return node;
}

// Parents are used with their children, and count as more recent: a path is given up from its end.
void PrefixIndex::touch(Node* node) {
  for (; node->parent != nullptr; node = node->parent) {
    leaves_.erase(node->last_used);
    node->last_used = ++uses_;
    if (node->children.empty()) leaves_.emplace(node->last_used, node);
  }
}

void PrefixIndex::remove(Node* node) {
  CHECK(node->children.empty(), "page {} is given up while longer prefixes need it", node->page);
  leaves_.erase(node->last_used);
  node_of_page_[static_cast<std::size_t>(node->page)] = nullptr;
  pool_.clear_cached(node->page);
  --nodes_;
  Node* parent = node->parent;
  parent->children.erase(parent->children.find(node->tokens));
  if (!parent->children.empty()) return;
  parent->parent != nullptr ? void(leaves_.emplace(parent->last_used, parent)) : drop_if_idle(parent);
}

bool PrefixIndex::evict() {
  for (auto [last_used, node] : leaves_) {
    if (pool_.refs(node->page) > 0) continue;
    remove(node);
    ++evictions_;
    return true;
  }
  return false;
}

void PrefixIndex::forget(PageId page) {
  Node* node = node_of_page_[static_cast<std::size_t>(page)];
  CHECK(node != nullptr, "page {} is not in the prefix index", page);
  remove(node);
}

}  // namespace verbatim
