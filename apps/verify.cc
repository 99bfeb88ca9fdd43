// verbatim verify: says of receipts whether this model gave those answers, by computing them again.
#include <unistd.h>

#include <cstdio>
#include <nlohmann/json.hpp>

#include "command.h"
#include "receipt/signing.h"
#include "receipt/verify.h"

namespace verbatim::app {
namespace {

constexpr int kInvalid = 1, kNotVerified = 2;  // exit codes, next to 0

struct VerifyFlags {
  ModelFlags model;
  std::vector<std::string> files;
  std::string key;
  bool json = false;
};

struct Name {
  const char *word, *key;  // for people and for programs
};
Name name_of(Verdict::Outcome outcome) {
  constexpr Name kNames[] = {{"VALID", "valid"}, {"INVALID", "invalid"}, {"NOT VERIFIED", "not_verified"}};
  return kNames[static_cast<int>(outcome)];
}

void print_text(const SavedReceipt& saved, const Verdict& verdict) {
  std::string about = verdict.sentence;
  if (verdict.outcome == Verdict::Outcome::valid) {
    about = fmt::format("{} tokens after a prompt of {}, {}", verdict.tokens, verdict.prompt_tokens, about);
  } else if (verdict.position) {
    about = fmt::format("{} at position {} (answer token {}): {}", verdict.what, *verdict.position,
                        *verdict.position - verdict.prompt_tokens, about);
  } else if (about.starts_with(saved.where)) {
    about = about.substr(saved.where.size() + 2);
  } else if (!about.starts_with(verdict.what)) {
    about = fmt::format("{}: {}", verdict.what, about);
  }
  fmt::print("{}: {}: {}\n", saved.where, name_of(verdict.outcome).word, about);
}

nlohmann::ordered_json json_of(const SavedReceipt& saved, const Verdict& verdict) {
  nlohmann::ordered_json out = {{"receipt", saved.where}, {"verdict", name_of(verdict.outcome).key}};
  out["what"] = nullptr, out["position"] = nullptr;
  if (!verdict.what.empty()) out["what"] = verdict.what;
  if (verdict.position) out["position"] = *verdict.position;
  out["sentence"] = verdict.sentence;
  out["prompt_tokens"] = verdict.prompt_tokens;
  out["tokens"] = verdict.tokens;
  out["text"] = nullptr;
  if (verdict.outcome == Verdict::Outcome::valid) out["text"] = verdict.text;
  return out;
}

// A file that cannot be used is an entry of its own, so that the others are verified all the same.
std::vector<SavedReceipt> read_files(const std::vector<std::string>& files) {
  std::vector<SavedReceipt> all;
  for (const std::string& file : files) {
    auto text = read_text({.text = {}, .file = file});
    auto found = text ? find_receipts(*text, file) : Result<std::vector<SavedReceipt>>(text.error());
    if (found) {
      std::ranges::move(*found, std::back_inserter(all));
    } else {
      all.push_back({file, found.error()});
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

int exit_code(std::span<const Verdict> verdicts) {
  auto has = [&](Verdict::Outcome outcome) {
    return std::ranges::find(verdicts, outcome, &Verdict::outcome) != verdicts.end();
  };
  return has(Verdict::Outcome::invalid) ? kInvalid : has(Verdict::Outcome::not_verified) ? kNotVerified : 0;
}

int verify(const VerifyFlags& options) {
  VerifyOptions how;
  if (!options.key.empty()) {
    auto key = read_public_key(options.key);
    if (!key) return complain(key.error()), kNotVerified;
    how.public_key = *std::move(key);
  }
  const std::vector<SavedReceipt> saved = read_files(options.files);
  auto loaded = open_model(options.model);
  if (loaded == nullptr) return kNotVerified;
  if (!options.model.quiet && isatty(STDERR_FILENO) == 1) how.progress = show_rows_done;

  const std::vector<Verdict> verdicts = verify_receipts(*loaded, saved, how);
  nlohmann::ordered_json json = nlohmann::ordered_json::array();
  for (std::size_t i = 0; i < saved.size(); ++i)
    options.json ? json.push_back(json_of(saved[i], verdicts[i])) : print_text(saved[i], verdicts[i]);
  if (options.json) std::puts(json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace).c_str());
  if (!options.json && saved.size() > 1) {
    auto count = [&](Verdict::Outcome outcome) {
      return std::ranges::count(verdicts, outcome, &Verdict::outcome);
    };
    fmt::print("{} receipts: {} valid, {} invalid, {} not verified\n", saved.size(),
               count(Verdict::Outcome::valid), count(Verdict::Outcome::invalid),
               count(Verdict::Outcome::not_verified));
  }
  return exit_code(verdicts);
}

}  // namespace

void add_verify(CLI::App& app, std::function<int()>& action) {
  auto options = std::make_shared<VerifyFlags>();
  app.add_option("receipts", options->files,
                 "Files with receipts: alone, in a saved response or stream, one a line; - is standard input")
      ->required();
  add_model_flags(app, options->model);
  add_chat_flags(app, options->model);
  flag(app, "--key", options->key, "PEM file of the public key that must have signed the receipts");
  boolean(app, "--json", options->json, "The verdicts as JSON");
  app.footer(
      "Exit code: 0 all are valid; 1 one is not; 2 one could not be verified (another model, not readable).\n"
      "Examples:\n"
      "  verbatim run -p \"Once upon a time\" --receipt receipt.json && verbatim verify receipt.json\n"
      "  verbatim verify -m model.gguf --key server.pub.pem responses/*.json");
  app.callback([options, &action] { action = [options] { return verify(*options); }; });
}

}  // namespace verbatim::app
