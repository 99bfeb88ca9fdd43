// A tiny random model, loaded as a file is: answers are nonsense, and as long as max_tokens or a random end token has it.
#pragma once

#include <unistd.h>

#include <filesystem>
#include <memory>

#include "engine/loaded_model.h"
#include "load/random_model.h"
#include "remote_backend.h"

namespace verbatim {

inline std::unique_ptr<LoadedModel> load_tiny_model(const std::string& backend = "auto", int threads = 1,
                                                    ModelOptions widths = {}) {
  auto path = std::filesystem::temp_directory_path() / fmt::format("verbatim-tiny-{}.gguf", getpid());
  RandomModel random;
  ModelConfig& c = random.config;
  c.architecture = "llama";
  c.layers = 2, c.dim = 48, c.hidden_dim = 80, c.heads = 4, c.kv_heads = 2, c.vocab_size = 300;
  c.head_dim = c.rope_dim = 12;
  c.context_length = 512;
  ThreadPool pool(1);
  Status written = write_random_model(path, random, pool);
  CHECK(written.ok(), "{}", written.error().message);
  ModelChoice choice;
  choice.path = path;
  choice.threads = threads;
  choice.widths = widths;
  choice.load.use_cache = false;
  auto computing = make_test_backend(backend, threads);
  CHECK(computing.ok(), "{}", computing.error().message);
  auto model = load_model(choice, *std::move(computing));
  CHECK(model.ok(), "{}", model.error().message);
  std::filesystem::remove(path);
  return *std::move(model);
}

}  // namespace verbatim
