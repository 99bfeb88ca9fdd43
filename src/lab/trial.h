// Trial: one computation done again and again, and how many different results came out, counted on bits.
//
// Nothing here knows what to expect: a trial of a deterministic function counts 1, of another one more.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace verbatim::lab {

// Where a result first differs from that of the first run, and the two numbers.
struct Difference {
  std::string where;  // "batch 2, output 17"
  float first = 0, other = 0;
};

// How far a run's result is from the first run's: the largest |difference| of an output. 0 on equal bits.
struct Distance {
  double x = 0;  // of the run: its batch size
  double distance = 0;
};

struct Trial {
  std::string subject;  // "OpenBLAS", "verbatim (avx512)"
  std::string what;     // "row 0 of 2048 -> 256, alone and in batches of 2 to 512"
  bool ours = false;    // the contract promises one result
  std::int64_t runs = 0, distinct = 0;
  std::optional<Difference> difference = {};
  std::vector<Distance> distances = {};  // by increasing x, where runs have one
  bool cut_short = false;                // the time was up before all runs were made
  std::string missing = {};              // why it could not be made at all; empty: it was
};

// What is to be compared.
struct Comparison {
  std::string subject, what;
  bool ours = false;
  std::int64_t runs = 0;
  double seconds = 5;                                 // no run begins after so long; two are always made
  std::function<std::string(std::int64_t run)> name;  // of a run, for Difference::where
  std::function<double(std::int64_t run)> x = {};     // of a run; may be empty
  // Fills `result`, of the same size in every run.
  std::function<void(std::int64_t run, std::vector<float>& result)> compute;
};

Trial compare(const Comparison& comparison);

// "0x3f800000"
std::string hex_bits(float x);

}  // namespace verbatim::lab
