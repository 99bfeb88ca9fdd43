// verbatim run: continues a text, streaming it as it becomes certain; or holds a conversation (chat.cc).
#include <algorithm>
#include <cstdio>
#include <fstream>

#include "base/utf8.h"
#include "generation.h"
#include "json/library.h"

namespace verbatim::app {
namespace {

std::string_view name_of(FinishReason reason) {
  constexpr std::string_view names[] = {"stop", "length", "cancelled", "error"};
  return names[static_cast<int>(reason)];
}

void print_json(const LoadedModel& loaded, const GenerateRequest& request, const Printer& printer) {
  nlohmann::json choices = nlohmann::json::array();
  for (std::size_t i = 0; i < printer.texts().size(); ++i) {
    const Finish& finish = printer.finishes()[i];
    choices.push_back(
        {{"text", printer.texts()[i]}, {"finish_reason", name_of(finish.reason)}, {"tokens", finish.tokens}});
  }
  const SamplingParams& s = request.sampling;
  nlohmann::json out = {{"choices", choices},
                        {"prompt_tokens", request.prompt.size()},
                        {"effective",
                         {{"max_tokens", request.max_tokens},
                          {"temperature", s.temperature},
                          {"top_k", s.top_k},
                          {"top_p", s.top_p},
                          {"min_p", s.min_p},
                          {"repetition_penalty", s.repetition_penalty},
                          {"frequency_penalty", s.frequency_penalty},
                          {"presence_penalty", s.presence_penalty},
                          {"seed", s.seed}}},
                        {"fingerprint", loaded.fingerprint}};
  std::puts(out.dump(2, ' ', false, nlohmann::json::error_handler_t::replace).c_str());
}

// One a line, by choice.
Status write_receipts(const std::string& path, const Printer& printer) {
  std::ofstream out(path, std::ios::binary);
  for (const auto& [choice, receipt] : printer.receipts()) out << to_json_text(receipt) << '\n';
  if (!out.flush()) return fail("{}: cannot be written", path);
  return {};
}

int continue_text(const GenerationFlags& flags, LoadedModel& loaded, const std::string& text) {
  auto request = make_request(loaded, flags, text, {!flags.no_special, flags.parse_special});
  if (!request) return complain(request.error());
  auto tokens = static_cast<std::int64_t>(request->prompt.size()) + request->max_tokens;
  auto engine = make_engine(loaded, flags.n, tokens);
  if (!engine) return complain(engine.error());

  if (Status fits = (*engine)->check(*request); !fits.ok()) return complain(fits.error());

  bool stream = !flags.json && flags.n == 1;
  std::optional<ReceiptMaker> maker;
  if (request->hidden) maker.emplace(VERBATIM_VERSION, loaded.fingerprint, *request);
  Printer printer(flags.n, stream, maker ? &*maker : nullptr);
  if (stream) std::fputs(text.c_str(), stdout);
  Status status = generate(**engine, *request, printer);
  if (flags.json) {
    print_json(loaded, *request, printer);
  } else if (stream) {
    std::puts("");
  } else {
    for (std::size_t i = 0; i < printer.texts().size(); ++i) {
      fmt::print("--- {} ({})\n{}{}\n", i, name_of(printer.finishes()[i].reason), text, printer.texts()[i]);
    }
  }
  if (status.ok() && maker) status = write_receipts(flags.receipt, printer);
  return status.ok() ? 0 : complain(status.error());
}

int run(const GenerationFlags& flags) {
  if (flags.chat && (flags.n != 1 || flags.json || !flags.receipt.empty()))
    return complain(fail("--chat holds one conversation: leave -N and --json out, and --receipt"));
  auto ill_formed = [](const std::string& stop) { return well_formed_bytes(stop, 0) != stop.size(); };
  if (!flags.receipt.empty() && std::ranges::any_of(flags.stop, ill_formed))
    return complain(fail("--stop is not UTF-8, and a receipt can hold no other text"));
  std::string text;
  if (!flags.chat) {
    auto read = read_text(flags.text);
    if (!read) return complain(read.error());
    text = *std::move(read);
  }
  auto loaded = open_model(flags.model);
  if (loaded == nullptr) return 1;
  return flags.chat ? chat(flags, *loaded) : continue_text(flags, *loaded, text);
}

}  // namespace

void add_run(CommandLine line) {
  auto options = std::make_shared<GenerationFlags>();
  SamplingParams& s = options->sampling;
  s.temperature = 0.7f;
  add_model_flags(line, options->model);
  add_text_flags(line, options->text);
  const Flag max_tokens = line.flag("-n,--max-tokens", options->max_tokens,
                                    "Tokens to add at most; the default also ends with the context");
  line.flag("--temperature", s.temperature, "0 always takes the most likely token").at_least(0);
  line.flag("--top-k", s.top_k, "Draw from the K most likely tokens; 0 is all").at_least(0);
  line.flag("--top-p", s.top_p, "Draw from the most likely tokens that together have this probability");
  line.flag("--min-p", s.min_p, "Draw from tokens at least this likely, relative to the most likely one");
  line.flag("--repetition-penalty", s.repetition_penalty,
            "Divides the logits of tokens seen before; 1 is none");
  line.flag("--frequency-penalty", s.frequency_penalty, "Subtracted for each time a token was generated");
  line.flag("--presence-penalty", s.presence_penalty, "Subtracted once from tokens that were generated");
  line.flag("--logit-bias", options->logit_bias, "TOKEN:BIAS added to a token's logit; may be repeated");
  line.flag("--seed", s.seed, "Seed of the draws: the same seed gives the same text");
  line.flag("-N,--choices", options->n, "Number of answers, each from its own random stream").between(1, 64);
  line.flag("--stop", options->stop, "Text that ends the answer and is left out of it; may be repeated");
  line.boolean("--ignore-eos", options->ignore_eos, "The model's end token does not end the answer");
  line.boolean("--no-special", options->no_special, "Do not put the BOS token before the text");
  line.boolean("--parse-special", options->parse_special,
               "Special tokens spelled out in the text become tokens");
  line.boolean(
      "--chat", options->chat,
      "The text is a message, and the model answers by its chat template; without -p and -f each line of "
      "standard input is one");
  line.flag("--system", options->system, "System message of the conversation");
  add_chat_flags(line, options->model);
  line.flag("--receipt", options->receipt,
            "File for receipts of the answers, one a line, which verbatim verify checks");
  line.boolean("--json", options->json, "Answers, parameters in effect and fingerprint as JSON");
  line.footer(
      "Examples:\n"
      "  verbatim run -p \"Once upon a time\"\n"
      "  verbatim run -m model.gguf -f prompt.txt -n 64 --temperature 0.8 --top-p 0.95 --seed 7\n"
      "  verbatim run -m model.gguf --chat --system \"Answer in one sentence.\"\n"
      "  verbatim run -m model.gguf -p \"Dear diary\" -N 3 --temperature 1 --json");
  line.run([options, max_tokens] {
    options->max_tokens_given = max_tokens.given();
    return run(*options);
  });
}

}  // namespace verbatim::app
