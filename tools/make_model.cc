// make_model: writes a GGUF file of any supported architecture and shape with seeded random weights
// (load/random_model.h).
#include <CLI/CLI.hpp>
#include <map>
#include <thread>

#include "load/dequantise.h"
#include "load/encode.h"
#include "load/random_model.h"
#include "model/architecture.h"

int main(int argc, char** argv) {
  using namespace verbatim;
  RandomModel model;
  std::string out, rope_scaling = "none";
  int threads = static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
  ModelConfig& c = model.config;
  c.architecture = "llama";
  c.layers = 2, c.dim = 64, c.hidden_dim = 192, c.heads = 4, c.kv_heads = 2, c.vocab_size = 512,
  c.context_length = 2048;

  using enum spec::RopeScalingKind;
  const std::map<std::string, spec::RopeScalingKind> scalings = {
      {"none", none}, {"linear", linear}, {"llama3", llama3}, {"yarn", yarn}};

  CLI::App app("Writes a GGUF model with seeded random weights.");
  std::map<std::string, DType> types;
  std::string type_names;
  for (DType type : writable_dtypes()) {
    types.emplace(name_of(type), type);
    (type_names += type_names.empty() ? "" : ", ") += name_of(type);
  }
  app.add_option("out", out, "The file to write")->required();
  app.add_option("--arch", c.architecture, "Architecture: " + supported_architectures())
      ->check([](const std::string& name) {
        return find_architecture(name) != nullptr ? "" : "supported: " + supported_architectures();
      })
      ->capture_default_str();
  std::string type_name(name_of(model.type));
  app.add_option("--type", type_name, "Type of the matrices: " + type_names)
      ->check([&](const std::string& name) { return types.contains(name) ? "" : "supported: " + type_names; })
      ->capture_default_str();
  app.add_option("--layers", c.layers, "Layers")->capture_default_str();
  app.add_option("--dim", c.dim, "Width of the residual stream")->capture_default_str();
  app.add_option("--hidden", c.hidden_dim, "Width of the feed-forward layer")->capture_default_str();
  app.add_option("--heads", c.heads, "Query heads")->capture_default_str();
  app.add_option("--kv-heads", c.kv_heads, "Key-value heads")->capture_default_str();
  app.add_option("--head-dim", c.head_dim, "Dimension of a head (default: dim / heads)");
  app.add_option("--vocab", c.vocab_size, "Tokens of the vocabulary")->capture_default_str();
  app.add_option("--context", c.context_length, "Context length")->capture_default_str();
  app.add_option("--window", c.sliding_window, "Sliding window of attention (0: none)")
      ->capture_default_str();
  app.add_option("--epsilon", c.norm_epsilon, "Epsilon of the norms")->capture_default_str();
  app.add_option("--rope-theta", c.rope_theta, "Base of the rotary frequencies")->capture_default_str();
  app.add_option("--rope-scaling", rope_scaling, "Rotary scaling")
      ->check(CLI::IsMember(scalings))
      ->capture_default_str();
  app.add_option("--rope-factor", c.rope_scaling.factor, "Factor of the rotary scaling")
      ->capture_default_str();
  app.add_option("--rope-original-context", c.rope_scaling.original_context,
                 "Context before llama3 or yarn scaling");
  app.add_flag("--tied", c.tied_embeddings, "The embedding is the output matrix");
  app.add_option("--seed", model.seed, "Seed of the weights")->capture_default_str();
  app.add_option("--threads", threads, "Threads; no bit depends on it")->check(CLI::PositiveNumber);
  CLI11_PARSE(app, argc, argv);

  model.type = types.at(type_name);
  if (c.head_dim == 0 && c.heads > 0) c.head_dim = c.dim / c.heads;
  c.rope_dim = c.head_dim;
  c.rope_scaling.kind = scalings.at(rope_scaling);
  ThreadPool pool(threads);
  if (Status status = write_random_model(out, model, pool); !status) {
    fmt::print(stderr, "make_model: {}\n", status.error().message);
    return 1;
  }
  return 0;
}
