// verbatim inspect: what is in a model file, what each tensor becomes, its error, sizes, and the fingerprint;
// or which models are part of the program.
#include <algorithm>
#include <cstdio>
#include <map>

#include "command.h"
#include "json/library.h"
#include "load/cache_folder.h"
#include "load/end_of_turn.h"
#include "load/weight_cache.h"

namespace verbatim::app {
namespace {

struct InspectFlags {
  ModelFlags model;
  std::string path;
  bool metadata_only = false, json = false;
};

double mebibytes(std::int64_t bytes) { return static_cast<double>(bytes) / (1 << 20); }

nlohmann::json config_json(const ModelConfig& c) {
  return {{"architecture", c.architecture},
          {"layers", c.layers},
          {"dim", c.dim},
          {"hidden_dim", c.hidden_dim},
          {"heads", c.heads},
          {"kv_heads", c.kv_heads},
          {"head_dim", c.head_dim},
          {"vocab_size", c.vocab_size},
          {"context_length", c.context_length},
          {"sliding_window", c.sliding_window},
          {"rope_theta", c.rope_theta},
          {"norm_epsilon", c.norm_epsilon},
          {"tied_embeddings", c.tied_embeddings}};
}

void print_checkpoint(const Checkpoint& checkpoint) {
  fmt::print("{}\n  {}, {} tensors\n\nmetadata\n", checkpoint.path, checkpoint.format,
             checkpoint.tensors.size());
  for (const auto& [key, value] : checkpoint.metadata) fmt::print("  {:<44} {}\n", key, value);
}

std::string shape_of(const ModelConfig& c) {
  return fmt::format("{} {} layers, dim {}, hidden {}, heads {} / {} of {}, vocabulary {}, context {}{}",
                     c.architecture, c.layers, c.dim, c.hidden_dim, c.heads, c.kv_heads, c.head_dim,
                     c.vocab_size, c.context_length,
                     c.sliding_window > 0 ? fmt::format(", window {}", c.sliding_window) : "") +
         (c.rotated_layers.empty()
              ? ""
              : fmt::format(", layers without positions: {}", std::ranges::count(c.rotated_layers, false)));
}

// The tokens that end an answer, and why they do.
std::vector<std::pair<std::int32_t, std::string>> ends_of(const LoadedModel& loaded) {
  const TokenizerData& data = loaded.checkpoint.tokenizer;
  const std::vector<std::int32_t> spelled = ends_by_spelling(data);
  std::vector<std::pair<std::int32_t, std::string>> ends;
  for (std::int32_t id : loaded.tokenizer->stop_ids()) {
    const char* why = data.eos == id                            ? "the file's eos"
                      : std::ranges::binary_search(spelled, id) ? "by its spelling"
                                                                : "the file says so";
    ends.emplace_back(id, fmt::format("'{}', {}", data.tokens[static_cast<std::size_t>(id)], why));
  }
  return ends;
}

// Packed weights that starts leave behind: verbatim cache has more.
void print_cache(const ModelFlags& flags) {
  const auto directory = default_cache_directory();
  if (!directory) return;
  const std::vector<CachedWeights> files = cached_weights(*directory);
  fmt::print("  packed weights of {} models are kept in {}: {:.1f} of at most {} MiB\n", files.size(),
             *directory, mebibytes(bytes_of(files)), flags.cache_bytes >> 20);
}

// How far such weights are from a file: mean KL on SmolLM2-135M, activations and cache of 16 bits (docs/numerics.md).
struct Distance {
  std::string_view kind;  // what its name begins with
  double mean_kl;
};
constexpr Distance kDistances[] = {{"c4", 9.3e-6}, {"c8", 4.9e-6}, {"i16", 8.4e-6}, {"i8", 2.9e-3}};

void print_distance(const std::vector<TensorReport>& tensors) {
  std::map<std::string, std::int64_t> bytes;
  for (const TensorReport& t : tensors) bytes[t.kind] += t.bytes;
  const auto most = std::ranges::max_element(bytes, {}, [](const auto& kind) { return kind.second; });
  for (const Distance& of : kDistances) {
    if (most->first.starts_with(of.kind))
      fmt::print("  most weights are {}: on SmolLM2-135M such weights are {:.1e} from their file (mean KL)\n",
                 most->first, of.mean_kl);
  }
}

void print_model(const LoadedModel& loaded) {
  fmt::print("\nmodel\n  {}\n", shape_of(loaded.model->config()));
  fmt::print("\n  {:<30} {:>7} {:>8} {:>11} {:>10}  {}\n", "tensor", "file", "becomes", "MiB", "rel. RMS",
             "why");
  std::int64_t bytes = 0;
  for (const TensorReport& t : loaded.tensors) {
    fmt::print("  {:<30} {:>7} {:>8} {:>11.3f} {:>10.2e}  {}\n", t.name, name_of(t.file_type), t.kind,
               mebibytes(t.bytes), t.relative_rms, t.why);
    bytes += t.bytes;
  }
  KvShape kv = loaded.model->kv_shape();
  fmt::print("\n  weights {:.1f} MiB; cache {:.1f} KiB a token, {:.2f} MiB a page of {} tokens\n",
             mebibytes(bytes), static_cast<double>(kv.page_bytes()) / static_cast<double>(kPageTokens) / 1024,
             mebibytes(kv.page_bytes()), kPageTokens);
  print_distance(loaded.tensors);
  for (const auto& [id, why] : ends_of(loaded))
    fmt::print("  {:<28} {}\n", fmt::format("ends an answer: token {}", id), why);
  fmt::print("  fingerprint {}\n", loaded.fingerprint);
}

// The models that are part of the program, and their fingerprints.
int list_builtin(InspectFlags& options) {
  nlohmann::json out = nlohmann::json::array();
  for (const BuiltinModel& builtin : builtin_models()) {
    options.model.model = builtin.name;
    auto loaded = open_model(options.model);
    if (loaded == nullptr) return 1;
    auto bytes = static_cast<std::int64_t>(builtin.gguf.size());
    if (options.json) {
      out.push_back({{"name", builtin.name}, {"bytes", bytes}, {"fingerprint", loaded->fingerprint}});
    } else {
      fmt::print("{}: {}\n  {}, {:.2f} MiB\n  fingerprint {}\n", builtin.name, builtin.summary,
                 shape_of(loaded->model->config()), mebibytes(bytes), loaded->fingerprint);
    }
  }
  if (options.json) std::puts(out.dump(2).c_str());
  return 0;
}

int inspect(InspectFlags& options) {
  if (options.path.empty()) return list_builtin(options);
  options.model.model = options.path;
  auto checkpoint = open_by_name(options.path);
  if (!checkpoint) return complain(checkpoint.error());
  bool model = !checkpoint->config.architecture.empty() && !options.metadata_only;
  std::unique_ptr<LoadedModel> loaded;
  if (model) {
    loaded = open_model(options.model);
    if (loaded == nullptr) return 1;
  }
  if (!options.json) {
    print_checkpoint(*checkpoint);
    if (model) {
      print_model(*loaded);
      print_cache(options.model);
    }
    return 0;
  }
  nlohmann::json out = {{"path", checkpoint->path}, {"format", checkpoint->format}};
  for (const auto& [key, value] : checkpoint->metadata) out["metadata"][key] = value;
  if (model) {
    out["config"] = config_json(loaded->model->config());
    out["fingerprint"] = loaded->fingerprint;
    for (const auto& [id, why] : ends_of(*loaded)) out["stop_tokens"].push_back({{"id", id}, {"why", why}});
    for (const TensorReport& t : loaded->tensors) {
      out["tensors"].push_back({{"name", t.name},
                                {"file_type", name_of(t.file_type)},
                                {"kind", t.kind},
                                {"bytes", t.bytes},
                                {"relative_rms", t.relative_rms},
                                {"why", t.why}});
    }
  }
  std::puts(out.dump(2, ' ', false, nlohmann::json::error_handler_t::replace).c_str());
  return 0;
}

}  // namespace

void add_inspect(CommandLine line) {
  auto options = std::make_shared<InspectFlags>();
  line.argument(
      "MODEL", options->path,
      "A .gguf file, a Hugging Face folder, or the name of a built-in model; without it the built-in "
      "models are listed");
  add_compute_flags(line, options->model);
  line.boolean("--metadata", options->metadata_only, "The file's metadata only: nothing is converted");
  line.boolean("--json", options->json, "The same as JSON");
  line.footer(
      "Examples:\n"
      "  verbatim inspect\n"
      "  verbatim inspect storyteller\n"
      "  verbatim inspect model.gguf --weights file --json");
  line.run([options] { return inspect(*options); });
}

}  // namespace verbatim::app
