// verbatim tokenize: a text's token ids on one line. Needs the vocabulary only.
#include <cstdio>

#include "command.h"
#include "json/library.h"

namespace verbatim::app {
namespace {

struct TokenizeFlags {
  std::string model = default_model();
  TextFlags text;
  bool add_special = false, parse_special = false, json = false;
};

int tokenize(const TokenizeFlags& options) {
  auto checkpoint = open_by_name(options.model);
  if (!checkpoint) return complain(checkpoint.error());
  auto tokenizer = Tokenizer::create(checkpoint->tokenizer);
  if (!tokenizer) return complain(fail("{}: {}", options.model, tokenizer.error().message));
  auto text = read_text(options.text);
  if (!text) return complain(text.error());
  auto ids = tokenizer->encode(*text, {options.add_special, options.parse_special});
  if (!ids) return complain(ids.error());

  if (options.json) {
    nlohmann::json pieces = nlohmann::json::array();
    for (std::int32_t id : *ids) pieces.push_back(tokenizer->decode(std::span(&id, 1), {false, false}));
    std::puts(nlohmann::json{{"tokens", *ids}, {"pieces", pieces}, {"count", ids->size()}}.dump().c_str());
    return 0;
  }
  std::string line;
  for (std::int32_t id : *ids) line += fmt::format("{}{}", line.empty() ? "" : " ", id);
  std::puts(line.c_str());
  return 0;
}

}  // namespace

void add_tokenize(CommandLine line) {
  auto options = std::make_shared<TokenizeFlags>();
  add_model_flag(line, options->model);  // a vocabulary alone will do
  add_text_flags(line, options->text);
  line.boolean("--add-special", options->add_special, "Add the BOS and EOS tokens that the model wants");
  line.boolean("--parse-special", options->parse_special,
               "Special tokens spelled out in the text become tokens");
  line.boolean("--json", options->json, "Ids, pieces and count as JSON");
  line.footer(
      "Examples:\n"
      "  verbatim tokenize -p \"Hello, world\"\n"
      "  verbatim tokenize -m model.gguf -f story.txt --add-special --json");
  line.run([options] { return tokenize(*options); });
}

}  // namespace verbatim::app
