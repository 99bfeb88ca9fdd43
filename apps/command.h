// What every subcommand shares: how it is registered, the common flags, and opening a model for it.
//
// Exit codes: 0 done; 1 the input or the machine did not allow it (one sentence on stderr);
// 2 the flags were wrong, the memory was too small, or what there was to say could not be written.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <string>

#include "builtin/builtin_models.h"
#include "engine/engine.h"
#include "engine/loaded_model.h"

namespace verbatim::app {

// Adds the command's flags to `app`; when the command is chosen on the command line, sets `action` to run it.
using AddCommand = void (*)(CLI::App& app, std::function<int()>& action);

struct Command {
  const char* name;
  const char* summary;
  AddCommand add;
};

void add_run(CLI::App& app, std::function<int()>& action);
void add_score(CLI::App& app, std::function<int()>& action);
void add_bench(CLI::App& app, std::function<int()>& action);
void add_bench_serve(CLI::App& app, std::function<int()>& action);  // a subcommand of bench
void add_tokenize(CLI::App& app, std::function<int()>& action);
void add_inspect(CLI::App& app, std::function<int()>& action);
void add_cache(CLI::App& app, std::function<int()>& action);
void add_convert(CLI::App& app, std::function<int()>& action);
void add_serve(CLI::App& app, std::function<int()>& action);
void add_lab(CLI::App& app, std::function<int()>& action);
void add_demo(CLI::App& app, std::function<int()>& action);
void add_verify(CLI::App& app, std::function<int()>& action);
void add_audit(CLI::App& app, std::function<int()>& action);
void add_diff(CLI::App& app, std::function<int()>& action);

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

void add_model_flag(CLI::App& app, std::string& model);    // -m alone
void add_compute_flags(CLI::App& app, ModelFlags& flags);  // all but -m
void add_model_flags(CLI::App& app, ModelFlags& flags);    // both

// The flags of commands that hold conversations.
void add_chat_flags(CLI::App& app, ModelFlags& flags);

// "-n,--max-tokens" -> "VERBATIM_MAX_TOKENS"
std::string environment_of(const std::string& names);

// A flag that can also be given as an environment variable; its default is the present value.
template <class T>
CLI::Option* flag(CLI::App& app, const std::string& names, T& value, const std::string& help) {
  return app.add_option(names, value, help)->envname(environment_of(names))->capture_default_str();
}
inline CLI::Option* boolean(CLI::App& app, const std::string& names, bool& value, const std::string& help) {
  return app.add_flag(names, value, help)->envname(environment_of(names));
}

// A check of a flag that is a number.
CLI::Validator at_least(double least);

int thread_count(int asked);  // 0: one for each processor that the process may use

// Loads with progress on a terminal. On failure prints the sentence and returns nullptr.
std::unique_ptr<LoadedModel> open_model(const ModelFlags& flags);

// Text from -p or -f ("-" is standard input). Exactly one of them must be given.
struct TextFlags {
  std::string text, file;
};
void add_text_flags(CLI::App& app, TextFlags& flags);
Result<std::string> read_text(const TextFlags& flags);

// Prints "verbatim: <sentence>" on stderr and returns 1.
int complain(const Error& error);

}  // namespace verbatim::app
