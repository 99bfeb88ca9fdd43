// Simulation: the scheduler driven as the engine drives it,
// with a memory that remembers what every page really holds.
//
// In place of keys and values a position holds the hash of all tokens up to it, computed from what the pages
// of its own sequence hold one position earlier. A wrong page table, a page shared too long, a copy forgotten
// or made too late, or a wrong position changes the hash and is seen at the row that reads it.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>
#include <vector>

#include "ops/kv_pages.h"
#include "schedule/scheduler.h"

namespace verbatim {

inline std::uint64_t mix(std::uint64_t h, std::uint64_t x) {
  h = (h ^ x) * 0x9E3779B97F4A7C15u;
  return h ^ h >> 29;
}

struct SimulatedRequest {
  NewSequence sequence;
  std::int64_t answer_tokens = 1;  // 0: the prompt only
  std::int64_t choices = 1;
  std::int64_t draft = 0;  // tokens proposed after each token that is not itself proposed; some are wrong
  std::int64_t cancel_at_step = -1;
  std::int64_t fault_at_position = -1;
};

class Simulation {
 public:
  Simulation(const SchedulerOptions& options, std::int64_t pages)
      : scheduler(options, pages),
        memory_(static_cast<std::size_t>(pages), std::vector<std::uint64_t>(kPageTokens)) {}

  void add(SimulatedRequest request) {
    if (request.answer_tokens > 0 && request.sequence.first_wanted >= size_of(request.sequence))
      request.sequence.first_wanted = size_of(request.sequence) - 1;
    request.sequence.slots = request.choices;
    Live live{request, size_of(request.sequence), request.sequence.first_wanted, request.answer_tokens, 0};
    if (live.tokens_left > 0) propose(live, request.sequence.tokens);
    live_[scheduler.add(std::move(request.sequence))] = std::move(live);
  }

  // One step; false once nothing is left to do.
  bool step() {
    for (auto it = live_.begin(); it != live_.end();) {
      bool cancel = it->second.request.cancel_at_step >= 0 && it->second.request.cancel_at_step <= steps;
      if (cancel) scheduler.remove(it->first), ++cancelled;
      it = cancel ? live_.erase(it) : std::next(it);
    }
    if (scheduler.idle()) return false;
    Plan plan = scheduler.plan();
    EXPECT_FALSE(plan.empty()) << "work is left and nothing is planned";
    check_shape(plan);
    for (PageCopy copy : plan.batch.copies) memory_[page(copy.to)] = memory_[page(copy.from)];
    compute(plan);
    std::set<SequenceId> bad_ones;
    for (PlannedRows& rows : plan.sequences) {
      std::int64_t good = live_.at(rows.id).request.fault_at_position - rows.first_position;
      if (good < 0 || good >= rows.rows) continue;
      rows.logits = std::max<std::int64_t>(rows.logits - (rows.rows - good), 0);
      rows.rows = good;
      bad_ones.insert(rows.id);
    }
    scheduler.commit(plan);
    for (const PlannedRows& rows : plan.sequences) answer(rows);
    for (SequenceId id : bad_ones) {
      scheduler.remove(id);
      live_.erase(id);
      ++faulted;
    }
    ++steps;
    return !plan.empty() && !::testing::Test::HasFailure();
  }

  void run(std::int64_t step_limit) {
    while (step()) ASSERT_LT(steps, step_limit) << "a request does not end";
    check_idle();
  }

  // With nothing left, every page is free or reclaimable from the prefix index.
  void check_idle() const {
    const BlockPool& pool = scheduler.pool();
    EXPECT_TRUE(live_.empty());
    EXPECT_EQ(pool.available(), pool.pages()) << "a page has leaked";
    EXPECT_EQ(pool.reclaimable(), scheduler.prefix_index().nodes());
  }

  Scheduler scheduler;
  std::int64_t steps = 0, finished = 0, cancelled = 0, faulted = 0, proposed = 0, rewound = 0;
  std::int64_t most_rows = 0, most_sequences = 0, computed_rows = 0;

 private:
  struct Live {
    SimulatedRequest request;
    std::int64_t prompt_tokens = 0;
    std::int64_t next_wanted = 0;  // position
    std::int64_t tokens_left = 0;
    std::uint64_t choice = 0;
  };

  static std::int64_t size_of(const NewSequence& s) { return static_cast<std::int64_t>(s.tokens.size()); }
  static std::size_t page(std::int64_t id) { return static_cast<std::size_t>(id); }

  void check_shape(const Plan& plan) {
    const StepBatch& batch = plan.batch;
    const SchedulerOptions& options = scheduler.options();
    EXPECT_LE(batch.rows(), options.max_step_tokens);
    EXPECT_LE(static_cast<std::int64_t>(batch.logits_rows.size()), options.max_logits_rows);
    EXPECT_LE(static_cast<std::int64_t>(batch.segments.size()), options.max_sequences);
    EXPECT_EQ(batch.segments.size(), plan.sequences.size());
    EXPECT_TRUE(std::is_sorted(batch.logits_rows.begin(), batch.logits_rows.end()));
    most_rows = std::max(most_rows, batch.rows());
    most_sequences = std::max(most_sequences, static_cast<std::int64_t>(batch.segments.size()));
    computed_rows += batch.rows();
    std::int64_t row = 0, logits = 0;
    for (std::size_t i = 0; i < plan.sequences.size(); ++i) {
      const PlannedRows& planned = plan.sequences[i];
      const Segment& segment = batch.segments[i];
      EXPECT_EQ(segment.first_row, row);
      EXPECT_EQ(segment.first_position, planned.first_position);
      EXPECT_EQ(planned.first_logits, logits);
      const SimulatedRequest& request = live_.at(planned.id).request;
      if (request.sequence.max_chunk > 0) {
        EXPECT_LE(planned.rows, request.sequence.max_chunk);
      }
      row += planned.rows;
      logits += planned.logits;
    }
    EXPECT_EQ(row, batch.rows());
    EXPECT_EQ(logits, static_cast<std::int64_t>(batch.logits_rows.size()));
  }

  // Writes the hash of every row, then reads the whole sequence back as attention would.
  void compute(const Plan& plan) {
    std::set<std::size_t> written;
    for (std::size_t i = 0; i < plan.sequences.size(); ++i) {
      const Segment& segment = plan.batch.segments[i];
      const std::vector<std::int32_t>& tokens = scheduler.tokens(plan.sequences[i].id);
      auto place = [&](std::int64_t position) -> std::uint64_t& {
        return memory_[page(segment.pages.at(page(position / kPageTokens)))][page(position % kPageTokens)];
      };
      for (std::int64_t r = 0; r < segment.rows; ++r) {
        std::int64_t position = segment.first_position + r;
        std::uint64_t before = position == 0 ? 0 : place(position - 1);
        place(position) =
            mix(before, static_cast<std::uint64_t>(plan.batch.tokens[page(segment.first_row + r)]) + 1);
        EXPECT_EQ(plan.batch.positions[page(segment.first_row + r)], position);
      }
      for (std::int64_t block = segment.first_position / kPageTokens;
           block <= (segment.first_position + segment.rows - 1) / kPageTokens; ++block)
        EXPECT_TRUE(written.insert(page(segment.pages[page(block)])).second)
            << "two sequences write to one page";
      std::uint64_t hash = 0;
      for (std::int64_t position = 0; position < segment.first_position + segment.rows; ++position) {
        hash = mix(hash, static_cast<std::uint64_t>(tokens[page(position)]) + 1);
        ASSERT_EQ(place(position), hash) << "sequence " << plan.sequences[i].id << " position " << position;
      }
    }
  }

  void answer(const PlannedRows& rows) {
    auto it = live_.find(rows.id);
    if (it == live_.end()) return;
    Live& live = it->second;
    std::int64_t end = rows.first_position + rows.rows;
    if (rows.logits > 0) {
      EXPECT_EQ(end - rows.logits, live.next_wanted) << "logits are given twice, or left out";
      live.next_wanted = end;
    } else {
      EXPECT_LE(end, live.next_wanted);
    }
    if (live.request.answer_tokens == 0) {
      if (scheduler.remaining(rows.id) == 0) end_of(rows.id);
      return;
    }
    for (std::int64_t position = std::max(end - rows.logits, live.prompt_tokens - 1); position < end;
         ++position) {
      for (std::int64_t choice = 1; choice < live.request.choices; ++choice) {
        Live child = live;
        child.request.choices = 1;
        child.choice = static_cast<std::uint64_t>(choice);
        SequenceId id = scheduler.fork(rows.id);
        live_[id] = child;
        take_token(id, position);
      }
      live.request.choices = 1;
      if (!take_token(rows.id, position)) return;
    }
  }

  // Whether the sequence goes on as planned.
  bool take_token(SequenceId id, std::int64_t position) {
    Live& live = live_.at(id);
    if (--live.tokens_left == 0) return end_of(id), false;
    const std::vector<std::int32_t>& known = scheduler.tokens(id);
    std::vector<std::int32_t> tokens(known.begin(), known.begin() + position + 1);
    std::int32_t token = token_after(tokens, live.choice);
    const bool was_proposed = tokens.size() < known.size();
    if (was_proposed && known[tokens.size()] == token) return true;
    if (was_proposed) {
      scheduler.rewind(id, position + 1);
      live.next_wanted = position + 1;
      ++rewound;
    }
    tokens.push_back(token);
    propose(live, tokens);
    scheduler.append(id, TokenSpan(tokens).subspan(static_cast<std::size_t>(position + 1)));
    return !was_proposed;
  }

  static std::int32_t token_after(TokenSpan tokens, std::uint64_t choice) {
    std::uint64_t hash = choice;
    for (std::int32_t token : tokens) hash = mix(hash, static_cast<std::uint64_t>(token));
    return static_cast<std::int32_t>(hash % 3);
  }

  void propose(const Live& live, std::vector<std::int32_t>& tokens) {
    for (std::int64_t i = 0; i < std::min(live.request.draft, live.tokens_left - 1); ++i, ++proposed)
      tokens.push_back(random_() % 10 == 0 ? 3 : token_after(tokens, live.choice));
  }

  void end_of(SequenceId id) {
    scheduler.remove(id);
    live_.erase(id);
    ++finished;
  }

  std::vector<std::vector<std::uint64_t>> memory_;  // (pages, 128)
  std::map<SequenceId, Live> live_;
  std::minstd_rand random_;  // decides which proposals are wrong
};

}  // namespace verbatim
