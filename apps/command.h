// What every subcommand shares: how it is registered, the common flags, and opening a model for it.
//
// Exit codes: 0 done; 1 the input or the machine did not allow it (one sentence on stderr);
// 2 the flags were wrong, the memory was too small, or what there was to say could not be written.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "builtin/builtin_models.h"
#include "command_line.h"
#include "engine/engine.h"
#include "engine/loaded_model.h"

namespace verbatim::app {

// Says what the command takes and does.
using AddCommand = void (*)(CommandLine line);

struct Command {
  const char* name;
  const char* summary;
  AddCommand add;
};

void add_run(CommandLine line);
void add_score(CommandLine line);
void add_bench(CommandLine line);
void add_bench_serve(CommandLine line);  // a subcommand of bench
void add_tokenize(CommandLine line);
void add_inspect(CommandLine line);
void add_cache(CommandLine line);
void add_convert(CommandLine line);
void add_serve(CommandLine line);
void add_lab(CommandLine line);
void add_demo(CommandLine line);
void add_verify(CommandLine line);
void add_audit(CommandLine line);
void add_diff(CommandLine line);

// The model of a command that is given none.
inline std::string default_model() { return std::string(builtin_models().front().name); }

// The flags of every command that computes with a model.
struct ModelFlags {
  std::string model = default_model();
  std::string backend = "auto";
  std::string weights = "auto";
  int threads = 0;  // 0: one for each processor that the process may use
  int activations = 16;
  int kv = 16;
  bool no_cache = false;
  bool mmap = false;
  std::uint64_t cache_bytes = std::uint64_t{64} << 30;
  bool quiet = false;

  std::string chat_template;  // file; empty: the model's own
  std::string date = ModelChoice().date;
  std::int64_t max_model_len = 0;
  std::string generation_config = "model";
};

void add_model_flag(CommandLine line, std::string& model);    // -m alone
void add_compute_flags(CommandLine line, ModelFlags& flags);  // all but -m
void add_model_flags(CommandLine line, ModelFlags& flags);    // both

// The flags of commands that hold conversations.
void add_chat_flags(CommandLine line, ModelFlags& flags);

int thread_count(int asked);  // 0: one for each processor that the process may use

// Loads with progress on a terminal. On failure prints the sentence and returns nullptr.
std::unique_ptr<LoadedModel> open_model(const ModelFlags& flags);

// Text from -p or -f ("-" is standard input). Exactly one of them must be given.
struct TextFlags {
  std::string text, file;
};
void add_text_flags(CommandLine line, TextFlags& flags);
Result<std::string> read_text(const TextFlags& flags);

// Prints "verbatim: <sentence>" on stderr and returns 1.
int complain(const Error& error);

}  // namespace verbatim::app
