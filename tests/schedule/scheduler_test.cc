// The scheduler by simulation: random workloads on tiny pools, and the boundaries that others fell over.
#include "schedule/scheduler.h"

#include <gtest/gtest.h>

#include "schedule/simulation.h"
#include "thinning.h"

namespace verbatim {
namespace {

std::vector<std::int32_t> counting_tokens(std::int64_t count, std::int32_t from = 0) {
  std::vector<std::int32_t> tokens;
  for (std::int64_t i = 0; i < count; ++i) tokens.push_back(from + static_cast<std::int32_t>(i));
  return tokens;
}

SimulatedRequest request_of(std::vector<std::int32_t> tokens, std::int64_t answer_tokens) {
  SimulatedRequest request;
  request.sequence.first_wanted = static_cast<std::int64_t>(tokens.size()) - 1;
  request.sequence.tokens = std::move(tokens);
  request.answer_tokens = answer_tokens;
  return request;
}

// Prompts that share beginnings of many lengths: cut from a few long texts, with a tail of their own.
SimulatedRequest random_request(std::mt19937& random, std::int64_t pages, std::int64_t max_sequences) {
  std::int64_t room = pages * kPageTokens;
  std::int64_t size =
      1 + static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(std::min<std::int64_t>(room, 500)));
  if (random() % 3 == 0) size = std::min<std::int64_t>(room, 126 + random() % 5);
  std::vector<std::int32_t> tokens = counting_tokens(size, static_cast<std::int32_t>(random() % 3) * 1000);
  if (random() % 2 == 0) {
    std::size_t tail = random() % tokens.size();
    for (std::size_t i = tail; i < tokens.size(); ++i) tokens[i] = static_cast<std::int32_t>(random() % 3);
  }
  SimulatedRequest request;
  request.answer_tokens = std::min<std::int64_t>(static_cast<std::int64_t>(random() % 60), room - size + 1);
  if (random() % 8 == 0) request.answer_tokens = room - size + 1;
  request.choices = random() % 4 == 0
                        ? 1 + static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(max_sequences))
                        : 1;
  if (request.choices == 1 && random() % 3 == 0) request.draft = 1 + static_cast<std::int64_t>(random() % 40);
  if (random() % 10 == 0) request.cancel_at_step = static_cast<std::int64_t>(random() % 200);
  if (random() % 10 == 0) request.fault_at_position = static_cast<std::int64_t>(random() % tokens.size());
  request.sequence.max_chunk = random() % 4 == 0 ? 1 + static_cast<std::int64_t>(random() % 130) : 0;
  request.sequence.use_prefix_index = random() % 4 != 0;
  request.sequence.owner.tenant = static_cast<std::int64_t>(random() % 3);
  request.sequence.owner.request = static_cast<std::int64_t>(random() % 4);
  request.sequence.prefix_namespace = random() % 8 == 0 ? "of its own" : "";
  request.sequence.first_wanted = random() % 4 == 0 ? 0 : size - (request.answer_tokens > 0 ? 1 : 0);
  request.sequence.tokens = std::move(tokens);
  return request;
}

TEST(Scheduler, RandomWorkloadsEndWithEveryPageHome) {
  SchedulerStats seen;
  std::int64_t evictions = 0, finished = 0, rewound = 0, cancelled = 0, faulted = 0, most_sequences = 0,
               requests = 0;
  for (std::uint32_t seed = 0; seed < 10000; ++seed) {
    if (!kept(seed)) continue;
    std::mt19937 random(seed);
    SchedulerOptions options;
    options.max_sequences = 1 + static_cast<std::int64_t>(random() % 8);
    options.max_step_tokens = options.max_sequences + static_cast<std::int64_t>(random() % 300);
    options.max_logits_rows = options.max_sequences + static_cast<std::int64_t>(random() % 40);
    options.preempt_every = random() % 4 == 0 ? 1 + static_cast<std::int64_t>(random() % 7) : 0;
    std::int64_t pages = 1 + static_cast<std::int64_t>(random() % 9);
    Simulation simulation(options, pages);
    std::int64_t count = 1 + static_cast<std::int64_t>(random() % 12), expected_ends = 0;
    for (std::int64_t i = 0; i < count; ++i) {
      SimulatedRequest request = random_request(random, pages, options.max_sequences);
      expected_ends += request.answer_tokens > 0 ? request.choices : 1;
      ++requests;
      simulation.add(std::move(request));
      for (std::uint64_t steps = random() % 10; steps > 0; --steps) simulation.step();
    }
    // Forced preemptions make long prompts in small steps begin again some sixty times.
    simulation.run(options.preempt_every > 0 ? 200000 : 20000);
    EXPECT_LE(simulation.finished + simulation.cancelled + simulation.faulted, expected_ends);
    if (simulation.cancelled + simulation.faulted == 0) {
      EXPECT_EQ(simulation.finished, expected_ends);
    }
    ASSERT_FALSE(HasFailure()) << "seed " << seed;
    const SchedulerStats& stats = simulation.scheduler.stats();
    seen.preemptions += stats.preemptions;
    seen.prefix_hits += stats.prefix_hits;
    seen.prefix_hit_tokens += stats.prefix_hit_tokens;
    seen.page_copies += stats.page_copies;
    evictions += simulation.scheduler.prefix_index().evictions();
    finished += simulation.finished;
    cancelled += simulation.cancelled;
    rewound += simulation.rewound;
    faulted += simulation.faulted;
    most_sequences = std::max(most_sequences, simulation.most_sequences);
  }
  // Witnesses: what the test is about did happen.
  EXPECT_GT(seen.preemptions, 1000);
  EXPECT_GT(seen.prefix_hits, 1000);
  EXPECT_GT(seen.page_copies, 1000);
  EXPECT_GT(evictions, 1000);
  EXPECT_GT(cancelled, 100);
  EXPECT_GT(rewound, 1000);
  EXPECT_GT(faulted, 100);
  EXPECT_EQ(most_sequences, 8);
  std::printf(
      "%ld requests, %ld answers, %ld cancelled, %ld faulted, %ld rewound; %ld preemptions, %ld prefix hits "
      "(%ld tokens), "
      "%ld page copies, %ld evictions\n",
      requests, finished, cancelled, faulted, rewound, seen.preemptions, seen.prefix_hits,
      seen.prefix_hit_tokens, seen.page_copies, evictions);
}

// A prefix of every length around a page is found, whole, but for the one token that must be computed.
TEST(Scheduler, PrefixHitsHaveAnyLength) {
  for (std::int64_t shared : {1, 2, 126, 127, 128, 129, 255, 256, 257, 300}) {
    for (std::int64_t tail : {0, 1, 200}) {
      Simulation simulation({}, 12);
      simulation.add(request_of(counting_tokens(shared), 2));
      simulation.run(100);
      std::vector<std::int32_t> tokens = counting_tokens(shared);
      for (std::int64_t i = 0; i < tail; ++i) tokens.push_back(-1);
      simulation.add(request_of(tokens, 2));
      simulation.run(100);
      EXPECT_EQ(simulation.scheduler.stats().prefix_hit_tokens, tail == 0 ? shared - 1 : shared)
          << "shared " << shared << " tail " << tail;
    }
  }
}

// Tokens decoded by one request are a prefix to the next, as in a conversation.
TEST(Scheduler, AnswersArePrefixesToo) {
  Simulation simulation({}, 12);
  simulation.add(request_of({5, 6, 7}, 200));
  std::vector<std::int32_t> conversation;
  while (simulation.scheduler.contains(1)) {
    conversation = simulation.scheduler.tokens(1);
    simulation.step();
  }
  ASSERT_EQ(conversation.size(), 202u);  // the last token was never computed
  conversation.push_back(9);
  simulation.add(request_of(conversation, 1));
  simulation.run(1000);
  EXPECT_EQ(simulation.scheduler.stats().prefix_hit_tokens, 202);
}

TEST(Scheduler, WantedLogitsAreNeverSkipped) {
  for (std::int64_t first_wanted : {0, 1, 127, 128, 129, 250}) {
    Simulation simulation({}, 12);
    simulation.add(request_of(counting_tokens(300), 1));
    simulation.run(100);
    SimulatedRequest request = request_of(counting_tokens(300), 1);
    request.sequence.first_wanted = first_wanted;
    simulation.add(request);
    simulation.run(100);
    EXPECT_EQ(simulation.scheduler.stats().prefix_hit_tokens, first_wanted);
  }
}

TEST(Scheduler, PrefixIndexIsOffForASequenceThatSaysSo) {
  Simulation simulation({}, 12);
  for (bool use : {false, true, false}) {
    SimulatedRequest request = request_of(counting_tokens(300), 1);
    request.sequence.use_prefix_index = use;
    simulation.add(request);
    simulation.run(100);
  }
  EXPECT_EQ(simulation.scheduler.stats().prefix_hit_tokens, 0);
}

TEST(Scheduler, DecodeRowsComeBeforeChunks) {
  SchedulerOptions options;
  options.max_step_tokens = 64;
  Simulation simulation(options, 20);
  simulation.add(request_of({1, 2}, 50));
  simulation.add(request_of({3, 4}, 50));
  simulation.step();
  simulation.add(request_of(counting_tokens(1000), 1));
  Plan plan = simulation.scheduler.plan();
  ASSERT_EQ(plan.sequences.size(), 3u);
  EXPECT_EQ(plan.sequences[0].rows, 1);
  EXPECT_EQ(plan.sequences[1].rows, 1);
  EXPECT_EQ(plan.sequences[2].rows, 62);
}

// Under a stream of short requests that would fill the step for ever, a long prompt still gets through, and
// sequences start in the order of their arrival.
TEST(Scheduler, NothingStarves) {
  SchedulerOptions options;
  options.max_step_tokens = 8;
  options.max_sequences = 4;
  Simulation simulation(options, 4);
  for (int i = 0; i < 3; ++i) simulation.add(request_of(counting_tokens(100, 1000 * i), 90));
  simulation.add(request_of(counting_tokens(400), 60));
  SequenceId long_one = 4;
  while (simulation.scheduler.contains(long_one)) {
    simulation.add(request_of({7, 8, static_cast<std::int32_t>(simulation.steps)}, 40));
    ASSERT_TRUE(simulation.step());
    ASSERT_LT(simulation.steps, 2000);
  }
  EXPECT_GT(simulation.scheduler.stats().preemptions, 0);
}

TEST(Scheduler, TheOldestIsNeverPreempted) {
  SchedulerOptions options;
  options.max_sequences = 6;
  Simulation simulation(options, 4);
  for (int i = 0; i < 6; ++i) simulation.add(request_of(counting_tokens(60, 1000 * i), 400));
  std::int64_t position = 0;
  while (simulation.scheduler.contains(1)) {
    EXPECT_GE(simulation.scheduler.computed(1), position);
    position = simulation.scheduler.computed(1);
    simulation.step();
  }
  simulation.run(20000);
  EXPECT_GT(simulation.scheduler.stats().preemptions, 0);
}

// A prompt that fills the pool, most of it in the prefix index: there is no page to copy the last one to, so
// the index gives it up.
TEST(Scheduler, AFullPoolTakesItsPageOutOfTheIndex) {
  Simulation simulation({}, 2);
  simulation.add(request_of(counting_tokens(200), 1));
  simulation.run(100);
  std::vector<std::int32_t> tokens = counting_tokens(150);
  tokens.resize(256, -1);
  simulation.add(request_of(tokens, 1));
  simulation.run(100);
  EXPECT_EQ(simulation.scheduler.stats().prefix_hit_tokens, 150);
  EXPECT_EQ(simulation.scheduler.stats().page_copies, 0);
}

TEST(Scheduler, ChoicesShareTheirPromptAndCopyItsLastPage) {
  SimulatedRequest request = request_of(counting_tokens(200), 20);
  request.choices = 5;
  Simulation simulation({}, 12);
  simulation.add(request);
  simulation.run(100);
  EXPECT_EQ(simulation.finished, 5);
  EXPECT_EQ(simulation.computed_rows, 200 + 5 * 19);
  EXPECT_EQ(simulation.scheduler.stats().page_copies, 4);
  EXPECT_EQ(simulation.most_sequences, 5);
}

// A draft's rows go with the decode row that checks them: fewer steps, and every other sequence still moves.
TEST(Scheduler, DraftsSaveStepsAndStarveNobody) {
  SchedulerOptions options;
  options.max_sequences = options.max_logits_rows = options.max_step_tokens = 8;
  SimulatedRequest drafted = request_of(counting_tokens(1), 60);
  drafted.draft = 30;
  Simulation alone(options, 20);
  alone.add(drafted);
  alone.run(100);
  EXPECT_LT(alone.steps, 30);
  EXPECT_GT(alone.rewound, 0);

  Simulation crowd(options, 20);
  crowd.add(drafted);
  for (int i = 1; i < 6; ++i) crowd.add(request_of(counting_tokens(1, 1000 * i), 20));
  while (crowd.scheduler.waiting() > 0) crowd.step();
  std::vector<std::size_t> before;
  for (SequenceId id = 2; id <= 6; ++id) before.push_back(crowd.scheduler.tokens(id).size());
  crowd.step();
  for (SequenceId id = 2; id <= 6; ++id)
    EXPECT_EQ(crowd.scheduler.tokens(id).size(), before[static_cast<std::size_t>(id - 2)] + 1) << id;
  crowd.run(1000);
  EXPECT_GT(crowd.rewound, 0);
}

TEST(Scheduler, TwoThatComputeOnePageShareItAfterwards) {
  Simulation simulation({}, 12);
  simulation.add(request_of(counting_tokens(130), 5));
  SimulatedRequest scored = request_of(counting_tokens(130), 5);  // it may not wait for the other's page
  scored.sequence.first_wanted = 0;
  simulation.add(scored);
  simulation.step();
  simulation.step();
  // One whole page for both, and the second page of each.
  EXPECT_EQ(simulation.scheduler.pool().free(), 12 - 3);
  simulation.run(100);
}

TEST(Scheduler, PreemptionWithoutNeedStillEnds) {
  for (bool use_prefix_index : {false, true}) {
    SchedulerOptions options;
    options.max_step_tokens = 40;
    options.max_sequences = 3;
    options.preempt_every = 3;
    Simulation simulation(options, 20);
    for (int i = 0; i < 3; ++i) {
      SimulatedRequest request = request_of(counting_tokens(300, 1000 * i), 20);
      request.sequence.use_prefix_index = use_prefix_index;
      simulation.add(request);
    }
    simulation.run(5000);
    EXPECT_EQ(simulation.finished, 3);
    EXPECT_GT(simulation.scheduler.stats().preemptions, 5);
  }
}

}  // namespace
}  // namespace verbatim
