// verbatim convert: any model that can be opened, written as one GGUF file with its vocabulary and chat template.
#include <cstdio>
#include <filesystem>
#include <map>

#include "command.h"
#include "load/encode.h"
#include "load/export_gguf.h"
#include "load/new_file.h"
#include "tokenizer/named_pre_tokenizers.h"

namespace verbatim::app {
namespace {

struct ConvertFlags {
  std::string from, to, type;
  std::vector<std::string> texts;
  int threads = 0;
};

Result<GgufExport> parse(const ConvertFlags& options) {
  GgufExport out;
  for (DType type : writable_dtypes()) {
    if (name_of(type) == options.type) out.type = type;
  }
  for (const std::string& text : options.texts) {
    std::size_t equals = text.find('=');
    if (equals == 0 || equals == text.npos)
      return fail("--text '{}' is not KEY=TEXT, such as general.name=mine", text);
    out.texts.emplace_back(text.substr(0, equals), text.substr(equals + 1));
  }
  return out;
}

int convert(const ConvertFlags& options) {
  auto how = parse(options);
  if (!how) return complain(how.error());
  auto checkpoint = open_by_name(options.from);
  if (!checkpoint) return complain(checkpoint.error());
  TokenizerData& tokenizer = checkpoint->tokenizer;
  auto name = pre_tokenizer_name(tokenizer);
  if (!name) return complain(fail("{}: {}", options.from, name.error().message));
  tokenizer.pre_tokenizer = *name;
  tokenizer.pre_regex.clear();

  const std::filesystem::path to(options.to);
  remove_abandoned(to.parent_path(), to.filename().string());
  ThreadPool pool(thread_count(options.threads));
  if (Status written = export_gguf(options.to, *checkpoint, *how, pool); !written)
    return complain(written.error());
  auto back = open_checkpoint(options.to);
  if (!back) return complain(back.error());
  std::map<std::string, std::size_t> types;
  for (const auto& [tensor_name, tensor] : back->tensors) ++types[std::string(name_of(tensor.type))];
  fmt::print("{}: {:.2f} MiB,", options.to,
             static_cast<double>(std::filesystem::file_size(options.to)) / (1 << 20));
  for (const auto& [type, count] : types) fmt::print(" {} {}", count, type);
  fmt::print(" tensors, {} tokens\n", back->tokenizer.tokens.size());
  return 0;
}

}  // namespace

void add_convert(CommandLine line) {
  auto options = std::make_shared<ConvertFlags>();
  line.argument("MODEL", options->from,
                "A Hugging Face folder, a .gguf file, or the name of a built-in model")
      .required();
  line.argument("OUT", options->to, "The .gguf file to write").required();
  std::vector<std::string> types;
  for (DType type : writable_dtypes()) types.emplace_back(name_of(type));
  line.flag("--type", options->type, "Type of the matrices; without it each keeps its own").one_of(types);
  line.flag("--text", options->texts, "KEY=TEXT: a further key, such as general.name=mine; may be repeated");
  line.flag("--threads", options->threads,
            "Threads; 0 is one for each processor that this process may use. No effect on any bit")
      .between(0, 1024);
  line.footer(
      "Examples:\n"
      "  verbatim convert Qwen3-0.6B qwen3.gguf\n"
      "  verbatim convert Qwen3-0.6B qwen3-q8.gguf --type Q8_0 --text general.name=\"Qwen3 0.6B\"");
  line.run([options] { return convert(*options); });
}

}  // namespace verbatim::app
