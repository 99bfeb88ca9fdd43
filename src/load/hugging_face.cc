#include "load/hugging_face.h"

#include <filesystem>
#include <set>

#include "load/check_tensors.h"
#include "load/hf_config.h"
#include "load/hf_tokenizer.h"
#include "load/json_file.h"
#include "load/mapped_file.h"
#include "load/safetensors.h"
#include "model/architecture.h"

namespace verbatim {
namespace {

// Old files store what config.json implies.
constexpr std::string_view kRotaryBuffer = ".self_attn.rotary_emb.inv_freq";

constexpr std::string_view kWeights = "model.safetensors", kIndex = "model.safetensors.index.json";

// The names of the files that hold the weights, and the file of each tensor when an index says so.
struct WeightFiles {
  std::set<std::string> names;
  std::map<std::string, std::string> file_of_tensor;
};

Result<WeightFiles> find_weight_files(const std::filesystem::path& folder) {
  WeightFiles files;
  if (std::filesystem::exists(folder / kWeights)) {
    files.names.insert(std::string(kWeights));
    return files;
  }
  std::string path = (folder / kIndex).string();
  if (!std::filesystem::exists(path))
    return fail("{}: has neither {} nor {}", folder.string(), kWeights, kIndex);
  Result<Json> index = read_json_file(path);
  if (!index) return index.error();
  Status status;
  JsonKeys keys(*index, path, "", status);
  const Json* map = keys.object("weight_map");
  if (map == nullptr && status.ok()) keys.refuse("weight_map", "is missing");
  if (!status) return status.error();
  for (const auto& [tensor, file] : map->items()) {
    std::string name = file.is_string() ? file.get<std::string>() : "";
    if (name.empty() || name.find('/') != std::string::npos || name == "..") {
      return fail("{}: key 'weight_map.{}' is {}, not the name of a file in this folder", path, tensor,
                  file.dump());
    }
    files.names.insert(name);
    files.file_of_tensor.emplace(tensor, name);
  }
  return files;
}

// A tensor's name in a folder -> in GGUF.
using Names = std::map<std::string, std::string>;

// Adds the tensors of one file under their GGUF names.
Status add_tensors(const MappedFile& mapping, SafetensorsFile file, const WeightFiles& files,
                   const std::string& name, const Names& names, Checkpoint& out) {
  for (auto& [hf_name, tensor] : file.tensors) {
    auto stated = files.file_of_tensor.find(hf_name);
    if (!files.file_of_tensor.empty() && (stated == files.file_of_tensor.end() || stated->second != name)) {
      return fail("{}: tensor '{}' is not where {} says", mapping.path(), hf_name, kIndex);
    }
    if (hf_name.ends_with(kRotaryBuffer)) continue;
    if (out.config.tied_embeddings && hf_name == kOutput.hugging_face) continue;  // a copy of the embedding
    const auto known = names.find(hf_name);
    if (known == names.end()) {
      return fail("{}: tensor '{}' has no place in the architecture '{}'", mapping.path(), hf_name,
                  out.config.architecture);
    }
    tensor.name = known->second;
    std::string key = tensor.name;
    if (!out.tensors.emplace(key, std::move(tensor)).second)
      return fail("{}: tensor '{}' occurs twice", mapping.path(), hf_name);
  }
  return {};
}

Status open_weights(const std::filesystem::path& folder, Checkpoint& out) {
  Result<WeightFiles> files = find_weight_files(folder);
  if (!files) return files.error();
  Names names;
  for (const TensorSpec& spec : expected_tensors(out.config)) names.emplace(spec.hugging_face, spec.name);
  std::vector<FileHeader> headers;
  for (const std::string& name : files->names) {
    std::string path = (folder / name).string();
    Result<std::shared_ptr<const MappedFile>> mapping = MappedFile::open(path);
    if (!mapping) return mapping.error();
    Result<SafetensorsFile> file = read_safetensors((*mapping)->bytes(), path);
    if (!file) return file.error();
    out.permissions &= (*mapping)->permissions();
    headers.push_back({**mapping, file->data_offset});
    if (Status added = add_tensors(**mapping, *std::move(file), *files, name, names, out); !added)
      return added;
    out.files.push_back(*std::move(mapping));
  }
  out.identity = identity_of(headers);
  return check_tensors(out);
}

Status read_sampling(const std::filesystem::path& folder, Checkpoint& out) {
  std::string path = (folder / "generation_config.json").string();
  Result<Json> json = read_json_if_present(path);
  if (!json) return json.error();
  Status status;
  JsonKeys keys(*json, path, "", status);
  out.sampling = {keys.real("temperature"), keys.real("top_p"), keys.real("min_p"),
                  keys.real("repetition_penalty"), keys.integer("top_k")};
  return status;
}

}  // namespace

Result<Checkpoint> open_hugging_face(const std::string& path) {
  std::filesystem::path folder(path);
  Checkpoint out;
  out.path = path;
  out.format = "Hugging Face safetensors";
  bool has_model = std::filesystem::exists(folder / "config.json");
  Json config = Json::object();
  if (has_model) {
    std::string file = (folder / "config.json").string();
    Result<Json> parsed = read_json_file(file);
    if (!parsed) return parsed.error();
    config = *std::move(parsed);
    Result<ModelConfig> read = hugging_face_config(config, file);
    if (!read) return read.error();
    out.config = *std::move(read);
    for (const auto& [key, value] : config.items())
      out.metadata.emplace_back("config.json: " + key, value.dump());
  }
  Result<TokenizerData> tokenizer = hugging_face_tokenizer(path, config, out.config.vocab_size);
  if (!tokenizer) return tokenizer.error();
  out.tokenizer = *std::move(tokenizer);
  if (!has_model) return out;
  if (Status status = read_sampling(folder, out); !status) return status.error();
  if (Status status = open_weights(folder, out); !status) return status.error();
  return out;
}

}  // namespace verbatim
