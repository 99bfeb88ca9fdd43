#include "lab/render.h"

#include <fmt/format.h>

#include "json/library.h"

namespace verbatim::lab {
namespace {

using nlohmann::json;

// A token's text on one line, in quotes.
std::string quoted(const std::string& text) {
  return json(text).dump(-1, ' ', false, json::error_handler_t::replace);
}

std::string text_of(const Difference& d) {
  return fmt::format("      first difference: {}: {} {:.9g} against {} {:.9g}\n", d.where, hex_bits(d.first),
                     d.first, hex_bits(d.other), d.other);
}

std::string text_of(const Trial& t) {
  if (!t.missing.empty()) return fmt::format("    {:<24} not tried\n", t.subject);
  std::string text = fmt::format("    {:<24} {:>6} distinct of {:>5}  {}{}\n", t.subject, t.distinct, t.runs,
                                 t.what, t.cut_short ? " (cut short: the time was up)" : "");
  if (t.difference) text += text_of(*t.difference);
  return text;
}

std::string text_of(const Drift& d) {
  return fmt::format("{} of {} bit-identical; |difference| median {:.3g}, 99 % {:.3g}, largest {:.3g}",
                     d.identical, d.values, d.median, d.p99, d.largest);
}

std::string text_of(const Candidate& c) { return fmt::format("{} ({:.6f})", quoted(c.text), c.logprob); }

std::string text_of(const Answers& a) {
  if (!a.error.empty()) return fmt::format("    {:<24} failed: {}\n", a.subject, a.error);
  std::string text = fmt::format(
      "    {:<24} {:>6} distinct of {:>5}  texts of {} tokens, {}; {} distinct with log-probabilities\n",
      a.subject, a.distinct_texts, a.answers, a.tokens, a.what, a.distinct_bits);
  text += fmt::format("      log-probabilities: {}\n", text_of(a.drift));
  if (a.divergence)
    text += fmt::format(
        "      first divergence: token {}, {} alone, {} in the crowd; top two alone: {:.6f} apart\n",
        *a.divergence, text_of(a.alone), text_of(a.crowd), a.margin);
  text += fmt::format("      witness: up to {} sequences and {} rows in a step with an answer\n",
                      a.largest_crowd, a.largest_step);
  return text;
}

std::string text_of(const Agreement& a) {
  if (!a.error.empty()) return fmt::format("    {:<24} failed: {}\n", a.subject, a.error);
  std::string text =
      fmt::format("    {:<24} {:>6} identical of {:>3}  {}\n", a.subject, a.identical, a.positions, a.what);
  if (a.mean_kl) text += fmt::format("      KL: mean {:.3g}, largest {:.3g} nats\n", *a.mean_kl, *a.max_kl);
  return text + fmt::format("      log-probabilities: {}\n", text_of(a.drift));
}

json json_of(const Drift& d) {
  return {{"values", d.values},
          {"identical", d.identical},
          {"median", d.median},
          {"p99", d.p99},
          {"largest", d.largest}};
}

json json_of(const Candidate& c) { return {{"token", c.token}, {"text", c.text}, {"logprob", c.logprob}}; }

json json_of(const Variant& v) {
  json tokens = json::array();
  for (const AnswerToken& token : v.tokens) tokens.push_back(json_of(token.chosen));
  return {{"count", v.count}, {"text", v.text}, {"tokens", tokens}};
}

json json_of(const Trial& t) {
  json out = {{"subject", t.subject}, {"what", t.what},         {"ours", t.ours},
              {"runs", t.runs},       {"distinct", t.distinct}, {"cut_short", t.cut_short}};
  if (!t.missing.empty()) out["missing"] = t.missing;
  if (const auto& d = t.difference) {
    out["difference"] = {{"where", d->where},
                         {"first", d->first},
                         {"other", d->other},
                         {"first_bits", hex_bits(d->first)},
                         {"other_bits", hex_bits(d->other)}};
  }
  return out;
}

json json_of(const Answers& a) {
  json out = {{"subject", a.subject},
              {"what", a.what},
              {"ours", a.ours},
              {"answers", a.answers},
              {"tokens", a.tokens},
              {"distinct_texts", a.distinct_texts},
              {"distinct_bits", a.distinct_bits},
              {"drift", json_of(a.drift)},
              {"largest_crowd", a.largest_crowd},
              {"largest_step", a.largest_step},
              {"variants", json::array()}};
  if (!a.error.empty()) out["error"] = a.error;
  for (const Variant& variant : a.variants) out["variants"].push_back(json_of(variant));
  if (a.divergence)
    out["divergence"] = {{"token", *a.divergence},
                         {"alone", json_of(a.alone)},
                         {"crowd", json_of(a.crowd)},
                         {"margin", a.margin}};
  return out;
}

json json_of(const Agreement& a) {
  json out = {{"subject", a.subject},     {"what", a.what},           {"ours", a.ours},
              {"positions", a.positions}, {"identical", a.identical}, {"drift", json_of(a.drift)}};
  if (!a.error.empty()) out["error"] = a.error;
  if (a.mean_kl) out["mean_kl"] = *a.mean_kl;
  if (a.max_kl) out["max_kl"] = *a.max_kl;
  return out;
}

template <class Values>
json list_of(const Values& values) {
  json out = json::array();
  for (const auto& value : values) out.push_back(json_of(value));
  return out;
}

}  // namespace

const char* name_of(Verdict verdict) {
  constexpr const char* names[] = {"SEEN", "NOT SEEN", "MISSING", "BROKEN"};
  return names[static_cast<int>(verdict)];
}

std::string to_text(const Finding& f) {
  std::string text = fmt::format("{}. {}.\n   {}: {}. [{:.1f} s]\n", f.number, f.claim, name_of(f.verdict),
                                 f.sentence, f.seconds);
  for (const Trial& trial : f.trials) text += text_of(trial);
  for (const Answers& answers : f.answers) text += text_of(answers);
  for (const Agreement& agreement : f.agreements) text += text_of(agreement);
  for (const std::string& note : f.notes) text += fmt::format("    note: {}\n", note);
  return text;
}

json to_json(const Finding& f) {
  return {{"number", f.number},
          {"claim", f.claim},
          {"verdict", name_of(f.verdict)},
          {"sentence", f.sentence},
          {"trials", list_of(f.trials)},
          {"answers", list_of(f.answers)},
          {"agreements", list_of(f.agreements)},
          {"notes", f.notes},
          {"seconds", f.seconds}};
}

}  // namespace verbatim::lab
