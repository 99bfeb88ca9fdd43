// The tokenizer.* keys of a GGUF file.
#include <algorithm>
#include <array>

#include "load/end_of_turn.h"
#include "load/gguf_keys.h"
#include "load/gguf_model.h"

namespace verbatim {
namespace {

constexpr std::string_view kPrefix = "tokenizer.ggml.";

std::string key_of(std::string_view name) { return std::string(kPrefix) + std::string(name); }

struct Model {
  std::string_view name;
  TokenizerKind kind;
};
constexpr Model kTokenizerModels[] = {
    {"llama", TokenizerKind::spm},
    {"gpt2", TokenizerKind::bpe},
    {"none", TokenizerKind::none},
    {"no_vocab", TokenizerKind::none},
};

void read_vocabulary(GgufKeys& keys, const GgufFile& file, TokenizerData& out) {
  auto tokens = keys.strings(key_of("tokens"));
  if (!tokens) {
    keys.refuse(fail("{}: key '{}' is missing", file.path, key_of("tokens")));
    return;
  }
  out.tokens.assign(tokens->begin(), tokens->end());
  out.types.assign(out.tokens.size(), TokenType::normal);
  auto check_size = [&](std::string_view name, std::size_t size) {
    if (size != out.tokens.size()) {
      keys.refuse(fail("{}: key '{}' has {} elements, but there are {} tokens", file.path, key_of(name), size,
                       out.tokens.size()));
    }
    return keys.ok();
  };
  if (auto types = keys.integers(key_of("token_type")); types && check_size("token_type", types->size())) {
    for (std::size_t i = 0; i < types->size(); ++i) {
      std::int64_t type = (*types)[i];
      if (type == 0) continue;  // undefined
      if (type < 1 || type > 6) {
        keys.refuse(
            fail("{}: key '{}': token {} has the unknown type {}", file.path, key_of("token_type"), i, type));
        return;
      }
      out.types[i] = static_cast<TokenType>(type);
    }
  }
  auto scores = keys.floats(key_of("scores"));
  if (scores && check_size("scores", scores->size())) out.scores = *std::move(scores);
  if (out.kind == TokenizerKind::spm && out.scores.empty()) {
    keys.refuse(fail("{}: key '{}' is missing: a SentencePiece vocabulary ranks its merges by it", file.path,
                     key_of("scores")));
  }
}

void read_merges(GgufKeys& keys, const GgufFile& file, TokenizerData& out) {
  auto merges = keys.strings(key_of("merges"));
  if (!merges) {
    keys.refuse(
        fail("{}: key '{}' is missing: a byte-level BPE vocabulary needs it", file.path, key_of("merges")));
    return;
  }
  out.merges.reserve(merges->size());
  for (std::string_view merge : *merges) {
    std::size_t space = merge.find(' ', 1);  // a part is never empty, so the first byte is not the separator
    if (space == std::string_view::npos || space + 1 == merge.size()) {
      keys.refuse(fail("{}: key '{}': '{}' is not two parts with a space between", file.path,
                       key_of("merges"), merge));
      return;
    }
    out.merges.emplace_back(merge.substr(0, space), merge.substr(space + 1));
  }
}

std::optional<std::int32_t> token_id(GgufKeys& keys, const GgufFile& file, const TokenizerData& data,
                                     std::string_view name) {
  auto id = keys.integer(key_of(name));
  if (!id || *id == -1 || *id == 0xffffffff) return std::nullopt;  // both spell "none"
  if (*id < 0 || *id >= static_cast<std::int64_t>(data.tokens.size())) {
    keys.refuse(fail("{}: key '{}' is {}, but there are {} tokens", file.path, key_of(name), *id,
                     data.tokens.size()));
    return std::nullopt;
  }
  return static_cast<std::int32_t>(*id);
}

void read_special_tokens(GgufKeys& keys, const GgufFile& file, TokenizerData& out) {
  out.bos = token_id(keys, file, out, "bos_token_id");
  out.eos = token_id(keys, file, out, "eos_token_id");
  out.unk = token_id(keys, file, out, "unknown_token_id");
  out.pad = token_id(keys, file, out, "padding_token_id");
  auto add_stop = [&](std::optional<std::int32_t> id) {
    if (id && std::find(out.stop_ids.begin(), out.stop_ids.end(), *id) == out.stop_ids.end())
      out.stop_ids.push_back(*id);
  };
  add_stop(out.eos);
  add_stop(token_id(keys, file, out, "eot_token_id"));
  add_stop(token_id(keys, file, out, "eom_token_id"));
  for (std::size_t i = 0; i < out.tokens.size(); ++i) {
    auto id = static_cast<std::int32_t>(i);
    if (out.types[i] == TokenType::unknown && !out.unk) out.unk = id;
  }
  add_stops(ends_by_spelling(out), out);
  if (auto stated = keys.integers(kStopTokensKey)) {
    out.stop_ids.clear();
    for (std::int64_t id : *stated) {
      if (id < 0 || id >= static_cast<std::int64_t>(out.tokens.size())) {
        return keys.refuse(fail("{}: key '{}' holds {}, but there are {} tokens", file.path, kStopTokensKey,
                                id, out.tokens.size()));
      }
      add_stop(static_cast<std::int32_t>(id));
    }
  }
}

}  // namespace

Result<TokenizerData> gguf_tokenizer(const GgufFile& file) {
  GgufKeys keys(file);
  TokenizerData out;
  auto name = keys.string(key_of("model"));
  if (!keys.ok()) return keys.status().error();
  if (!name) return out;  // a model without a tokenizer
  const Model* model = std::ranges::find(kTokenizerModels, *name, &Model::name);
  if (model == std::end(kTokenizerModels)) {
    return fail("{}: key '{}' is '{}', which is not supported (supported: llama, gpt2)", file.path,
                key_of("model"), *name);
  }
  out.kind = model->kind;
  out.chat_template = keys.string("tokenizer.chat_template").value_or("");
  if (out.kind == TokenizerKind::none) return out;

  out.pre_tokenizer = keys.string(key_of("pre")).value_or("");
  if (out.kind == TokenizerKind::bpe && out.pre_tokenizer.empty())
    out.notes.push_back(
        fmt::format("{}: key '{}' is missing: texts are split as GPT-2's were, and some may become other "
                    "tokens than the model was trained on",
                    file.path, key_of("pre")));
  read_vocabulary(keys, file, out);
  if (keys.ok() && out.kind == TokenizerKind::bpe) read_merges(keys, file, out);
  if (keys.ok()) read_special_tokens(keys, file, out);
  out.add_bos = keys.flag(key_of("add_bos_token"));
  out.add_eos = keys.flag(key_of("add_eos_token")).value_or(false);
  out.add_space_prefix = keys.flag(key_of("add_space_prefix")).value_or(out.kind == TokenizerKind::spm);
  out.remove_extra_whitespaces = keys.flag(key_of("remove_extra_whitespaces")).value_or(false);
  if (out.add_bos.value_or(false) && !out.bos) {
    keys.refuse(fail("{}: key '{}' is missing, but texts begin with it", file.path, key_of("bos_token_id")));
  }
  if (!keys.ok()) return keys.status().error();
  return out;
}

}  // namespace verbatim
