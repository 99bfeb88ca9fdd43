// Who waits for whom: tenants and requests share the steps and seats, and nobody starves. Waiting is counted in steps.
#include <gtest/gtest.h>

#include <cstdlib>

#include "schedule/simulation.h"

namespace verbatim {
namespace {

std::vector<std::int32_t> text(std::int64_t count, std::int32_t first, std::int32_t common = 0) {
  std::vector<std::int32_t> tokens;
  for (std::int32_t i = 0; i < count; ++i) tokens.push_back(i < common ? i : first * 100000 + i);
  return tokens;
}

SimulatedRequest request_of(Owner owner, std::vector<std::int32_t> tokens, std::int64_t answer_tokens) {
  SimulatedRequest request;
  request.sequence.first_wanted = static_cast<std::int64_t>(tokens.size()) - 1;
  request.sequence.tokens = std::move(tokens);
  request.sequence.owner = owner;
  request.answer_tokens = answer_tokens;
  return request;
}

// The owners of requests to a server without keys.
Owner nobody(std::int64_t request) { return {request, request}; }

bool near(std::int64_t a, std::int64_t b, std::int64_t distance) { return std::abs(a - b) <= distance; }

// Steps until the sequence that was added last has its first token, which is when its prompt is computed.
std::int64_t steps_to_first_token(Simulation& simulation, SequenceId id, std::int64_t prompt) {
  const std::int64_t before = simulation.steps;
  while (simulation.scheduler.contains(id) && simulation.scheduler.computed(id) < prompt) {
    if (!simulation.step()) break;
  }
  return simulation.steps - before;
}

TEST(Fairness, AShortPromptDoesNotWaitForLongOnes) {
  Simulation simulation({}, 400);
  for (std::int32_t i = 1; i <= 3; ++i) simulation.add(request_of(nobody(i), text(6000, i), 10));
  for (int i = 0; i < 3; ++i) simulation.step();
  simulation.add(request_of(nobody(4), text(5, 4), 10));
  EXPECT_EQ(steps_to_first_token(simulation, 4, 5), 1);
  // The long ones go on together.
  for (SequenceId id = 1; id <= 3; ++id)
    EXPECT_PRED3(near, simulation.scheduler.computed(id), 4 * 512 / 3, 128);
  simulation.run(100);
  EXPECT_EQ(simulation.finished, 4);
}

// Rows of the next step.
std::int64_t next_step(Simulation& simulation) {
  const std::int64_t before = simulation.computed_rows;
  simulation.step();
  return simulation.computed_rows - before;
}

TEST(Fairness, AShortNewcomerWaitsForAShortStep) {
  Simulation simulation({}, 400);
  simulation.add(request_of({1, 1}, text(20000, 1), 10));
  EXPECT_EQ(next_step(simulation), 512);
  simulation.add(request_of({2, 2}, text(5, 2), 10));
  EXPECT_EQ(next_step(simulation), 512 / 8 + 512 / 4) << "the oldest's part, and a quarter";
  EXPECT_EQ(simulation.scheduler.computed(2), 5);
  EXPECT_EQ(next_step(simulation), 512) << "one only";
  simulation.add(request_of({2, 3}, text(5, 3), 10));
  EXPECT_EQ(next_step(simulation), 512) << "its tenant has something running";
  simulation.add(request_of({3, 4}, text(129, 4), 10));
  EXPECT_EQ(next_step(simulation), 512) << "it is long";
  simulation.run(100);
  EXPECT_EQ(simulation.finished, 4);
}

TEST(Fairness, AListOfPromptsKeepsNobodyOut) {
  SchedulerOptions options;
  Simulation simulation(options, 2000);
  for (std::int32_t i = 1; i <= 1024; ++i) simulation.add(request_of(nobody(1), text(20, i), 200));
  for (int i = 0; i < 10; ++i) simulation.step();
  ASSERT_EQ(simulation.scheduler.running(), options.max_sequences) << "no seat is free";
  for (std::int32_t i = 2; i < 12; ++i) {
    simulation.add(request_of(nobody(i), text(20, 2000 + i), 50));
    EXPECT_EQ(steps_to_first_token(simulation, 1023 + i, 20), 1) << i;
  }
  EXPECT_EQ(simulation.scheduler.stats().preemptions, 10) << "each took one seat";
  simulation.run(20000);
  EXPECT_EQ(simulation.finished, 1024 + 10);
}

// With a seat come the pages of whoever held it, where all memory is taken too.
TEST(Fairness, ASeatComesWithItsPages) {
  SchedulerOptions options;
  options.max_sequences = 4;
  Simulation simulation(options, 4 * 8);
  for (std::int32_t i = 1; i <= 10; ++i)
    simulation.add(request_of({1, i}, text(7 * kPageTokens + 50, i), kPageTokens - 60));
  for (int i = 0; i < 12; ++i) simulation.step();
  ASSERT_EQ(simulation.scheduler.running(), 4);
  ASSERT_EQ(simulation.scheduler.pool().free(), 0);
  simulation.add(request_of({2, 1}, text(5, 11), 3));
  EXPECT_EQ(steps_to_first_token(simulation, 11, 5), 1);
  simulation.run(2000);
  EXPECT_EQ(simulation.finished, 11);
}

// Nor does a list of texts whose every position wants its logits, of which a step has few.
TEST(Fairness, AListOfScoresKeepsNobodyOut) {
  Simulation simulation({}, 2000);
  for (std::int32_t i = 1; i <= 100; ++i) {
    SimulatedRequest scored = request_of(nobody(1), text(500, i), 0);
    scored.sequence.first_wanted = 0;
    simulation.add(scored);
  }
  for (int i = 0; i < 10; ++i) simulation.step();
  simulation.add(request_of(nobody(2), text(20, 1000), 5));
  EXPECT_EQ(steps_to_first_token(simulation, 101, 20), 1);
  simulation.run(20000);
}

TEST(Fairness, TenantsShareWhateverTheNumberOfTheirRequests) {
  Simulation simulation({}, 2000);
  for (std::int32_t i = 1; i <= 30; ++i) simulation.add(request_of({1, i}, text(3000, i), 1));
  simulation.add(request_of({2, 31}, text(6000, 31), 1));
  for (int i = 0; i < 8; ++i) simulation.step();
  EXPECT_PRED3(near, simulation.scheduler.computed(31), 8 * 512 / 2, 512);
  simulation.run(20000);
}

// A tenant who was away has saved nothing up: it shares from now on.
TEST(Fairness, WhoComesLateDoesNotCatchUp) {
  Simulation simulation({}, 2000);
  simulation.add(request_of({1, 1}, text(30000, 1), 1));
  for (int i = 0; i < 20; ++i) simulation.step();
  const std::int64_t before = simulation.scheduler.computed(1);
  EXPECT_EQ(before, 20 * 512);
  simulation.add(request_of({2, 2}, text(30000, 2), 1));
  for (int i = 0; i < 10; ++i) simulation.step();
  EXPECT_PRED3(near, simulation.scheduler.computed(1) - before, 10 * 512 / 2, 512);
  simulation.run(20000);
}

TEST(Fairness, ABurstOfOneBeginningComputesItOnce) {
  Simulation simulation({}, 200);
  constexpr std::int32_t kCommon = 8 * kPageTokens;
  for (std::int32_t i = 1; i <= 8; ++i)
    simulation.add(request_of(nobody(i), text(kCommon + 20, i, kCommon), 1));
  simulation.run(100);
  EXPECT_EQ(simulation.computed_rows, kCommon + 8 * 20);
  EXPECT_GT(simulation.most_sequences, 1);
}

TEST(Fairness, NamespacesShareNoPage) {
  Simulation simulation({}, 40);
  auto add_in = [&](const char* name) {
    SimulatedRequest request = request_of(nobody(1), text(300, 1), 1);
    request.sequence.prefix_namespace = name;
    simulation.add(request);
    simulation.run(simulation.steps + 100);
    return simulation.scheduler.stats().prefix_hit_tokens;
  };
  EXPECT_EQ(add_in("a"), 0);
  EXPECT_EQ(add_in("b"), 0);
  EXPECT_EQ(add_in(""), 0);
  EXPECT_EQ(add_in("b"), 299);
}

TEST(Fairness, AnOwnerBeginsWhereTheOneWithTheLeastStands) {
  FairShare share;
  const Owner old{1, 1}, busy{2, 2}, newcomer{3, 3}, second{1, 4};
  share.enter(old);
  share.enter(busy);
  share.add_work(old, 70);
  share.add_work(busy, 900);
  share.enter(newcomer);
  EXPECT_EQ(share.turn(newcomer).tenant.work, 70);
  share.enter(second);
  EXPECT_EQ(share.turn(second).request.work, 70);
  share.add_work(newcomer, 1);
  EXPECT_LT(share.turn(old), share.turn(newcomer));
  EXPECT_LT(share.turn(newcomer), share.turn(busy));
}

// Where more come than there are seats for, each with less work behind it than one who waits.
TEST(Fairness, NobodyIsOvertakenForEver) {
  FairShare share;
  const Owner waits{1, 1}, runs{2, 1}, of_a_tenant_that_runs{2, 2}, hardly_works{3, 1};
  share.enter(hardly_works);  // all newcomers begin beside it
  for (const Owner& owner : {waits, runs, of_a_tenant_that_runs}) {
    share.enter(owner);
    share.add_work(owner, 1000);
  }
  share.add_seats(runs, 1);
  for (std::int64_t overtaken = 1; overtaken < 70; ++overtaken) {
    const Owner newcomer{100 + overtaken, 1};
    share.enter(newcomer);
    EXPECT_EQ(share.turn(newcomer) < share.turn(waits), overtaken < 64) << overtaken;
    EXPECT_LT(share.turn(newcomer), share.turn(of_a_tenant_that_runs));
    share.add_seats(newcomer, 1);
    share.add_seats(newcomer, -1);
    share.leave(newcomer);
  }
  share.add_seats(waits, 1);
  EXPECT_LT(share.turn(hardly_works), share.turn(waits)) << "with its seat it has no more turns than others";
}

TEST(Fairness, SeatsAreGivenUpDownToAnEvenShare) {
  FairShare share;
  const Owner rich{1, 1}, poor{2, 2};
  share.enter(rich);
  share.enter(poor);
  share.add_seats(rich, 3);
  EXPECT_TRUE(share.may_take(poor, 1, rich, 1));
  share.add_seats(rich, -1);
  share.add_seats(poor, 1);
  EXPECT_FALSE(share.may_take(poor, 1, rich, 1)) << "it would be taken back";
  EXPECT_FALSE(share.may_take(rich, 1, poor, 1));
}

}  // namespace
}  // namespace verbatim
