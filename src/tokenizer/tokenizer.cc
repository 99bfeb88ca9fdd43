#include "tokenizer/tokenizer.h"

#include <algorithm>
#include <utility>

#include "base/utf8.h"
#include "tokenizer/named_pre_tokenizers.h"
#include "tokenizer/normalizer.h"

namespace verbatim {
namespace {

Status check_id(std::optional<std::int32_t> id, std::string_view key, const Vocabulary& vocabulary) {
  if (!id || vocabulary.contains(*id)) return {};
  return fail("{} is {}, outside the vocabulary of {} tokens", key, *id, vocabulary.size());
}

Status check_ids(const TokenizerData& data, const Vocabulary& vocabulary) {
  const std::pair<std::string_view, std::optional<std::int32_t>> named[] = {
      {"tokenizer.ggml.bos_token_id", data.bos},
      {"tokenizer.ggml.eos_token_id", data.eos},
      {"tokenizer.ggml.unknown_token_id", data.unk},
      {"tokenizer.ggml.padding_token_id", data.pad},
  };
  for (const auto& [key, id] : named) {
    if (Status s = check_id(id, key, vocabulary); !s.ok()) return s;
  }
  if (data.add_bos.value_or(false) && !data.bos) {
    return fail("tokenizer.ggml.add_bos_token is true, but there is no tokenizer.ggml.bos_token_id");
  }
  if (data.add_eos && !data.eos) {
    return fail("tokenizer.ggml.add_eos_token is true, but there is no tokenizer.ggml.eos_token_id");
  }
  if (!data.normalizer.empty() && data.normalizer != "nfc" && data.normalizer != "spaces") {
    return fail("the tokenizer's normalizer '{}' is not supported (supported: nfc, spaces)", data.normalizer);
  }
  return {};
}

// What the file says about splitting, by its own patterns, by a name, or (spm) by saying nothing.
Result<NamedPreTokenizer> resolve_pre_tokenizer(const TokenizerData& data) {
  NamedPreTokenizer resolved;
  const bool unnamed = data.pre_tokenizer.empty();
  if (!data.pre_regex.empty()) {
    resolved.patterns = data.pre_regex;
  } else if (data.kind == TokenizerKind::bpe) {
    const NamedPreTokenizer* row = find_pre_tokenizer(unnamed ? "default" : data.pre_tokenizer);
    if (!row)
      return fail("tokenizer.ggml.pre is '{}', a pre-tokenizer that is not known here", data.pre_tokenizer);
    resolved = *row;
  } else {
    resolved.add_bos = true;  // SentencePiece models; llama.cpp assumes it too
  }
  resolved.ignore_merges |= data.ignore_merges;
  resolved.nfc |= data.normalizer == "nfc";
  resolved.add_bos = data.add_bos.value_or(resolved.add_bos) && data.bos;
  return resolved;
}

}  // namespace

Tokenizer::Tokenizer(const TokenizerData& data, Vocabulary vocabulary, PreTokenizer pre_tokenizer,
                     Model model)
    : vocabulary_(std::move(vocabulary)),
      pre_tokenizer_(std::move(pre_tokenizer)),
      model_(std::move(model)),
      bos_(data.bos),
      eos_(data.eos),
      stop_ids_(data.stop_ids),
      add_eos_(data.add_eos) {
  std::sort(stop_ids_.begin(), stop_ids_.end());
  stop_ids_.erase(std::unique(stop_ids_.begin(), stop_ids_.end()), stop_ids_.end());
  if (data.kind == TokenizerKind::spm) {
    space_prefix_ = {data.add_space_prefix, data.space_prefix_first_only, data.space_prefix_unless_present};
    remove_extra_spaces_ = data.remove_extra_whitespaces;
    escapes_spaces_first_ = data.normalizer == "spaces";
  }
}

Result<Tokenizer> Tokenizer::create(const TokenizerData& data) {
  Result<Vocabulary> vocabulary = Vocabulary::create(data);
  if (!vocabulary.ok()) return vocabulary.error();
  if (Status s = check_ids(data, *vocabulary); !s.ok()) return s.error();
  const Result<NamedPreTokenizer> splitting = resolve_pre_tokenizer(data);
  if (!splitting.ok()) return splitting.error();
  Result<PreTokenizer> pre_tokenizer = PreTokenizer::create(splitting->patterns);
  if (!pre_tokenizer.ok()) return pre_tokenizer.error();

  auto finish = [&](auto model) -> Result<Tokenizer> {
    if (!model.ok()) return model.error();
    Tokenizer tokenizer(data, *std::move(vocabulary), *std::move(pre_tokenizer), *std::move(model));
    tokenizer.nfc_ = splitting->nfc;
    tokenizer.add_bos_ = splitting->add_bos;
    tokenizer.added_.emplace(data, tokenizer.vocabulary_,
                             [&](std::string_view text) { return tokenizer.normalized(text, true); });
    return tokenizer;
  };
  return data.kind == TokenizerKind::bpe
             ? finish(ByteLevelBpe::create(data, *vocabulary, splitting->ignore_merges))
             : finish(SentencePieceBpe::create(data, *vocabulary));
}

Result<std::vector<std::int32_t>> Tokenizer::encode(std::string_view text, EncodeOptions options,
                                                    Stop stop) const {
  std::vector<std::int32_t> ids;
  MergeScratch scratch;
  if (options.add_special && add_bos_) ids.push_back(*bos_);
  for (const TextSegment& segment : added_->split(text, options.parse_special)) {
    if (segment.token) {
      ids.push_back(*segment.token);
      continue;
    }
    const bool first = segment.text.data() == text.data();
    if (Status s = encode_plain(segment.text, first, options.parse_special, scratch, stop, ids); !s.ok())
      return s.error();
  }
  if (options.add_special && add_eos_) ids.push_back(*eos_);
  return ids;
}

std::string Tokenizer::normalized(std::string_view text, bool first) const {
  std::string made = nfc_ ? normalize_nfc(text) : std::string(text);
  return escapes_spaces_first_ ? with_spaces_escaped(made, first) : made;
}

Status Tokenizer::encode_plain(std::string_view text, bool first, bool parse_special, MergeScratch& scratch,
                               Stop& stop, std::vector<std::int32_t>& ids) const {
  const bool escapes_later = std::holds_alternative<SentencePieceBpe>(model_) && !escapes_spaces_first_;
  const std::string made = normalized(text, first);
  for (const TextSegment& segment : added_->split_normalized(made, parse_special)) {
    if (segment.token) {
      ids.push_back(*segment.token);
      continue;
    }
    std::string escaped;
    std::string_view plain = segment.text;
    if (escapes_later) plain = escaped = with_spaces_escaped(plain, first && plain.data() == made.data());
    const Result<std::vector<std::string_view>> pieces = pre_tokenizer_.split(plain, stop);
    if (!pieces.ok()) return pieces.error();
    for (std::string_view piece : *pieces) {
      if (const auto* bpe = std::get_if<ByteLevelBpe>(&model_)) {
        bpe->encode(piece, vocabulary_, scratch, ids, stop);
      } else {
        std::get<SentencePieceBpe>(model_).encode(piece, scratch, ids, stop);
      }
      if (stop.due()) return Stop::error();
    }
  }
  return {};
}

std::string Tokenizer::with_spaces_escaped(std::string_view text, bool first) const {
  std::string spaced = remove_extra_spaces_ ? remove_extra_spaces(text) : std::string(text);
  if (spaced.empty()) return spaced;
  const bool present = spaced.starts_with(' ') || spaced.starts_with(kSpaceSymbol);
  if (space_prefix_.wanted && (first || !space_prefix_.first_only) &&
      !(present && space_prefix_.unless_present)) {
    spaced.insert(spaced.begin(), ' ');
  }
  return escape_spaces(spaced);
}

std::string_view Tokenizer::token_bytes(std::int32_t id) const {
  return vocabulary_.contains(id) ? std::string_view(vocabulary_.bytes(id)) : std::string_view();
}

std::string_view Tokenizer::decode_step(std::int32_t id, bool skip_special, bool& at_start) const {
  if (skip_special && is_special(id)) return {};
  std::string_view bytes = token_bytes(id);
  if (bytes.empty()) return bytes;
  if (std::exchange(at_start, false) && space_prefix_.wanted && bytes.front() == ' ') bytes.remove_prefix(1);
  return bytes;
}

std::string Tokenizer::decode_bytes(std::span<const std::int32_t> ids, DecodeOptions options) const {
  std::string bytes;
  bool at_start = options.text_start;
  for (std::int32_t id : ids) bytes += decode_step(id, options.skip_special, at_start);
  return bytes;
}

std::string Tokenizer::decode(std::span<const std::int32_t> ids, DecodeOptions options) const {
  return replace_ill_formed(decode_bytes(ids, options));
}

bool Tokenizer::is_stop(std::int32_t id) const {
  return std::binary_search(stop_ids_.begin(), stop_ids_.end(), id);
}

}  // namespace verbatim
