// Schedules: ways to compute the logits of one text that differ in everything but the result.
//
//   whole       every position in one step
//   chunk:N     N positions a step
//   decode      one position a step: the way of decoding
//   crowd:N     in chunks, among N other requests with random prompts and lengths
//   prefix:N    positions from N on after a prefix-cache hit of N tokens, which an earlier request left
//               behind
//   preempt     in chunks beside an older request, its cache taken away again and again and recomputed
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/engine.h"
#include "engine/loaded_model.h"

namespace verbatim::app {

enum class ScheduleKind : std::uint8_t { whole, chunk, decode, crowd, prefix, preempt };

struct Schedule {
  ScheduleKind kind = ScheduleKind::whole;
  std::int64_t n = 0;
};

// The error lists the forms above.
Result<Schedule> parse_schedule(std::string_view text);

// Gives every row of logits of `tokens` to `on_row`, in position order, computed as the schedule says.
//   on_row(position, row): row (vocab)
// Returns the witness of what really happened.
// Errors: what the engine refuses, or a value that is not finite.
using OnRow = std::function<void(std::int64_t position, std::span<const float> row)>;
Result<Witness> compute_rows(LoadedModel& loaded, std::span<const std::int32_t> tokens, Schedule schedule,
                             const OnRow& on_row);

}  // namespace verbatim::app
