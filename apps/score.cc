// verbatim score: the log-probability of every token of a text, and the SHA-256 of every logit, under a
// chosen schedule.
#include <bit>
#include <cmath>
#include <cstdio>
#include <optional>

#include "base/sha256.h"
#include "command.h"
#include "json/library.h"
#include "load/new_file.h"
#include "sample/logprobs.h"
#include "schedules.h"

namespace verbatim::app {
namespace {

static_assert(std::endian::native == std::endian::little,
              "logits-sha256 is defined on little-endian float32");

struct ScoreFlags {
  ModelFlags model;
  TextFlags text;
  std::string schedule = "whole", logits;
  bool no_special = false, summary = false, json = false;
};

struct Score {
  std::vector<std::int32_t> tokens;
  std::vector<float> logprobs;  // of token i + 1 given tokens 0 .. i
  std::string logits_sha256;
  Witness witness;

  double perplexity() const {
    double sum = 0;
    for (float logprob : logprobs) sum += logprob;
    return std::exp(-sum / static_cast<double>(logprobs.size()));
  }
};

// The header of a file of numpy that holds float32 in (rows, columns): NEP 1, version 1.0.
std::string numpy_header(std::size_t rows, std::size_t columns) {
  std::string shape =
      fmt::format("{{'descr': '<f4', 'fortran_order': False, 'shape': ({}, {}), }}", rows, columns);
  shape.append((64 - (shape.size() + 11) % 64) % 64, ' ');
  shape += '\n';
  std::string header("\x93NUMPY\x01\x00", 8);
  header += {static_cast<char>(shape.size() & 255), static_cast<char>(shape.size() >> 8)};
  return header + shape;
}

Result<Score> score_text(LoadedModel& loaded, const ScoreFlags& options, const std::string& text) {
  auto schedule = parse_schedule(options.schedule);
  if (!schedule) return schedule.error();
  auto tokens = loaded.tokenizer->encode(text, {!options.no_special, false});
  if (!tokens) return tokens.error();
  if (tokens->size() < 2) return fail("the text has {} tokens; a score needs two at least", tokens->size());

  Score score;
  score.tokens = *std::move(tokens);
  std::optional<NewFile> file;
  Status written;
  auto write = [&](std::span<const std::byte> bytes) {
    if (file && written) written = file->write(bytes);
  };
  if (!options.logits.empty()) {
    Result<NewFile> made = NewFile::create(options.logits);
    if (!made) return made.error();
    file.emplace(*std::move(made));
    const std::string header =
        numpy_header(score.tokens.size(), static_cast<std::size_t>(loaded.model->config().vocab_size));
    write(std::as_bytes(std::span(header)));
  }
  Sha256 sha;
  auto on_row = [&](std::int64_t position, std::span<const float> row) {
    sha.update(row.data(), row.size_bytes());
    write(std::as_bytes(row));
    auto next = static_cast<std::size_t>(position) + 1;
    if (next == score.tokens.size()) return;
    const spec::LogNormaliser normaliser = loaded.backend->logits_math().log_normalise(row);
    score.logprobs.push_back(logprobs_of(row, normaliser, score.tokens[next], 0).chosen.logprob);
  };
  auto witness = compute_rows(loaded, score.tokens, *schedule, on_row);
  if (!witness) return witness.error();
  if (file && written) written = file->put_in_place();
  if (!written) return written.error();
  score.witness = *witness;
  score.logits_sha256 = sha.hex();
  return score;
}

void print_text(const LoadedModel& loaded, const ScoreFlags& options, const Score& score) {
  auto piece = [&](std::size_t i) {
    std::string text = loaded.tokenizer->decode(std::span(&score.tokens[i], 1), {false, false});
    return nlohmann::json(text).dump();  // quoted, control characters escaped
  };
  if (!options.summary) {
    fmt::print("{:>8} {:>8} {:>14}  {}\n", "position", "token", "logprob", "text");
    fmt::print("{:>8} {:>8} {:>14}  {}\n", 0, score.tokens[0], "", piece(0));
    for (std::size_t i = 0; i < score.logprobs.size(); ++i) {
      fmt::print("{:>8} {:>8} {:>14.6f}  {}\n", i + 1, score.tokens[i + 1], score.logprobs[i], piece(i + 1));
    }
  }
  const Witness& w = score.witness;
  fmt::print("tokens          {}\nperplexity      {:.6f}\nlogits-sha256   {}\n", score.tokens.size(),
             score.perplexity(), score.logits_sha256);
  fmt::print("fingerprint     {}\n", loaded.fingerprint);
  fmt::print("schedule        {}, backend {}, {} threads\n", options.schedule, loaded.backend->name(),
             loaded.backend->threads());
  fmt::print(
      "witness         {} steps; at most {} rows, {} sequences in one; {} tokens from cache, {} "
      "preemptions\n",
      w.steps, w.most_rows, w.most_sequences, w.cached_tokens, w.preemptions);
}

void print_json(const LoadedModel& loaded, const ScoreFlags& options, const Score& score) {
  const Witness& w = score.witness;
  nlohmann::json out = {{"tokens", score.tokens},
                        {"logprobs", score.logprobs},
                        {"perplexity", score.perplexity()},
                        {"logits_sha256", score.logits_sha256},
                        {"fingerprint", loaded.fingerprint},
                        {"schedule", options.schedule},
                        {"backend", loaded.backend->name()},
                        {"threads", loaded.backend->threads()},
                        {"witness",
                         {{"steps", w.steps},
                          {"most_rows", w.most_rows},
                          {"most_sequences", w.most_sequences},
                          {"cached_tokens", w.cached_tokens},
                          {"preemptions", w.preemptions}}}};
  std::puts(out.dump().c_str());
}

int score(const ScoreFlags& options) {
  if (auto schedule = parse_schedule(options.schedule); !schedule) return complain(schedule.error());
  auto text = read_text(options.text);
  if (!text) return complain(text.error());
  auto loaded = open_model(options.model);
  if (loaded == nullptr) return 1;
  auto result = score_text(*loaded, options, *text);
  if (!result) return complain(result.error());
  options.json ? print_json(*loaded, options, *result) : print_text(*loaded, options, *result);
  return 0;
}

}  // namespace

void add_score(CommandLine line) {
  auto options = std::make_shared<ScoreFlags>();
  add_model_flags(line, options->model);
  add_text_flags(line, options->text);
  line.flag(
      "--schedule", options->schedule,
      "How the positions are computed: whole, chunk:N, decode, crowd:N, prefix:N, preempt. No effect on any "
      "bit");
  line.boolean("--no-special", options->no_special, "Do not put the BOS token before the text");
  line.boolean("--summary", options->summary, "Leave out the line for each token");
  line.boolean("--json", options->json, "The same as JSON");
  line.flag("--logits", options->logits,
            "File for every logit: float32, (tokens, vocabulary), as numpy saves an array (.npy)");
  line.footer(
      "Examples:\n"
      "  verbatim score -m model.gguf -f story.txt\n"
      "  verbatim score -m model.gguf -f story.txt --summary --schedule crowd:64\n"
      "  verbatim score -m model.gguf -f story.txt --schedule decode --backend reference --json\n"
      "The logits-sha256 of the last two is the same.");
  line.run([options] { return score(*options); });
}

}  // namespace verbatim::app
