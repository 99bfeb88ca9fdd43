// The fingerprint names everything an answer depends on besides the request: two programs with one
// fingerprint give one answer.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "engine/text_version.h"
#include "load/tokenizer_data.h"
#include "model/model.h"
#include "sample/sampler.h"

namespace verbatim {

struct AnswerSettings {
  ModelOptions widths;
  SamplingParams sampling;              // what drawing starts from
  std::string date;                     // that chat templates print as today's
  std::optional<std::int64_t> context;  // where somebody chose one: the model's own is in its configuration
  std::string backend;                  // where it does not keep the contract; else empty
  int text_version = kTextVersion;
  std::string
      pattern_tables;  // Unicode version of PCRE2's tables, where the tokenizer needs them; else empty
};

// weights: SHA-256 of the weights' integers and the configuration, the contract's version among them
std::string fingerprint_of(const std::string& weights, const TokenizerData& tokenizer,
                           const AnswerSettings& settings);

}  // namespace verbatim
