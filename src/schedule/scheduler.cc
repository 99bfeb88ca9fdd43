#include "schedule/scheduler.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "ops/kv_pages.h"

namespace verbatim {

namespace {

constexpr std::int64_t kForcedPreemptionWay = 16;  // tokens
constexpr std::int64_t kShortStep = 4;             // so much shorter is one that a short newcomer waits for
constexpr std::int64_t kTurnsInAStep = 8;  // so many owners share the rows of one, if there are as many

}  // namespace

// Somebody who wants rows. The least is next.
struct Scheduler::Candidate {
  FairShare::Turn turn;
  SequenceId id = 0;
  friend auto operator<=>(const Candidate&, const Candidate&) = default;
};

struct Scheduler::Making {
  Plan plan;
  std::int64_t rows = 0, logits = 0;  // that are left
  std::int64_t kept = 0;              // of the logits: one for each running prompt, which may reach its end
  std::vector<SequenceId> order;      // who has rows, in the order of their first
  bool admits = true;                 // nobody went without a page, a seat or memory
};

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
  sequence.owner = made.owner;
  sequence.indexed = sequence.root = index_.open(made.prefix_namespace);
  share_.enter(sequence.owner);
  SequenceId id = next_id_++;
  sequences_.emplace(id, std::move(sequence));
  waiting_[sequences_.at(id).owner].insert(id);
  return id;
}

Plan Scheduler::plan() {
  ++steps_;
  force_preemption();
  while (hand_over_seat()) {
  }
  Making making{{}, options_.max_step_tokens, options_.max_logits_rows, 0, {}, true};
  const std::vector<SequenceId> by_age(running_.begin(), running_.end());
  for (SequenceId id : by_age) {
    sequences_.at(id).planned = 0;
    making.kept += sequences_.at(id).decodes() ? 0 : 1;
  }
  for (SequenceId id : by_age)
    if (running_.contains(id) && sequences_.at(id).decodes()) serve(id, 1, 1, making);
  take_turns(making);
  for (SequenceId id : making.order) add_rows(id, sequences_.at(id), making.plan);
  return std::move(making.plan);
}

void Scheduler::take_turns(Making& making) {
  const std::int64_t rows = std::max<std::int64_t>(options_.max_step_tokens / kTurnsInAStep, 1);
  const std::int64_t logits = std::max<std::int64_t>(options_.max_logits_rows / kTurnsInAStep, 1);
  auto candidate_of = [&](SequenceId id) { return Candidate{share_.turn(sequences_.at(id).owner), id}; };
  auto oldest = std::ranges::find_if(running_, [&](SequenceId id) { return sequences_.at(id).wants_rows(); });
  if (oldest != running_.end()) serve(*oldest, rows, logits, making);

  // The least is at the front. Shares only grow, so what was written down of a turn is never too much.
  std::vector<Candidate> heap = waiting_candidates();
  for (SequenceId id : running_)
    if (sequences_.at(id).wants_rows()) heap.push_back(candidate_of(id));
  std::ranges::make_heap(heap, std::ranges::greater());
  auto push = [&](const Candidate& candidate) {
    heap.push_back(candidate);
    std::ranges::push_heap(heap, std::ranges::greater());
  };
  while (!heap.empty() && making.rows > 0) {
    std::ranges::pop_heap(heap, std::ranges::greater());
    const Candidate next = heap.back();
    heap.pop_back();
    if (!sequences_.contains(next.id)) continue;
    const Sequence& s = sequences_.at(next.id);
    if (const Candidate now = candidate_of(next.id); next < now) {
      push(now);
      continue;
    }
    if (!running_.contains(next.id)) {
      if (!admit(next.id, making)) continue;
      if (auto ids = waiting_.find(s.owner); ids != waiting_.end()) push(candidate_of(*ids->second.begin()));
    }
    if (serve(next.id, rows, logits, making) && s.wants_rows()) push(candidate_of(next.id));
  }
}

// The oldest of each owner who waits.
std::vector<Scheduler::Candidate> Scheduler::waiting_candidates() const {
  std::vector<Candidate> candidates;
  for (const auto& [owner, ids] : waiting_) candidates.push_back({share_.turn(owner), *ids.begin()});
  return candidates;
}

// More rows for a running sequence, one after the other; false: it gets none now.
bool Scheduler::serve(SequenceId id, std::int64_t most_rows, std::int64_t most_logits, Making& making) {
  Sequence& s = sequences_.at(id);
  const std::int64_t short_step = std::max<std::int64_t>(options_.max_step_tokens / kShortStep, 1);
  if (std::exchange(s.newcomer, false) && s.remaining() <= short_step)
    making.rows = std::min(making.rows, short_step);
  const std::int64_t begin = s.computed + s.planned;
  const std::int64_t before_wanted = std::max<std::int64_t>(s.first_wanted - begin, 0);
  const std::int64_t own = before_wanted > 0 ? 1 : 0;
  const std::int64_t logits = std::clamp<std::int64_t>(making.logits - making.kept + own, 0, most_logits);
  std::int64_t rows = std::min({s.size() - begin, most_rows, making.rows, before_wanted + logits});
  if (s.max_chunk > 0) rows = std::min(rows, s.max_chunk - s.planned);
  const std::int64_t wanted = rows, preemptions = stats_.preemptions;
  rows = reserve(id, rows, making.plan);
  // A newcomer would take the pages that a running sequence just went without.
  if (rows < wanted || stats_.preemptions > preemptions) making.admits = false;
  if (rows <= 0) return false;
  if (s.planned == 0) making.order.push_back(id);
  s.planned += rows;
  making.rows -= rows;
  if (rows > before_wanted) {
    making.logits -= rows - before_wanted;
    making.kept -= own;
  }
  share_.add_work(s.owner, std::max<std::int64_t>(begin + rows - std::max(begin, s.paid_until), 0));
  return true;
}

void Scheduler::add_rows(SequenceId id, const Sequence& s, Plan& plan) {
  StepBatch& batch = plan.batch;
  const std::int64_t rows = s.planned, first_row = batch.rows();
  const std::int64_t logits = std::clamp<std::int64_t>(s.computed + rows - s.first_wanted, 0, rows);
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
}

// Whether the waiting sequence runs now.
bool Scheduler::admit(SequenceId id, Making& making) {
  if (!making.admits) return false;
  const Sequence& s = sequences_.at(id);
  const PrefixIndex::Match known = match(s);
  if (is_being_computed(s, known)) return false;
  making.admits = has_seat_for(s) && has_memory_for(s, known);
  if (!making.admits) return false;
  start(id, known);
  making.kept += s.decodes() ? 0 : 1;
  return true;
}

// A seat for the sequence whose turn it is, from somebody who has more than its owner will have.
bool Scheduler::hand_over_seat() {
  if (waiting_.empty()) return false;
  const SequenceId id = std::ranges::min(waiting_candidates()).id;
  const Sequence& s = sequences_.at(id);
  if (has_seat_for(s)) return false;
  const PrefixIndex::Match known = match(s);
  if (is_being_computed(s, known)) return false;
  while (!has_seat_for(s)) {
    auto giver = std::find_if(running_.rbegin(), running_.rend(), [&](SequenceId other) {
      const Sequence& o = sequences_.at(other);
      return o.may_lose_pages() && share_.may_take(s.owner, s.slots, o.owner, o.slots);
    });
    if (giver == running_.rend()) return false;
    const auto& pages = sequences_.at(*giver).pages;
    const std::int64_t given_up =
        std::ranges::count_if(pages, [&](PageId page) { return pool_.refs(page) == 1; });
    if (!has_memory_for(s, known, given_up)) return false;
    preempt(*giver);
  }
  start(id, match(s));
  return true;
}

bool Scheduler::has_seat_for(const Sequence& s) const {
  return slots_used_ + s.slots <= options_.max_sequences;
}

// All its tokens should find room, beside those of the sequences that run. When nothing runs, all memory is there for it.
// given_up: pages that a running sequence is about to leave
bool Scheduler::has_memory_for(const Sequence& s, const PrefixIndex::Match& known,
                               std::int64_t given_up) const {
  if (running_.empty()) return true;
  std::int64_t whole_pages = known.tokens / kPageTokens;  // the others are new, or copies
  std::int64_t needed = pages_needed(s.size()) - whole_pages;
  for (SequenceId id : running_) needed += pages_to_take(sequences_.at(id));
  std::int64_t revived = std::count_if(known.pages.begin(), known.pages.end(),
                                       [&](PageId page) { return pool_.refs(page) == 0; });
  return needed <= pool_.available() - revived + given_up;
}

// For the tokens that it has: new ones, and a copy of the one that it goes on in.
std::int64_t Scheduler::pages_to_take(const Sequence& s) const {
  const auto block = static_cast<std::size_t>(s.computed / kPageTokens);
  const bool copies = block < s.pages.size() && !pool_.writable(s.pages[block]);
  return pages_needed(s.size()) - static_cast<std::int64_t>(s.pages.size()) + (copies ? 1 : 0);
}

PrefixIndex::Match Scheduler::match(const Sequence& s) {
  const std::int64_t sharable = s.use_prefix_index ? std::min(s.first_wanted, s.size() - 1) : 0;
  if (sharable <= 0) return {{}, 0, s.root};
  return index_.match(s.root, TokenSpan(s.tokens).first(static_cast<std::size_t>(sharable)));
}

// Whether a running sequence is on its way through pages that this one could share.
bool Scheduler::is_being_computed(const Sequence& s, const PrefixIndex::Match& known) const {
  if (!s.use_prefix_index) return false;
  return std::ranges::any_of(running_, [&](SequenceId id) {
    const Sequence& other = sequences_.at(id);
    if (other.root != s.root || !other.use_prefix_index || other.decodes()) return false;
    auto [end, unused] = std::ranges::mismatch(s.tokens, other.tokens);
    const std::int64_t common = std::min<std::int64_t>(
        {end - s.tokens.begin(), s.first_wanted, s.size() - 1, static_cast<std::int64_t>(other.size())});
    const std::int64_t shared = common / kPageTokens * kPageTokens;
    return shared > known.tokens && shared > other.computed;
  });
}

void Scheduler::start(SequenceId id, const PrefixIndex::Match& known) {
  Sequence& s = sequences_.at(id);
  stop_waiting(id);
  s.newcomer =
      !s.admitted_before && !running_.empty() && std::ranges::none_of(running_, [&](SequenceId other) {
        return sequences_.at(other).owner.tenant == s.owner.tenant;
      });
  running_.insert(id);
  slots_used_ += s.slots;
  share_.add_seats(s.owner, s.slots);
  s.planned = 0;
  s.pages = known.pages;
  for (PageId page : s.pages) pool_.share(page);
  s.computed = known.tokens;
  s.indexed = known.node;
  s.indexed_pages = known.tokens / kPageTokens;
  if (s.use_prefix_index) stats_.prefix_query_tokens += std::min(s.first_wanted, s.size() - 1);
  if (known.tokens > 0) ++stats_.prefix_hits;
  stats_.prefix_hit_tokens += known.tokens;
  if (!std::exchange(s.admitted_before, true)) s.history.prefix_hit_tokens = known.tokens;
}

void Scheduler::stop_waiting(SequenceId id) {
  auto ids = waiting_.find(sequences_.at(id).owner);
  ids->second.erase(id);
  if (ids->second.empty()) waiting_.erase(ids);
}

// Makes the pages of the next `rows` positions the sequence's own; gives how many of the rows have one.
std::int64_t Scheduler::reserve(SequenceId id, std::int64_t rows, Plan& plan) {
  std::int64_t begin = sequences_.at(id).computed + sequences_.at(id).planned, end = begin;
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
      plan.batch.copies.push_back({s.pages[b], *page});
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
    if (sequences_.at(*it).planned > 0 || !sequences_.at(*it).may_lose_pages()) continue;
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
    if (s.computed <= s.forced_out_at + kForcedPreemptionWay || !s.may_lose_pages()) continue;
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
  s.paid_until = std::max(s.paid_until, s.computed);
  release_pages(s);
  running_.erase(id);
  waiting_[sequences_.at(id).owner].insert(id);
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
  s.indexed = s.root;
  s.indexed_pages = 0;
  slots_used_ -= s.slots;
  share_.add_seats(s.owner, -s.slots);
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
  share_.enter(child.owner);
  index_.open(child.root);
  sequences_.emplace(id, std::move(child));
  running_.insert(id);
  return id;
}

void Scheduler::remove(SequenceId id) {
  Sequence& s = sequences_.at(id);
  if (running_.erase(id) > 0) {
    release_pages(s);
  } else {
    stop_waiting(id);
  }
  share_.leave(s.owner);
  index_.close(s.root);
  sequences_.erase(id);
}

}  // namespace verbatim
