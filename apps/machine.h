// What this machine can do at most, measured: the yardsticks of `verbatim bench`.
#pragma once

#include <cstdint>

#include "parallel/thread_pool.h"

namespace verbatim::app {

// Bytes a second that the pool's threads read from memory together: the best of several passes over a buffer
// far larger than the caches.
double measure_read_bandwidth(ThreadPool& pool);

// Multiply-adds a second of the instruction set's integer unit, from registers alone, on all threads:
// the best of several.
//   multiply_adds: backend/cpu/peak.h
double measure_multiply_adds(ThreadPool& pool, std::int64_t (*multiply_adds)(std::int64_t rounds));

}  // namespace verbatim::app
