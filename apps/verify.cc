// verbatim verify: says of receipts whether this model gave those answers, by computing them again.
#include <unistd.h>

#include <cstdio>

#include "base/utf8.h"
#include "command.h"
#include "conversation.h"
#include "json/library.h"
#include "receipt/signing.h"
#include "verify/verify_answers.h"

namespace verbatim::app {
namespace {

constexpr int kInvalid = 1, kNotVerified = 2;  // exit codes, next to 0

struct VerifyFlags {
  ModelFlags model;
  std::vector<std::string> files;
  std::string key, request;
  bool json = false;
};

struct Name {
  const char *word, *key;  // for people and for programs
};
Name name_of(Verdict::Outcome outcome) {
  constexpr Name kNames[] = {{"VALID", "valid"}, {"INVALID", "invalid"}, {"NOT VERIFIED", "not_verified"}};
  return kNames[static_cast<int>(outcome)];
}

void print_text(const JudgedReceipt& judged) {
  const auto& [where, verdict] = judged;
  std::string about = verdict.sentence;
  if (verdict.outcome == Verdict::Outcome::valid) {
    about = fmt::format("{} tokens after a prompt of {}, {}", verdict.tokens, verdict.prompt_tokens, about);
  } else if (verdict.position) {
    about = fmt::format("{} at position {} (answer token {}): {}", verdict.what, *verdict.position,
                        *verdict.position - verdict.prompt_tokens, about);
  } else if (about.starts_with(where)) {
    about = about.substr(where.size() + 2);
  } else if (!about.starts_with(verdict.what)) {
    about = fmt::format("{}: {}", verdict.what, about);
  }
  fmt::print("{}: {}: {}\n", where, name_of(verdict.outcome).word, about);
}

nlohmann::ordered_json json_of(const JudgedReceipt& judged) {
  const auto& [where, verdict] = judged;
  nlohmann::ordered_json out = {{"receipt", where}, {"verdict", name_of(verdict.outcome).key}};
  out["what"] = nullptr, out["position"] = nullptr;
  if (!verdict.what.empty()) out["what"] = verdict.what;
  if (verdict.position) out["position"] = *verdict.position;
  out["sentence"] = verdict.sentence;
  out["prompt_tokens"] = verdict.prompt_tokens;
  out["tokens"] = verdict.tokens;
  out["text"] = nullptr;
  if (verdict.outcome == Verdict::Outcome::valid) out["text"] = replace_ill_formed(verdict.answer.text());
  return out;
}

// A file that cannot be used is an entry of its own, so that the others are verified all the same.
std::vector<SavedAnswer> read_files(const std::vector<std::string>& files) {
  std::vector<SavedAnswer> all;
  for (const std::string& file : files) {
    auto text = read_text({.text = {}, .file = file});
    auto found = text ? find_answers(*text, file) : Result<std::vector<SavedAnswer>>(text.error());
    if (found) {
      std::ranges::move(*found, std::back_inserter(all));
    } else {
      all.emplace_back().receipts.push_back({file, found.error()});
    }
  }
  return all;
}

void show_rows_done(std::int64_t done, std::int64_t all) {
  constexpr int kWidth = 40;
  const int filled = static_cast<int>(kWidth * done / std::max<std::int64_t>(all, 1));
  fmt::print(stderr, "\rverifying [{:#<{}}{:.<{}}] {} of {} tokens{}", "", filled, "", kWidth - filled, done,
             all, done == all ? "\r\033[K" : "");
  std::fflush(stderr);
}

std::int64_t count(std::span<const JudgedReceipt> judged, Verdict::Outcome outcome) {
  return std::ranges::count(judged, outcome, [](const JudgedReceipt& one) { return one.verdict.outcome; });
}

int exit_code(std::span<const JudgedReceipt> judged) {
  return count(judged, Verdict::Outcome::invalid) > 0        ? kInvalid
         : count(judged, Verdict::Outcome::not_verified) > 0 ? kNotVerified
                                                             : 0;
}

// The model as the server that wrote the responses has it. Where its template cannot be used, no server holds conversations.
server::ServedModel served_model(const LoadedModel& loaded) {
  server::ServedModel model;
  model.loaded = &loaded;
  model.context = loaded.context;
  model.formats = std::make_shared<server::ResponseFormats>(*loaded.tokenizer);
  if (auto conversation = conversation_template(loaded)) {
    model.chat = conversation->chat;
    model.chat_options = conversation->options;
  }
  return model;
}

int verify(const VerifyFlags& options) {
  VerifyAnswersOptions how;
  if (!options.key.empty()) {
    auto key = read_public_key(options.key);
    if (!key) return complain(key.error()), kNotVerified;
    how.receipts.public_key = *std::move(key);
  }
  if (!options.request.empty()) {
    auto request = read_text({.text = {}, .file = options.request});
    if (!request) return complain(request.error()), kNotVerified;
    how.request = *std::move(request);
  }
  std::vector<SavedAnswer> saved = read_files(options.files);
  auto loaded = open_model(options.model);
  if (loaded == nullptr) return kNotVerified;
  if (!options.model.quiet && isatty(STDERR_FILENO) == 1) how.receipts.progress = show_rows_done;
  const std::vector<JudgedReceipt> judged =
      verify_answers(*loaded, served_model(*loaded), std::move(saved), how);
  nlohmann::ordered_json json = nlohmann::ordered_json::array();
  for (const JudgedReceipt& one : judged) options.json ? json.push_back(json_of(one)) : print_text(one);
  if (options.json) std::puts(json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace).c_str());
  if (!options.json && judged.size() > 1)
    fmt::print("{} receipts: {} valid, {} invalid, {} not verified\n", judged.size(),
               count(judged, Verdict::Outcome::valid), count(judged, Verdict::Outcome::invalid),
               count(judged, Verdict::Outcome::not_verified));
  return exit_code(judged);
}

}  // namespace

void add_verify(CommandLine line) {
  auto options = std::make_shared<VerifyFlags>();
  line.argument("receipts", options->files,
                "Files with receipts: alone, in a saved response or stream, one a line; - is standard input")
      .required();
  add_model_flags(line, options->model);
  add_chat_flags(line, options->model);
  line.flag("--key", options->key, "PEM file of the public key that must have signed the receipts");
  line.flag("--request", options->request,
            "File with the body of the request that was sent: it must be what the receipts answer");
  line.boolean("--json", options->json, "The verdicts as JSON");
  line.footer(
      "A response or stream beside its receipts must be what a server writes for them, all of it.\n"
      "Exit code: 0 all are valid; 1 one is not; 2 one could not be verified (another model, not readable).\n"
      "Examples:\n"
      "  verbatim run -p \"Once upon a time\" --receipt receipt.json && verbatim verify receipt.json\n"
      "  verbatim verify -m model.gguf --key server.pub.pem responses/*.json");
  line.run([options] { return verify(*options); });
}

}  // namespace verbatim::app
