// Scheduler: which tokens run in the next step, and in which pages they live.
// Start here to learn what a step is.
//
//   plan()    picks rows and pages     -> Plan: a StepBatch, and page copies to make before it runs
//   commit()  the plan was computed: state moves forward
//   append(), rewind(), fork(), remove()
//             the caller's verdict on each sequence whose wanted logits were computed; until it comes, the sequence
//             keeps its seat and pages, and sits out
//
// A pure state machine: it knows no device, no clock and no randomness,
// and the same calls give the same plans.
//
// Rules
//   rows       Every sequence whose turn it is to decode gets a row. Then the oldest that wants more (a prompt, a
//              draft, logits of a prompt) gets an eighth of the step. What is left goes in turns of as much to
//              those whose owners had the least (fair_share.h), running or waiting. A step in which a short prompt
//              of a tenant who had nothing running is computed is a short one, for others wait for all of a step.
//   seats      A waiting sequence is admitted at its turn, if there is a seat and pages for all its tokens; else
//              nobody overtakes it. Where seats lack, one comes from an owner who has more than it would leave
//              (preemption by recompute), the youngest first.
//   memory     Goes by age, which is a sequence's id. When no page is left, the prefix index gives one up; else
//              the youngest sequence that is younger than the one in need, and not in this plan yet, loses all its
//              pages and waits; else the one in need sits this step out.
//   progress   The oldest sequence that runs is never preempted and has rows in every step, or if it sits out,
//              others run and will end: every sequence ends.
//   sharing    A new sequence starts after the longest beginning that the prefix index knows in its namespace, but
//              not past the first position whose logits it wants. It waits where another is about to compute more
//              of it. Pages are shared; a page is copied when one of its users is about to write.
//   logits     A sequence wants the logits of every position from `first_wanted` on, each once, also across
//              preemptions.
// What is planned when changes no bit of any logit: the model sees tokens, positions and pages.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "ops/step_batch.h"
#include "schedule/block_pool.h"
#include "schedule/fair_share.h"
#include "schedule/prefix_index.h"

namespace verbatim {

using SequenceId = std::int64_t;

// REQUIRES: max_sequences <= max_step_tokens and <= max_logits_rows,
// so that every sequence can decode in every step.
struct SchedulerOptions {
  std::int64_t max_step_tokens = 512;  // rows of a step
  std::int64_t max_sequences = 64;     // that run at the same time
  std::int64_t max_logits_rows = 64;   // wanted logits of a step
  // Every so many steps the youngest sequence is preempted without need, for tests; 0: never.
  // One that came less than 16 tokens further than the last time is spared, so that every sequence ends.
  std::int64_t preempt_every = 0;
};

struct NewSequence {
  std::vector<std::int32_t> tokens;  // not empty
  std::int64_t first_wanted = 0;     // first position whose logits are wanted; tokens.size(): none
  std::int64_t max_chunk = 0;        // rows in one step; 0: no limit of its own
  std::int64_t slots = 1;            // of max_sequences: one for itself and for each fork to come
  bool use_prefix_index = true;      // find shared pages, and leave pages behind to be shared
  std::string prefix_namespace;      // pages are shared within it
  Owner owner;                       // whose share of the machine it takes
};

// One sequence's part of a plan.
struct PlannedRows {
  SequenceId id = 0;
  std::int64_t first_position = 0, rows = 0;
  // Its rows of the logits matrix; they are its last `logits` positions.
  std::int64_t first_logits = 0, logits = 0;
};

struct Plan {
  StepBatch batch;
  std::vector<PlannedRows> sequences;
  bool empty() const { return sequences.empty(); }
};

// What happened to one sequence; a fork inherits its parent's.
struct SequenceHistory {
  std::int64_t prefix_hit_tokens = 0;  // found in the prefix index when it was first admitted
  std::int64_t preemptions = 0;
};

struct SchedulerStats {
  std::int64_t preemptions = 0, recomputed_tokens = 0;
  std::int64_t prefix_query_tokens = 0, prefix_hits = 0, prefix_hit_tokens = 0;
  std::int64_t page_copies = 0;
};

class Scheduler {
 public:
  Scheduler(const SchedulerOptions& options, std::int64_t pages);

  // REQUIRES: pages_needed(tokens it will ever have computed) <= pool().pages(); slots <= max_sequences
  SequenceId add(NewSequence sequence);
  static std::int64_t pages_needed(std::int64_t tokens);

  Plan plan();
  // Sequences removed since plan() are passed over: their rows are forgotten.  REQUIRES: the last plan, once
  void commit(const Plan& plan);

  // A sequence whose tokens are all computed goes on with some more, whose logits will all be wanted.
  void append(SequenceId id, TokenSpan tokens);
  // A sequence forgets its tokens from `position` on, computed or not. What was computed of them stays in the
  // prefix index, where it is true.  REQUIRES: position >= 1, and the logits before it were all given
  void rewind(SequenceId id, std::int64_t position);
  // A new sequence with the same tokens, all computed, in the same pages;
  // it takes over one of the parent's slots.
  SequenceId fork(SequenceId parent);
  // Ends a sequence at any time; what was computed and committed stays in the prefix index.
  void remove(SequenceId id);

  bool idle() const { return sequences_.empty(); }
  bool contains(SequenceId id) const { return sequences_.contains(id); }
  const std::vector<std::int32_t>& tokens(SequenceId id) const { return sequences_.at(id).tokens; }
  std::int64_t computed(SequenceId id) const { return sequences_.at(id).computed; }
  std::int64_t remaining(SequenceId id) const { return sequences_.at(id).remaining(); }
  const SequenceHistory& history(SequenceId id) const { return sequences_.at(id).history; }
  std::int64_t running() const { return static_cast<std::int64_t>(running_.size()); }
  std::int64_t waiting() const { return static_cast<std::int64_t>(sequences_.size()) - running(); }

  const SchedulerOptions& options() const { return options_; }
  const SchedulerStats& stats() const { return stats_; }
  const BlockPool& pool() const { return pool_; }
  const PrefixIndex& prefix_index() const { return index_; }

 private:
  struct Sequence {
    std::vector<std::int32_t> tokens;
    std::int64_t first_wanted = 0, max_chunk = 0, slots = 1;
    bool use_prefix_index = true;
    Owner owner;
    PrefixIndex::Node* root = nullptr;  // of its namespace; open as long as it is here
    bool admitted_before = false;
    bool newcomer = false;  // only others' sequences ran when it came in, and it has had no rows
    SequenceHistory history;
    std::int64_t paid_until = 0;     // positions before it are computed again, at nobody's expense
    std::int64_t forced_out_at = 0;  // `computed` when last preempted without need

    // While running
    std::int64_t planned = 0;              // rows in the plan that is being made
    std::int64_t computed = 0;             // its KV entries are in `pages`
    std::vector<PageId> pages;             // of blocks 0, 1, ...
    PrefixIndex::Node* indexed = nullptr;  // its last whole page in the index
    std::int64_t indexed_pages = 0;

    std::int64_t size() const { return static_cast<std::int64_t>(tokens.size()); }
    std::int64_t remaining() const { return size() - computed; }
    bool decodes() const { return computed >= first_wanted; }
    // Not while the caller's verdict is awaited: the logits that it needs are given once.
    bool may_lose_pages() const { return remaining() > 0; }
    bool wants_rows() const {
      return planned < (max_chunk > 0 ? std::min(max_chunk, remaining()) : remaining());
    }
    TokenSpan block_tokens(std::int64_t block, std::int64_t count) const;
  };
  struct Candidate;
  struct Making;

  void force_preemption();
  bool hand_over_seat();
  std::vector<Candidate> waiting_candidates() const;
  bool serve(SequenceId id, std::int64_t most_rows, std::int64_t most_logits, Making& making);
  void take_turns(Making& making);
  static void add_rows(SequenceId id, const Sequence& sequence, Plan& plan);

  PrefixIndex::Match match(const Sequence& sequence);
  bool is_being_computed(const Sequence& sequence, const PrefixIndex::Match& match) const;
  bool has_seat_for(const Sequence& sequence) const;
  bool has_memory_for(const Sequence& sequence, const PrefixIndex::Match& match,
                      std::int64_t given_up = 0) const;
  bool admit(SequenceId id, Making& making);
  void start(SequenceId id, const PrefixIndex::Match& match);
  void stop_waiting(SequenceId id);

  std::int64_t pages_to_take(const Sequence& sequence) const;
  std::int64_t reserve(SequenceId id, std::int64_t rows, Plan& plan);
  bool own_block(SequenceId id, std::int64_t block, Plan& plan);
  std::optional<PageId> take_page();
  bool preempt_younger_than(SequenceId id);
  void preempt(SequenceId id);
  void release_pages(Sequence& sequence);
  void index_whole_pages(Sequence& sequence);

  SchedulerOptions options_;
  BlockPool pool_;
  PrefixIndex index_;
  FairShare share_;
  std::map<SequenceId, Sequence> sequences_;
  std::set<SequenceId> running_;                   // oldest first; every sequence is here
  std::map<Owner, std::set<SequenceId>> waiting_;  // or here
  SequenceId next_id_ = 1;
  std::int64_t slots_used_ = 0;  // by running sequences
  std::int64_t steps_ = 0;
  SchedulerStats stats_;
};

}  // namespace verbatim
