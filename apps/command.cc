#include "command.h"

#include <unistd.h>

#include <cstdio>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>

#include "parallel/processors.h"

namespace verbatim::app {

std::string environment_of(const std::string& names) {
  std::string name = "VERBATIM_";
  for (char c : names.substr(names.rfind("--") + 2)) {
    name += c == '-' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  }
  return name;
}

void add_model_flag(CLI::App& app, std::string& model) {
  flag(app, "-m,--model", model, "Model: a .gguf file, a Hugging Face folder, or the name of a built-in one");
}

void add_compute_flags(CLI::App& app, ModelFlags& flags) {
  flag(app, "--threads", flags.threads,
       "Threads; 0 is one for each processor that this process may use. No effect on any bit")
      ->check(CLI::Range(0, 1024));
  flag(app, "--backend", flags.backend,
       "Kernels to use: auto, amx, avx512, avx2, neon, generic, reference. No effect on any bit; only "
       "conventional, "
       "the control group, computes as other engines do and is not reproducible");
  flag(app, "--weights", flags.weights, "Integers that weights become")
      ->check(CLI::IsMember({"auto", "i16", "i8", "file"}));
  flag(app, "--activations", flags.activations, "Bits of activations; 16 where weights keep a file's codes")
      ->check(CLI::IsMember({16, 8}));
  flag(app, "--kv", flags.kv, "Bits of cached keys and values")->check(CLI::IsMember({16, 8}));
  boolean(app, "--no-cache", flags.no_cache, "Neither read nor write the weight cache");
  flag(app, "--weight-cache-bytes", flags.cache_bytes,
       "What the weight cache may hold, such as 64GiB; what was used longest ago goes (verbatim cache)")
      ->transform(CLI::AsSizeValue(false));
  boolean(app, "--mmap", flags.mmap,
          "Map the weight cache instead of reading it: shared between processes, but who truncates the file "
          "kills this program, and who writes it changes its answers");
  boolean(app, "-q,--quiet", flags.quiet, "No progress and no notes on stderr");
}

void add_model_flags(CLI::App& app, ModelFlags& flags) {
  add_model_flag(app, flags.model);
  add_compute_flags(app, flags);
}

void add_chat_flags(CLI::App& app, ModelFlags& flags) {
  flag(app, "--chat-template", flags.chat_template, "File with a Jinja template in place of the model's");
  flag(app, "--date", flags.date,
       "Date that templates print as today's, so that no answer depends on the day")
      ->check(CLI::Validator(
          [](const std::string& text) {
            std::tm parsed{};
            const char* end = strptime(text.c_str(), "%Y-%m-%d", &parsed);
            return end != nullptr && *end == '\0' ? "" : "not a date such as 2024-07-26";
          },
          "YYYY-MM-DD"));
  flag(app, "--max-model-len", flags.max_model_len,
       "Tokens of a prompt and its answer; 0 is the model's own context. Part of the fingerprint")
      ->check(at_least(0));
  flag(app, "--generation-config", flags.generation_config,
       "Defaults of temperature, top_p, ...: the model file's suggestions, or OpenAI's")
      ->check(CLI::IsMember({"model", "openai"}));
}

CLI::Validator at_least(double least) {
  auto check = [least](const std::string& text) {
    double value = 0;
    bool fits = CLI::detail::lexical_cast(text, value) && value >= least;
    return fits ? "" : fmt::format("is {}, must be a number of at least {}", text, least);
  };
  return {check, fmt::format("{} ..", least)};
}

int thread_count(int asked) { return asked > 0 ? asked : usable_processors(); }

std::unique_ptr<LoadedModel> open_model(const ModelFlags& flags) {
  ModelChoice choice;
  choice.path = flags.model;
  choice.backend = flags.backend;
  choice.threads = thread_count(flags.threads);
  const auto width = [](int bits) { return bits == 8 ? Width::bits8 : Width::bits16; };
  choice.widths = {width(flags.activations), width(flags.kv)};
  choice.load.weights.policy = *weight_policy_named(flags.weights);
  choice.load.use_cache = !flags.no_cache;
  choice.load.cache_bytes = static_cast<std::int64_t>(
      std::min<std::uint64_t>(flags.cache_bytes, std::numeric_limits<std::int64_t>::max()));
  choice.load.cache_memory = flags.mmap ? CacheMemory::mapped : CacheMemory::own;
  choice.date = flags.date;
  choice.max_model_len = flags.max_model_len;
  choice.model_sampling = flags.generation_config == "model";
  if (!flags.chat_template.empty()) {
    auto text = read_text({.text = {}, .file = flags.chat_template});
    if (!text) {
      complain(text.error());
      return nullptr;
    }
    choice.chat_template = *std::move(text);
  }
  bool show = !flags.quiet && isatty(STDERR_FILENO) == 1;
  if (show) {
    choice.load.progress = [](const LoadProgress& p) {
      std::fprintf(stderr, "\rloading %3lld %%  (%lld of %lld tensors)%s",
                   static_cast<long long>(p.bytes > 0 ? 100 * p.bytes_done / p.bytes : 100),
                   static_cast<long long>(p.tensors_done), static_cast<long long>(p.tensors),
                   p.tensors_done == p.tensors ? "\r\033[K" : "");
    };
  }
  auto loaded = load_model(choice);
  if (!loaded) {
    complain(loaded.error());
    return nullptr;
  }
  if (!flags.quiet) {
    for (const std::string& note : (*loaded)->notes) std::fprintf(stderr, "verbatim: %s\n", note.c_str());
  }
  return *std::move(loaded);
}

void add_text_flags(CLI::App& app, TextFlags& flags) {
  flag(app, "-p,--prompt", flags.text, "The text");
  flag(app, "-f,--file", flags.file, "File that holds the text; - is standard input");
}

Result<std::string> read_text(const TextFlags& flags) {
  if (!flags.text.empty() && !flags.file.empty()) return fail("give the text by -p or by -f, not both");
  if (flags.file.empty()) {
    if (flags.text.empty()) return fail("no text: give it by -p TEXT or -f FILE");
    return flags.text;
  }
  if (flags.file == "-") return std::string(std::istreambuf_iterator<char>(std::cin), {});
  if (std::filesystem::is_directory(flags.file)) return fail("{}: is a folder", flags.file);
  std::ifstream in(flags.file, std::ios::binary);
  std::string text((std::istreambuf_iterator<char>(in)), {});
  if (!in.is_open() || in.bad()) return fail("{}: cannot be read", flags.file);
  return text;
}

int complain(const Error& error) {
  std::fprintf(stderr, "verbatim: %s\n", error.message.c_str());
  return 1;
}

}  // namespace verbatim::app
