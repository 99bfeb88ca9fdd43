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

void add_model_flag(CommandLine line, std::string& model) {
  line.flag("-m,--model", model, "Model: a .gguf file, a Hugging Face folder, or the name of a built-in one");
}

void add_compute_flags(CommandLine line, ModelFlags& flags) {
  line.flag("--threads", flags.threads,
            "Threads; 0 is one for each processor that this process may use. No effect on any bit")
      .between(0, 1024);
  line.flag(
      "--backend", flags.backend,
      "Kernels to use: auto, cuda, amx, avx512, avx2, neon, generic, reference. No effect on any bit; only "
      "conventional, the control group, computes as other engines do and is not reproducible");
  line.flag("--weights", flags.weights, "Integers that weights become").one_of({"auto", "i16", "i8", "file"});
  line.flag("--activations", flags.activations, "Bits of activations; 16 where weights keep a file's codes")
      .one_of({16, 8});
  line.flag("--kv", flags.kv, "Bits of cached keys and values").one_of({16, 8});
  line.boolean("--no-cache", flags.no_cache, "Neither read nor write the weight cache");
  line.flag("--weight-cache-bytes", flags.cache_bytes,
            "What the weight cache may hold, such as 64GiB; what was used longest ago goes (verbatim cache)")
      .bytes();
  line.boolean(
      "--mmap", flags.mmap,
      "Map the weight cache instead of reading it: shared between processes, but who truncates the file "
      "kills this program, and who writes it changes its answers");
  line.boolean("-q,--quiet", flags.quiet, "No progress and no notes on stderr");
}

void add_model_flags(CommandLine line, ModelFlags& flags) {
  add_model_flag(line, flags.model);
  add_compute_flags(line, flags);
}

void add_chat_flags(CommandLine line, ModelFlags& flags) {
  line.flag("--chat-template", flags.chat_template, "File with a Jinja template in place of the model's");
  line.flag("--date", flags.date,
            "Date that templates print as today's, so that no answer depends on the day")
      .checked("YYYY-MM-DD", [](const std::string& text) {
        std::tm parsed{};
        const char* end = strptime(text.c_str(), "%Y-%m-%d", &parsed);
        return end != nullptr && *end == '\0' ? "" : "not a date such as 2024-07-26";
      });
  line.flag("--max-model-len", flags.max_model_len,
            "Tokens of a prompt and its answer; 0 is the model's own context. Part of the fingerprint")
      .at_least(0);
  line.flag("--generation-config", flags.generation_config,
            "Defaults of temperature, top_p, ...: the model file's suggestions, or OpenAI's")
      .one_of({"model", "openai"});
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

void add_text_flags(CommandLine line, TextFlags& flags) {
  line.flag("-p,--prompt", flags.text, "The text");
  line.flag("-f,--file", flags.file, "File that holds the text; - is standard input");
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
