#include "schedule/scheduler.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "ops/kv_pages.h"

namespace verbatim {

namespace {

constexpr std::int64_t kForcedPreemptionWay = 16;  // tokens

}  // namespace

TokenSpan Scheduler::Sequence::block_tokens(std::int64_t block, std::int64_t count) const {
  return TokenSpan(tokens).subspan(static_cast<std::size_t>(block * kPageTokens),
                                   static_cast<std::size_t>(count));
}

Scheduler::Scheduler(const SchedulerOptions& options, std::int64_t pages)
    : options_(options), pool_(pages), index_(pool_) {
  CHECK(options.max_sequences >= 1 && options.max_sequences <= options.max_step_tokens &&
            options.max_sequences <= options.max_logits_rows,
        "{} sequences do not fit in a step of {} tokens with {} rows of logits", options.max_sequences,
        options.max_step_tokens, options.max_logits_rows);
}

std::int64_t Scheduler::pages_needed(std::int64_t tokens) { return (tokens + kPageTokens - 1) / kPageTokens; }

SequenceId Scheduler::add(NewSequence made) {
  CHECK(!made.tokens.empty(), "a sequence needs a token");
  CHECK(made.slots >= 1 && made.slots <= options_.max_sequences, "a sequence wants {} slots of {}",
        made.slots, options_.max_sequences);
  CHECK(pages_needed(static_cast<std::int64_t>(made.tokens.size())) <= pool_.pages(),
        "a sequence of {} tokens in {} pages", made.tokens.size(), pool_.pages());
  Sequence sequence;
  sequence.tokens = std::move(made.tokens);
  sequence.first_wanted = made.first_wanted;
  sequence.max_chunk = made.max_chunk;
  sequence.slots = made.slots;
  sequence.use_prefix_index = made.use_prefix_index;
  sequence.indexed = index_.root();
  SequenceId id = next_id_++;
  sequences_.emplace(id, std::move(sequence));
  waiting_.insert(id);
  return id;
}

Plan Scheduler::plan() {
  ++steps_;
  force_preemption();
  Plan plan;
  Budget left{options_.max_step_tokens, options_.max_logits_rows};
  std::int64_t preemptions_before = stats_.preemptions;

  std::vector<SequenceId> order(running_.begin(), running_.end());
  for (SequenceId id : order) sequences_.at(id).planned = false;
  std::stable_partition(order.begin(), order.end(),
                        [&](SequenceId id) { return sequences_.at(id).decodes(); });
  bool all_served = true;
  left.others = static_cast<std::int64_t>(order.size());
  for (SequenceId id : order) {
    --left.others;
    if (running_.contains(id)) all_served &= plan_rows(id, left, plan);
  }
  // A newcomer would take pages or rows that an older sequence just went without.
  if (all_served && stats_.preemptions == preemptions_before) admit(left, plan);
  return plan;
}

// Rows for one running sequence; false: it sits this step out.
bool Scheduler::plan_rows(SequenceId id, Budget& left, Plan& plan) {
  Sequence& s = sequences_.at(id);
  CHECK(s.remaining() > 0, "sequence {} has nothing to compute: append() or remove() was not called", id);
  std::int64_t before_wanted = std::max<std::int64_t>(s.first_wanted - s.computed, 0);
  std::int64_t rows = std::min(s.remaining(), before_wanted + left.logits - left.others);
  rows = std::min(rows, s.decodes() ? left.rows - left.others : left.rows);
  if (s.max_chunk > 0) rows = std::min(rows, s.max_chunk);
  rows = reserve(id, rows, plan);
  if (rows == 0) return false;

  StepBatch& batch = plan.batch;
  std::int64_t logits = std::max<std::int64_t>(rows - before_wanted, 0), first_row = batch.rows();
  plan.sequences.push_back(
      {id, s.computed, rows, static_cast<std::int64_t>(batch.logits_rows.size()), logits});
  auto used_pages = static_cast<std::ptrdiff_t>(pages_needed(s.computed + rows));
  batch.segments.push_back({static_cast<std::int32_t>(first_row), static_cast<std::int32_t>(rows),
                            static_cast<std::int32_t>(s.computed),
                            std::vector(s.pages.begin(), s.pages.begin() + used_pages)});
  for (std::int64_t i = 0; i < rows; ++i) {
    batch.tokens.push_back(s.tokens[static_cast<std::size_t>(s.computed + i)]);
    batch.positions.push_back(static_cast<std::int32_t>(s.computed + i));
    if (i >= rows - logits) batch.logits_rows.push_back(static_cast<std::int32_t>(first_row + i));
  }
  left.rows -= rows;
  left.logits -= logits;
  s.planned = true;
  return true;
}

void Scheduler::admit(Budget& left, Plan& plan) {
  while (!waiting_.empty() && left.rows > 0 && left.logits > 0) {
    SequenceId id = *waiting_.begin();
    Sequence& s = sequences_.at(id);
    PrefixIndex::Match match{{}, 0, index_.root()};
    std::int64_t sharable = s.use_prefix_index ? std::min(s.first_wanted, s.size() - 1) : 0;
    if (sharable > 0) match = index_.match(TokenSpan(s.tokens).first(static_cast<std::size_t>(sharable)));
    if (!may_admit(s, match)) return;
    stats_.prefix_query_tokens += sharable;
    waiting_.erase(id);
    running_.insert(id);
    start(s, match);
    if (!plan_rows(id, left, plan)) return;
  }
}

// All its tokens should find room now. When nothing else runs, all memory is there for it.
bool Scheduler::may_admit(const Sequence& s, const PrefixIndex::Match& match) const {
  if (running_.empty()) return true;
  if (slots_used_ + s.slots > options_.max_sequences) return false;
  std::int64_t whole_pages = match.tokens / kPageTokens;  // the others are new, or copies
  std::int64_t needed = pages_needed(s.size()) - whole_pages;
  std::int64_t revived = std::count_if(match.pages.begin(), match.pages.end(),
                                       [&](PageId page) { return pool_.refs(page) == 0; });
  return needed <= pool_.available() - revived;
}

void Scheduler::start(Sequence& s, const PrefixIndex::Match& match) {
  slots_used_ += s.slots;
  s.pages = match.pages;
  for (PageId page : s.pages) pool_.share(page);
  s.computed = match.tokens;
  s.indexed = match.node;
  s.indexed_pages = match.tokens / kPageTokens;
  s.planned = false;
  if (match.tokens > 0) ++stats_.prefix_hits;
  stats_.prefix_hit_tokens += match.tokens;
  if (!std::exchange(s.admitted_before, true)) s.history.prefix_hit_tokens = match.tokens;
}

// Makes the pages of the next `rows` positions the sequence's own; gives how many of the rows have one.
std::int64_t Scheduler::reserve(SequenceId id, std::int64_t rows, Plan& plan) {
  std::int64_t begin = sequences_.at(id).computed, end = begin;
  while (end < begin + rows && own_block(id, end / kPageTokens, plan))
    end = std::min(begin + rows, (end / kPageTokens + 1) * kPageTokens);
  return end - begin;
}

// Whether the sequence may write to block `block`: it has a page there that no one else sees, by a new page,
// a copy, or by taking a page out of the prefix index when there is nowhere to copy it to.
bool Scheduler::own_block(SequenceId id, std::int64_t block, Plan& plan) {
  Sequence& s = sequences_.at(id);
  auto b = static_cast<std::size_t>(block);
  CHECK(b <= s.pages.size(), "sequence {} skips to block {} of {}", id, block, s.pages.size());
  do {
    bool present = b < s.pages.size();
    if (present && pool_.writable(s.pages[b])) return true;
    if (std::optional<PageId> page = take_page()) {
      if (!present) {
        s.pages.push_back(*page);
        return true;
      }
      plan.copies.push_back({s.pages[b], *page});
      ++stats_.page_copies;
      pool_.release(std::exchange(s.pages[b], *page));
      return true;
    }
    if (present && pool_.refs(s.pages[b]) == 1) {
      index_.forget(s.pages[b]);
      return true;
    }
  } while (preempt_younger_than(id));
  return false;
}

std::optional<PageId> Scheduler::take_page() {
  if (pool_.free() == 0) index_.evict();
  return pool_.allocate();
}

bool Scheduler::preempt_younger_than(SequenceId id) {
  for (auto it = running_.rbegin(); it != running_.rend() && *it > id; ++it) {
    if (sequences_.at(*it).planned) continue;
    preempt(*it);
    return true;
  }
  return false;
}

// Every preempt_every steps, the youngest sequence that has come a good way further than when this last happened
// to it: so that it ends, after no more recomputations than its length holds such ways.
void Scheduler::force_preemption() {
  if (options_.preempt_every == 0 || steps_ % options_.preempt_every != 0) return;
  for (auto it = running_.rbegin(); it != running_.rend(); ++it) {
    Sequence& s = sequences_.at(*it);
    if (s.computed <= s.forced_out_at + kForcedPreemptionWay) continue;
    s.forced_out_at = s.computed;
    preempt(*it);
    return;
  }
}

void Scheduler::preempt(SequenceId id) {
  Sequence& s = sequences_.at(id);
  ++stats_.preemptions;
  ++s.history.preemptions;
  stats_.recomputed_tokens += s.computed;
  release_pages(s);
  running_.erase(id);
  waiting_.insert(id);
}

// The pages go back to the pool; what they hold stays known to the prefix index until it gives them up.
void Scheduler::release_pages(Sequence& s) {
  std::int64_t partial = s.computed % kPageTokens;
  if (s.use_prefix_index && partial > 0) {
    std::int64_t block = s.computed / kPageTokens;
    PageId page = s.pages[static_cast<std::size_t>(block)];
    if (!pool_.cached(page)) index_.insert(s.indexed, s.block_tokens(block, partial), page);
  }
  for (PageId page : s.pages) pool_.release(page);
  s.pages.clear();
  s.computed = 0;
  s.indexed = index_.root();
  s.indexed_pages = 0;
  slots_used_ -= s.slots;
}

void Scheduler::commit(const Plan& plan) {
  for (const PlannedRows& rows : plan.sequences) {
    auto it = sequences_.find(rows.id);
    if (it == sequences_.end()) continue;
    Sequence& s = it->second;
    CHECK(s.computed == rows.first_position, "sequence {} stands at {}, the plan at {}", rows.id, s.computed,
          rows.first_position);
    s.computed += rows.rows;
    s.first_wanted = std::max(s.first_wanted, s.computed);
    if (s.use_prefix_index) index_whole_pages(s);
  }
}

// Where another sequence computed the same page meanwhile, its page serves both: they hold the same bits.
void Scheduler::index_whole_pages(Sequence& s) {
  for (; (s.indexed_pages + 1) * kPageTokens <= s.computed; ++s.indexed_pages) {
    PageId& page = s.pages[static_cast<std::size_t>(s.indexed_pages)];
    s.indexed = index_.insert(s.indexed, s.block_tokens(s.indexed_pages, kPageTokens), page);
    PageId known = index_.page_of(s.indexed);
    if (known == page) continue;
    pool_.share(known);
    pool_.release(std::exchange(page, known));
  }
}

void Scheduler::append(SequenceId id, TokenSpan tokens) {
  Sequence& s = sequences_.at(id);
  CHECK(s.remaining() == 0, "{} tokens were appended to sequence {}, which has {} left to compute",
        tokens.size(), id, s.remaining());
  s.tokens.insert(s.tokens.end(), tokens.begin(), tokens.end());
}

void Scheduler::rewind(SequenceId id, std::int64_t position) {
  Sequence& s = sequences_.at(id);
  CHECK(position >= 1 && position <= s.first_wanted,
        "sequence {} goes back to {}, its logits were given to {}", id, position, s.first_wanted);
  s.tokens.resize(static_cast<std::size_t>(position));
  s.first_wanted = position;
  s.computed = std::min(s.computed, position);
  for (auto kept = static_cast<std::size_t>(pages_needed(s.computed)); s.pages.size() > kept;) {
    pool_.release(s.pages.back());
    s.pages.pop_back();
  }
  for (; s.indexed_pages * kPageTokens > s.computed; --s.indexed_pages)
    s.indexed = index_.parent_of(s.indexed);
}

SequenceId Scheduler::fork(SequenceId parent) {
  Sequence& from = sequences_.at(parent);
  CHECK(from.slots > 1 && from.remaining() == 0, "sequence {} cannot fork: {} slots, {} tokens left", parent,
        from.slots, from.remaining());
  --from.slots;
  Sequence child = from;
  child.slots = 1;
  for (PageId page : child.pages) pool_.share(page);
  SequenceId id = next_id_++;
  sequences_.emplace(id, std::move(child));
  running_.insert(id);
  return id;
}

void Scheduler::remove(SequenceId id) {
  Sequence& s = sequences_.at(id);
  if (running_.erase(id) > 0) {
    release_pages(s);
  } else {
    waiting_.erase(id);
  }
  sequences_.erase(id);
}

}  // namespace verbatim
