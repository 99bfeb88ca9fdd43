// LoadedModel: a model file made ready to compute: backend, weights, model, tokenizer, and the fingerprint
// that names the answers it will give.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/result.h"
#include "load/load_weights.h"
#include "model/model.h"
#include "ops/ops.h"
#include "sample/sampler.h"
#include "tokenizer/tokenizer.h"

namespace verbatim {

struct ModelChoice {
  std::string path;              // .gguf file, Hugging Face folder, or the name of a built-in model
  std::string backend = "auto";  // backend/list.h
  int threads = 1;
  ModelOptions widths;
  LoadOptions load;
  std::optional<std::string> chat_template;  // in place of the file's: its source
  std::string date = "2024-07-26";           // that chat templates print as today's
  bool model_sampling = true;                // take over what the file suggests for drawing
  std::int64_t max_model_len = 0;            // tokens of a prompt and its answer; 0: as many as the model has
};

struct LoadedModel {
  Checkpoint checkpoint;  // its tensors are mapped, not held
  std::unique_ptr<Backend> backend;
  std::unique_ptr<Tokenizer> tokenizer;
  std::unique_ptr<Model> model;  // uses *backend
  std::string date;              // that chat templates print as today's
  std::int64_t context = 0;      // tokens of a prompt and its answer
  SamplingParams sampling;  // where a request gives no value: the file's suggestions over OpenAI's defaults
  std::vector<TensorReport> tensors;
  std::vector<std::string> notes;  // about the weight cache, and a backend that promises nothing
  bool from_cache = false;
  std::string fingerprint;  // 64 hex digits: two programs with one fingerprint give one answer
};

// Errors are one sentence that names what was wrong: file, key, tensor, backend.
Result<std::unique_ptr<LoadedModel>> load_model(const ModelChoice& choice);
// The same on a backend that is there.
Result<std::unique_ptr<LoadedModel>> load_model(const ModelChoice& choice, std::unique_ptr<Backend> backend);

}  // namespace verbatim
