#include "tokenizer/spm.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <utility>

#include "base/utf8.h"
#include "tokenizer/listed_merges.h"

namespace verbatim {
namespace {

// Every way to cut a token in two is looked up when the table is built,
// so its cost is quadratic in this length.
constexpr std::size_t kLongestToken = 4096;  // bytes

// Symbols below zero: a character that is no token, or one ill-formed byte.
constexpr std::int32_t kCodePoints = 0x110000;
constexpr std::int32_t symbol_without_token(char32_t code_point) {
  return -1 - static_cast<std::int32_t>(code_point);
}
constexpr std::int32_t symbol_of_ill_formed(unsigned char byte) { return -1 - kCodePoints - byte; }

std::string bytes_of(std::int32_t symbol_below_zero) {
  const std::int32_t value = -1 - symbol_below_zero;
  std::string bytes;
  if (value < kCodePoints) {
    append_utf8(static_cast<char32_t>(value), bytes);
  } else {
    bytes.push_back(static_cast<char>(value - kCodePoints));
  }
  return bytes;
}

// Calls use(character) for each; an ill-formed subpart is given byte by byte.
template <class Use>
void for_each_symbol(std::string_view text, Use use) {
  for (std::size_t at = 0; at < text.size();) {
    Utf8Char next = read_utf8(text, at);
    if (next.form != Utf8Char::Form::well_formed) next.bytes = 1;
    use(next, static_cast<unsigned char>(text[at]), at);
    at += next.bytes;
  }
}

}  // namespace

SentencePieceBpe::SentencePieceBpe(const TokenizerData& data, const Vocabulary& vocabulary)
    : unknown_(data.unk) {
  for (int byte = 0; byte < 256; ++byte)
    id_of_byte_[byte] = vocabulary.byte_token(static_cast<unsigned char>(byte));
  for (std::int32_t id = 0; id < vocabulary.size(); ++id) {
    const std::string_view text = vocabulary.text(id);
    if (text.empty() || !vocabulary.is_mergeable(id)) continue;
    const Utf8Char first = read_utf8(text, 0);
    if (first.form == Utf8Char::Form::well_formed && first.bytes == text.size())
      id_of_char_.emplace(first.code_point, id);
  }
}

Result<SentencePieceBpe> SentencePieceBpe::create(const TokenizerData& data, const Vocabulary& vocabulary) {
  SentencePieceBpe spm(data, vocabulary);
  Result<MergeTable> merges =
      data.merges.empty() ? spm.scored_pairs(data, vocabulary) : listed_merges(data.merges, vocabulary);
  if (!merges.ok()) return merges.error();
  spm.merges_ = *std::move(merges);
  return spm;
}

std::int32_t SentencePieceBpe::symbol_of(char32_t code_point) const {
  auto it = id_of_char_.find(code_point);
  return it == id_of_char_.end() ? symbol_without_token(code_point) : it->second;
}

std::optional<std::int32_t> SentencePieceBpe::symbol_of_text(std::string_view text,
                                                             const Vocabulary& vocabulary) const {
  if (const auto id = vocabulary.find_mergeable(text)) return id;
  const Utf8Char first = read_utf8(text, 0);
  if (first.form == Utf8Char::Form::well_formed && first.bytes == text.size())
    return symbol_of(first.code_point);
  return std::nullopt;
}

Result<MergeTable> SentencePieceBpe::scored_pairs(const TokenizerData& data,
                                                  const Vocabulary& vocabulary) const {
  if (data.scores.empty())
    return fail("tokenizer.ggml.scores is missing, and there are no merges to use in its place");
  for (std::size_t id = 0; id < data.scores.size(); ++id) {
    if (std::isnan(data.scores[id])) return fail("tokenizer.ggml.scores[{}] is not a number", id);
  }
  // Best first: a score's place is its rank, so equal scores share one.
  std::vector<float> distinct = data.scores;
  std::sort(distinct.begin(), distinct.end(), std::greater<>());
  distinct.erase(std::unique(distinct.begin(), distinct.end()), distinct.end());

  MergeTable merges;
  for (std::int32_t id = 0; id < vocabulary.size(); ++id) {
    const std::string_view text = vocabulary.text(id);
    if (!vocabulary.is_mergeable(id) || vocabulary.find(text) != id) continue;
    if (text.size() > kLongestToken) {
      return fail("tokenizer.ggml.tokens[{}] is {} bytes long; at most {} are supported", id, text.size(),
                  kLongestToken);
    }
    const auto place = std::lower_bound(distinct.begin(), distinct.end(), data.scores[id], std::greater<>());
    const auto rank = static_cast<std::uint32_t>(place - distinct.begin());
    for_each_symbol(text, [&](const Utf8Char&, unsigned char, std::size_t cut) {
      if (cut == 0) return;
      const auto left = symbol_of_text(text.substr(0, cut), vocabulary);
      const auto right = symbol_of_text(text.substr(cut), vocabulary);
      if (left && right) merges.add(*left, *right, {rank, id});
    });
  }
  return merges;
}

void SentencePieceBpe::append_fallback(std::int32_t symbol, std::vector<std::int32_t>& ids) const {
  const std::string bytes = bytes_of(symbol);
  auto id_of = [&](char c) { return id_of_byte_[static_cast<unsigned char>(c)]; };
  if (std::all_of(bytes.begin(), bytes.end(), [&](char c) { return id_of(c).has_value(); })) {
    for (char c : bytes) ids.push_back(*id_of(c));
  } else if (unknown_) {
    ids.push_back(*unknown_);
  }
}

void SentencePieceBpe::encode(std::string_view piece, MergeScratch& scratch, std::vector<std::int32_t>& ids,
                              Stop& stop) const {
  scratch.symbols.clear();
  for_each_symbol(piece, [&](const Utf8Char& c, unsigned char byte, std::size_t) {
    const bool well_formed = c.form == Utf8Char::Form::well_formed;
    scratch.symbols.push_back(well_formed ? symbol_of(c.code_point) : symbol_of_ill_formed(byte));
  });
  merge_symbols(merges_, scratch.symbols, scratch, stop);
  for (std::int32_t symbol : scratch.symbols) {
    if (symbol >= 0) {
      ids.push_back(symbol);
    } else {
      append_fallback(symbol, ids);
    }
  }
}

}  // namespace verbatim
