#include "load/hf_tokenizer.h"

#include <algorithm>
#include <filesystem>

#include "load/end_of_turn.h"
#include "load/mapped_file.h"

namespace verbatim {
namespace {

// "bos_token": "<s>" or {"content": "<s>", ...} -> its id
// needed: otherwise one that is in no vocabulary is passed over with a note
std::optional<std::int32_t> special_token(JsonKeys& keys, std::string_view key, TokenizerData& data,
                                          bool needed) {
  const Json* value = keys.find(key);
  if (value == nullptr) return std::nullopt;
  std::optional<std::string> text;
  if (value->is_object()) {
    text = keys.inside(key).string("content");
  } else {
    text = keys.string(key);
  }
  auto it = text ? std::ranges::find(data.tokens, *text) : data.tokens.end();
  if (it == data.tokens.end() && text && !needed) {
    data.notes.push_back(
        fmt::format("{}: {} '{}' is not in the vocabulary of tokenizer.json, and is passed over",
                    keys.where(), key, *text));
    return std::nullopt;
  }
  if (it == data.tokens.end()) {
    keys.refuse(key, "is not in the vocabulary of tokenizer.json");
    return std::nullopt;
  }
  return static_cast<std::int32_t>(it - data.tokens.begin());
}

// chat_template: one template, or a list of named ones of which "default" is taken.
std::string chat_template(JsonKeys& keys) {
  const Json* value = keys.find("chat_template");
  if (value == nullptr || !value->is_array()) return keys.string("chat_template").value_or("");
  for (const Json& entry : *value) {
    bool named = entry.is_object() && entry.value("name", Json()) == "default" && entry.contains("template");
    if (named && entry["template"].is_string()) return entry["template"].get<std::string>();
  }
  keys.refuse("chat_template", "has no template named 'default'");
  return "";
}

// eos_token_id: one id or a list.
void add_stop_ids(JsonKeys& keys, TokenizerData& data) {
  const Json* value = keys.find("eos_token_id");
  if (value == nullptr) return;
  for (const Json& id : value->is_array() ? *value : Json::array({*value})) {
    if (!id.is_number_integer() || id.get<std::int64_t>() < 0 ||
        id.get<std::int64_t>() >= static_cast<std::int64_t>(data.tokens.size())) {
      return keys.refuse("eos_token_id", fmt::format("holds {}, which is not the id of a token", id.dump()));
    }
    auto stop = id.get<std::int32_t>();
    if (std::ranges::find(data.stop_ids, stop) == data.stop_ids.end()) data.stop_ids.push_back(stop);
  }
}

}  // namespace

Result<TokenizerData> hugging_face_tokenizer(const std::string& folder, const Json& config,
                                             std::int64_t vocab_size) {
  std::filesystem::path base(folder);
  std::string path = (base / "tokenizer.json").string();
  if (!std::filesystem::exists(path)) {
    return fail("{}: has no tokenizer.json (tokenizer.model alone is not supported)", folder);
  }
  Result<Json> json = read_json_file(path);
  if (!json) return json.error();
  Result<TokenizerData> read = read_tokenizer_json(*json, path);
  if (!read) return read.error();
  TokenizerData data = *std::move(read);
  if (vocab_size != 0 && static_cast<std::int64_t>(data.tokens.size()) > vocab_size) {
    return fail("{}: has {} tokens, but the embedding has {} rows", path, data.tokens.size(), vocab_size);
  }
  // Rows that pad the embedding: ids without text.
  data.tokens.resize(std::max(data.tokens.size(), static_cast<std::size_t>(vocab_size)));
  data.types.resize(data.tokens.size(), TokenType::unused);

  Result<Json> settings = read_json_if_present((base / "tokenizer_config.json").string());
  if (!settings) return settings.error();
  Result<Json> generation = read_json_if_present((base / "generation_config.json").string());
  if (!generation) return generation.error();
  Status status;
  JsonKeys keys(*settings, (base / "tokenizer_config.json").string(), "", status);
  JsonKeys generation_keys(*generation, (base / "generation_config.json").string(), "", status);
  JsonKeys config_keys(config, (base / "config.json").string(), "", status);
  if (auto bos = special_token(keys, "bos_token", data, true)) data.bos = bos;
  if (auto eos = special_token(keys, "eos_token", data, true)) data.eos = eos;
  if (auto unknown = special_token(keys, "unk_token", data, false)) data.unk = unknown;
  data.pad = special_token(keys, "pad_token", data, false);
  // The post-processor of tokenizer.json decides; the older flags speak only where it is silent.
  if (!data.add_bos) data.add_bos = keys.flag("add_bos_token").value_or(false);
  data.chat_template = chat_template(keys);
  if (data.eos) data.stop_ids.push_back(*data.eos);
  add_stop_ids(generation_keys, data);
  add_stop_ids(config_keys, data);
  add_stops(ends_by_spelling(data), data);
  if (!status) return status.error();
  if (*data.add_bos && !data.bos)
    return fail("{}: key 'bos_token' is missing, but texts begin with it", keys.where());

  // Newer folders keep the template in a file of its own.
  std::string file = (base / "chat_template.jinja").string();
  if (std::filesystem::exists(file)) {
    Result<std::shared_ptr<const MappedFile>> text = MappedFile::copy(file);
    if (!text) return text.error();
    std::span<const std::byte> bytes = (*text)->bytes();
    data.chat_template.assign(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  }
  return data;
}

}  // namespace verbatim
