// The backends of this program: one ordered table, best first, the reference last.
//
// Every entry computes the same bits (spec/); they differ in speed and in the instructions they need. The
// first entry that this machine can run is the default; any can be asked for by name.
// The control group stands beside the table: it is there for those who ask for it by name, and promises nothing.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "ops/ops.h"

namespace verbatim {

// What an entry multiplies and adds with: the yardstick of `verbatim bench`.
struct IntegerUnit {
  std::int64_t (*multiply_adds)(std::int64_t rounds);  // backend/cpu/peak.h; nullptr: it uses none
  bool splits_rows;                                    // a two-limb activation takes two products, not one
};

struct BackendEntry {
  std::string_view name;            // "amx", "avx512", "avx2", "neon", "generic", "reference"; "conventional"
  std::string_view needs;           // of the machine, in words
  std::function<bool()> runs_here;  // asks the machine, not the compiler
  std::function<std::unique_ptr<Backend>(int threads)> make;
  IntegerUnit integer_unit;
};

std::span<const BackendEntry> backend_list();

// backend/conventional/: computes as other engines do, and is never in the list.
const BackendEntry& control_group();

// It computes the bits of spec/: all do but the control group.
bool keeps_contract(std::string_view backend_name);

// name: an entry of the list, "" / "auto" for the first that runs here, or "conventional" for the control group.
// An unknown name, or one this machine cannot run, is an error that lists those it can.
Result<std::unique_ptr<Backend>> make_backend(std::string_view name, int threads);

// The entry of this name, the control group's too; nullptr when there is none.
const BackendEntry* find_backend(std::string_view name);

// Names of the entries that run on this machine, in list order.
std::vector<std::string> backends_here();

}  // namespace verbatim
