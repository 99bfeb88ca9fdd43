// Completions: one request, alone and many times in a crowd of random others.
#pragma once

#include "engine/loaded_model.h"
#include "lab/finding.h"

namespace verbatim::lab {

struct CrowdOptions {
  float temperature = 0;         // of the request; above 0 every copy draws by the same seed
  std::int64_t copies = 32;      // of the request, in the crowd
  std::int64_t neighbours = 24;  // other requests
  std::int64_t together = 16;    // that run at the same time, at most
  std::int64_t tokens = 128;     // of the answer
  double seconds = 6;            // nobody arrives after so long
  std::uint64_t seed = 1;
};

// model: any; what it answers, and how often alike, is counted and not presumed.
Answers answer_in_crowd(LoadedModel& model, const std::string& prompt, const CrowdOptions& options);

}  // namespace verbatim::lab
