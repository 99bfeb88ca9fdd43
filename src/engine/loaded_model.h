// LoadedModel: a model file made ready to compute: backend, weights, model, tokenizer, and the fingerprint
// that names the answers it will give.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/result.h"
#include "load/load_weights.h"
#include "model/model.h"
#include "ops/ops.h"
#include "tokenizer/tokenizer.h"

namespace verbatim {

struct ModelChoice {
  std::string path;              // .gguf file, Hugging Face folder, or the name of a built-in model
  std::string backend = "auto";  // backend/list.h
  int threads = 1;
  ModelOptions widths;
  LoadOptions load;
};

struct LoadedModel {
  Checkpoint checkpoint;  // its tensors are mapped, not held
  std::unique_ptr<Backend> backend;
  std::unique_ptr<Tokenizer> tokenizer;
  std::unique_ptr<Model> model;  // uses *backend
  std::vector<TensorReport> tensors;
  std::vector<std::string> notes;  // about the weight cache
  bool from_cache = false;
  std::string fingerprint;  // 64 hex digits: two programs with one fingerprint give one answer
};

// Errors are one sentence that names what was wrong: file, key, tensor, backend.
Result<std::unique_ptr<LoadedModel>> load_model(const ModelChoice& choice);

}  // namespace verbatim
