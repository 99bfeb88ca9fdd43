// read_tokenizer_json: the format of the huggingface/tokenizers library, whose serde names the keys here are.
#include <algorithm>
#include <array>

#include "load/hf_tokenizer.h"

namespace verbatim {
namespace {

// Ids may leave this many gaps in all: a file cannot make the list of tokens much longer than what it spells
// out.
constexpr std::size_t kMostGaps = 1 << 16;
constexpr std::string_view kMark = "\u2581";  // SentencePiece's visible space

// The split that ByteLevel makes itself when use_regex is true: GPT-2's.
constexpr std::string_view kByteLevelRegex =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";

// What the components said, before the kind of tokenizer is known.
struct Draft {
  TokenizerData data;
  std::size_t most_tokens = kMostGaps;  // and the number of entries
  bool byte_level = false;              // a ByteLevel pre-tokenizer
  bool mark_spaces = false;             // spaces become kMark: by Metaspace or by Replace
};

std::string escape_regex(std::string_view literal) {
  std::string out;
  for (char c : literal) {
    if (std::string_view("\\^$.|?*+()[]{}").find(c) != std::string_view::npos) out += '\\';
    out += c;
  }
  return out;
}

// ---- One reader for each component type; `keys` is the component's object. ----

using Reader = void (*)(JsonKeys& keys, Draft& draft);
struct Component {
  std::string_view type;
  Reader read;
};

void read_component(JsonKeys& keys, std::span<const Component> known, Draft& draft) {
  std::string type = keys.string("type").value_or("");
  auto found = std::ranges::find(known, type, &Component::type);
  if (found == known.end()) return keys.refuse("type", fmt::format("is '{}', which is not supported", type));
  if (found->read != nullptr) found->read(keys, draft);
}

// The components of a Sequence, one after another.
void read_sequence(JsonKeys& keys, std::string_view list, std::span<const Component> known, Draft& draft,
                   Status& status) {
  const Json* items = keys.array(list);
  if (items == nullptr) return keys.refuse(list, "is missing");
  for (std::size_t i = 0; i < items->size() && keys.ok(); ++i) {
    JsonKeys item((*items)[i], keys.where(), fmt::format("{}[{}].", list, i), status);
    read_component(item, known, draft);
  }
}

void split(JsonKeys& keys, Draft& draft) {
  std::string behavior = keys.string("behavior").value_or("");
  if (behavior != "Isolated")
    keys.refuse("behavior", fmt::format("is '{}', which is not supported", behavior));
  if (keys.flag("invert").value_or(false)) keys.refuse("invert", "is true, which is not supported");
  if (keys.object("pattern") == nullptr) return keys.refuse("pattern", "is missing");
  JsonKeys pattern = keys.inside("pattern");
  if (auto regex = pattern.string("Regex")) {
    draft.data.pre_regex.push_back(*regex);
  } else if (auto literal = pattern.string("String")) {
    draft.data.pre_regex.push_back(escape_regex(*literal));
  } else {
    pattern.refuse("Regex", "is missing");
  }
}

void digits(JsonKeys& keys, Draft& draft) {
  draft.data.pre_regex.emplace_back(keys.flag("individual_digits").value_or(false) ? R"(\p{N})"
                                                                                   : R"(\p{N}+)");
}

void byte_level(JsonKeys& keys, Draft& draft) {
  draft.byte_level = true;
  if (keys.flag("add_prefix_space").value_or(true))
    keys.refuse("add_prefix_space", "is true, which is not supported");
  if (keys.flag("use_regex").value_or(true)) draft.data.pre_regex.emplace_back(kByteLevelRegex);
}

void metaspace(JsonKeys& keys, Draft& draft) {
  draft.mark_spaces = true;
  if (keys.string("replacement").value_or("") != kMark) keys.refuse("replacement", "is not U+2581");
  if (keys.flag("split").value_or(true))
    keys.refuse("split", "is true (also the default), which is not supported");
  std::string scheme = keys.string("prepend_scheme")
                           .value_or(keys.flag("add_prefix_space").value_or(true) ? "always" : "never");
  if (scheme != "always" && scheme != "first" && scheme != "never") {
    keys.refuse("prepend_scheme", fmt::format("is '{}', which is not supported", scheme));
  }
  draft.data.add_space_prefix = scheme != "never";
  draft.data.space_prefix_first_only = scheme == "first";
  draft.data.space_prefix_unless_present = true;
}

constexpr Component kPreTokenizers[] = {
    {"Split", split}, {"Digits", digits}, {"ByteLevel", byte_level}, {"Metaspace", metaspace}};

void nfc(JsonKeys&, Draft& draft) { draft.data.normalizer = "nfc"; }

void prepend(JsonKeys& keys, Draft& draft) {
  if (keys.string("prepend").value_or("") != kMark) keys.refuse("prepend", "is not U+2581");
  draft.data.add_space_prefix = true;
}

void replace(JsonKeys& keys, Draft& draft) {
  const Json* pattern = keys.object("pattern");
  bool space = pattern != nullptr && pattern->size() == 1 && pattern->value("String", Json()) == " ";
  if (!space || keys.string("content").value_or("") != kMark) {
    keys.refuse("pattern", "and content do not turn a space into U+2581: not supported");
  }
  draft.mark_spaces = true;
  draft.data.normalizer = "spaces";
}

constexpr Component kNormalizers[] = {{"NFC", nfc}, {"Prepend", prepend}, {"Replace", replace}};

// A component that may be null, one, or a Sequence of several.
void read_stage(JsonKeys& root, std::string_view stage, std::string_view list,
                std::span<const Component> known, Draft& draft, Status& status) {
  if (root.object(stage) == nullptr) return;
  JsonKeys keys = root.inside(stage);
  if (keys.string("type") == "Sequence") {
    read_sequence(keys, list, known, draft, status);
  } else {
    read_component(keys, known, draft);
  }
}

// ---- The vocabulary. ----

// Gives `id` its text, growing the list; a second text for one id, or a second id for one place, is refused.
void add_token(JsonKeys& keys, std::string_view key, std::int64_t id, const std::string& text, TokenType type,
               Draft& draft) {
  TokenizerData& data = draft.data;
  if (id < 0 || static_cast<std::size_t>(id) >= draft.most_tokens)
    return keys.refuse(key, fmt::format("gives a token the id {}", id));
  auto at = static_cast<std::size_t>(id);
  if (at >= data.tokens.size()) {
    data.tokens.resize(at + 1);
    data.types.resize(at + 1, TokenType::unused);
  }
  if (data.types[at] != TokenType::unused && data.tokens[at] != text) {
    return keys.refuse(key, fmt::format("gives the id {} to two tokens", id));
  }
  data.tokens[at] = text;
  data.types[at] = type;
}

bool is_byte_token(std::string_view text) {
  return text.size() == 6 && text.starts_with("<0x") && text.ends_with('>') &&
         std::ranges::all_of(text.substr(3, 2),
                             [](char c) { return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'F'); });
}

void read_vocabulary(JsonKeys& model, bool byte_fallback, Draft& draft) {
  const Json* vocabulary = model.object("vocab");
  if (vocabulary == nullptr) return model.refuse("vocab", "is missing");
  draft.most_tokens += vocabulary->size();
  for (const auto& [text, id] : vocabulary->items()) {
    if (!id.is_number_integer()) return model.refuse("vocab", "has an id that is not an integer");
    TokenType type = byte_fallback && is_byte_token(text) ? TokenType::byte : TokenType::normal;
    add_token(model, "vocab", id.get<std::int64_t>(), text, type, draft);
    if (!model.ok()) return;
  }
}

void read_merges(JsonKeys& model, TokenizerData& data) {
  const Json* merges = model.array("merges");
  if (merges == nullptr) return model.refuse("merges", "is missing");
  data.merges.reserve(merges->size());
  for (const Json& merge : *merges) {
    if (merge.is_array() && merge.size() == 2 && merge[0].is_string() && merge[1].is_string()) {
      data.merges.emplace_back(merge[0].get<std::string>(), merge[1].get<std::string>());
      continue;
    }
    std::string pair = merge.is_string() ? merge.get<std::string>() : "";
    std::size_t space = pair.find(' ', 1);
    if (pair.empty() || space == std::string::npos || space + 1 == pair.size()) {
      return model.refuse("merges", "has an element that is not a pair");
    }
    data.merges.emplace_back(pair.substr(0, space), pair.substr(space + 1));
  }
}

std::optional<std::int32_t> find_token(const TokenizerData& data, std::string_view text) {
  auto it = std::ranges::find(data.tokens, text);
  if (it == data.tokens.end()) return std::nullopt;
  return static_cast<std::int32_t>(it - data.tokens.begin());
}

void read_model(JsonKeys& root, Draft& draft) {
  if (root.object("model") == nullptr) return root.refuse("model", "is missing");
  JsonKeys model = root.inside("model");
  TokenizerData& data = draft.data;
  if (std::string type = model.string("type").value_or("BPE"); type != "BPE") {
    return model.refuse("type", fmt::format("is '{}', which is not supported (supported: BPE)", type));
  }
  if (model.real("dropout").value_or(0) != 0) model.refuse("dropout", "is not supported");
  for (std::string_view key : {"continuing_subword_prefix", "end_of_word_suffix"}) {
    if (!model.string(key).value_or("").empty()) model.refuse(key, "is not supported");
  }
  bool byte_fallback = model.flag("byte_fallback").value_or(false);
  data.ignore_merges = model.flag("ignore_merges").value_or(false);
  if (draft.byte_level == draft.mark_spaces || (draft.mark_spaces && !byte_fallback)) {
    model.refuse("byte_fallback",
                 "and the pre-tokenizer are neither byte-level BPE nor SentencePiece-style BPE");
  }
  data.kind = draft.byte_level ? TokenizerKind::bpe : TokenizerKind::spm;
  if (draft.mark_spaces && !data.pre_regex.empty())
    model.refuse("byte_fallback", "beside Split is not supported");
  if (draft.byte_level && data.pre_regex.empty()) data.pre_tokenizer = "none";
  if (model.ok()) read_vocabulary(model, byte_fallback, draft);
  if (model.ok()) read_merges(model, data);
  if (auto unknown = model.string("unk_token")) data.unk = find_token(data, *unknown);
}

void read_added_tokens(JsonKeys& root, Draft& draft, Status& status) {
  const Json* added = root.array("added_tokens");
  if (added == nullptr) return;
  draft.most_tokens += added->size();
  for (std::size_t i = 0; i < added->size() && status.ok(); ++i) {
    JsonKeys keys((*added)[i], root.where(), fmt::format("added_tokens[{}].", i), status);
    std::int64_t id = keys.required_integer("id");
    std::optional<std::string> text = keys.string("content");
    bool special = keys.flag("special").value_or(false);
    if (!text || text->empty()) keys.refuse("content", "is missing");
    if (keys.flag("single_word").value_or(false))
      keys.refuse("single_word", "is true, which is not supported");
    bool lstrip = keys.flag("lstrip").value_or(false), rstrip = keys.flag("rstrip").value_or(false);
    bool normalized = keys.flag("normalized").value_or(false);
    if (!keys.ok()) return;
    add_token(keys, "id", id, *text, special ? TokenType::control : TokenType::user_defined, draft);
    if (keys.ok())
      draft.data.added.push_back({static_cast<std::int32_t>(id), special, lstrip, rstrip, normalized});
  }
}

// ---- The post-processor: which special tokens surround a text. ----

// A TemplateProcessing's "single": one sequence, with at most one special token before and one after it.
void template_processing(JsonKeys& keys, Draft& draft) {
  const Json* single = keys.array("single");
  if (single == nullptr) return keys.refuse("single", "is missing");
  TokenizerData& data = draft.data;
  data.add_bos = false;
  bool after = false;
  for (const Json& piece : *single) {
    if (!piece.is_object() || piece.size() != 1)
      return keys.refuse("single", "has a piece that is not understood");
    if (piece.contains("Sequence")) {
      after = true;
      continue;
    }
    const Json& special = piece.begin().value();
    bool named = piece.contains("SpecialToken") && special.is_object() && special.contains("id") &&
                 special["id"].is_string();
    std::optional<std::int32_t> id =
        named ? find_token(data, special["id"].get<std::string>()) : std::nullopt;
    if (!id) return keys.refuse("single", "names a special token that is not in the vocabulary");
    if (after ? data.add_eos : *data.add_bos)
      return keys.refuse("single", "has several special tokens on one side");
    (after ? data.eos : data.bos) = id;
    if (after) {
      data.add_eos = true;
    } else {
      data.add_bos = true;
    }
  }
}

constexpr Component kPostProcessors[] = {{"ByteLevel", nullptr}, {"TemplateProcessing", template_processing}};

}  // namespace

Result<TokenizerData> read_tokenizer_json(const Json& json, const std::string& where) {
  Draft draft;
  draft.data.add_space_prefix = false;
  Status status;
  JsonKeys root(json, where, "", status);
  read_stage(root, "normalizer", "normalizers", kNormalizers, draft, status);
  if (status.ok()) read_stage(root, "pre_tokenizer", "pretokenizers", kPreTokenizers, draft, status);
  if (status.ok()) read_model(root, draft);
  if (status.ok()) read_added_tokens(root, draft, status);
  if (status.ok()) read_stage(root, "post_processor", "processors", kPostProcessors, draft, status);
  if (!status) return status.error();
  return std::move(draft.data);
}

}  // namespace verbatim
