#include "load/weight_cache.h"

#include <sys/stat.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "base/sha256.h"
#include "json/json.h"
#include "json/reader.h"
#include "load/config_text.h"
#include "load/mapped_file.h"
#include "load/new_file.h"
#include "load/weight_fingerprint.h"
#include "spec/version.h"

namespace verbatim {
namespace {

using Json = nlohmann::json;

constexpr int kFormatVersion = 5;
constexpr char kMagic[16] = {'v', 'e', 'r', 'b', 'a', 't', 'i', 'm', ' ', 'w', 'e', 'i', 'g', 'h', 't', '\n'};
constexpr std::int64_t kPartAlignment = 64;

struct Header {
  char magic[16];
  std::uint64_t index_bytes;
  std::uint64_t file_bytes;
  Sha256Digest index_sha256;
};
static_assert(sizeof(Header) == 64 && std::is_trivially_copyable_v<Header>);

Sha256Digest sha256(std::string_view text) {
  Sha256 sha;
  sha.update(text);
  return sha.digest();
}

// The parts of a matrix, in one order everywhere: scales, integers.
std::array<std::span<const std::byte>, 2> parts_of(const PackedMatrix& m) {
  return {std::as_bytes(std::span(m.scale, static_cast<std::size_t>(padded_rows(m.n)))),
          std::span(m.data, static_cast<std::size_t>(packed_bytes(m.kind, m.n, m.k)))};
}

// ---- Writing ----

// Lays parts out one after another; their places are relative to the first, so that the index may be
// written before them.
class Layout {
 public:
  Json add(std::span<const std::byte> part) {
    Json place = {{"at", end_}, {"bytes", part.size()}};
    parts_.push_back(part);
    end_ = round_up(end_ + static_cast<std::int64_t>(part.size()), kPartAlignment);
    return place;
  }
  std::int64_t bytes() const { return end_; }

  Status write(NewFile& file) const {
    const std::byte padding[kPartAlignment] = {};
    for (std::span<const std::byte> part : parts_) {
      auto size = static_cast<std::int64_t>(part.size());
      if (Status status = file.write(part); !status) return status;
      auto rest = static_cast<std::size_t>(round_up(size, kPartAlignment) - size);
      if (Status status = file.write({padding, rest}); !status) return status;
    }
    return {};
  }

 private:
  std::vector<std::span<const std::byte>> parts_;
  std::int64_t end_ = 0;
};

Json make_index(const std::string& key, const PackedWeights& weights, const Checkpoint& model,
                Layout& layout) {
  Json tensors = Json::array();
  for (const TensorReport& report : weights.report) {
    Json entry = {{"name", report.name},        {"file_type", static_cast<int>(report.file_type)},
                  {"kind", report.kind},        {"bytes", report.bytes},
                  {"rms", report.relative_rms}, {"why", report.why}};
    if (const PackedMatrix* matrix = weights.matrix(report.name)) {
      entry["n"] = matrix->n;
      entry["k"] = matrix->k;
      entry["weight_kind"] = static_cast<int>(matrix->kind);
      for (std::span<const std::byte> part : parts_of(*matrix)) entry["parts"].push_back(layout.add(part));
    } else {
      entry["parts"].push_back(layout.add(std::as_bytes(weights.vector(report.name))));
    }
    tensors.push_back(std::move(entry));
  }
  std::error_code ignored;
  return {{"key", key},
          {"model", std::filesystem::absolute(model.path, ignored).string()},
          {"fingerprint", weights.fingerprint},
          {"tensors", std::move(tensors)}};
}

// ---- Reading ----

struct Index {
  Json json;
  std::int64_t end = 0;  // where the parts begin
};

Result<Index> read_index(const std::string& path, std::span<const std::byte> bytes) {
  Header header{};
  if (bytes.size() < sizeof header) return fail("{}: shorter than its header", path);
  std::memcpy(&header, bytes.data(), sizeof header);
  if (std::memcmp(header.magic, kMagic, sizeof kMagic) != 0) return fail("{}: not a weight cache", path);
  if (header.file_bytes != bytes.size()) {
    return fail("{}: has {} bytes, but says {}", path, bytes.size(), header.file_bytes);
  }
  if (header.index_bytes > bytes.size() - sizeof header) return fail("{}: its index does not fit", path);
  std::string_view text(reinterpret_cast<const char*>(bytes.data()) + sizeof header, header.index_bytes);
  if (sha256(text) != header.index_sha256) return fail("{}: its index is damaged", path);
  Result<Json> json = parse_json(text, path);
  if (!json) return json.error();
  return Index{*std::move(json),
               round_up(static_cast<std::int64_t>(sizeof header + header.index_bytes), kPartAlignment)};
}

// Throws std::exception when the index does not say what it should: it is checked by its SHA-256, so this is a
// file written by someone else.
std::span<const std::byte> find_part(const Json& place, std::span<const std::byte> data,
                                     std::size_t expected_bytes) {
  auto at = place.at("at").get<std::uint64_t>(), bytes = place.at("bytes").get<std::uint64_t>();
  if (bytes != expected_bytes || at % kPartAlignment != 0 || at > data.size() || bytes > data.size() - at) {
    throw std::runtime_error("a part is out of place");
  }
  return data.subspan(at, bytes);
}

void add_tensor(const Json& entry, std::span<const std::byte> data, PackedWeights& weights) {
  TensorReport report{.name = entry.at("name"),
                      .file_type = static_cast<DType>(entry.at("file_type").get<int>()),
                      .kind = entry.at("kind"),
                      .bytes = entry.at("bytes"),
                      .relative_rms = entry.at("rms"),
                      .why = entry.at("why")};
  const Json& places = entry.at("parts");
  if (entry.contains("weight_kind")) {
    PackedMatrix m;
    int kind = entry.at("weight_kind").get<int>();
    m.n = entry.at("n").get<std::int64_t>();
    m.k = entry.at("k").get<std::int64_t>();
    constexpr std::int64_t kMost = std::int64_t{1} << 30;
    if (kind < 0 || kind >= static_cast<int>(std::size(kCodeForms)) || m.n < 1 || m.k < 1 || m.n > kMost ||
        m.k > kMost) {
      throw std::runtime_error("a matrix has no sensible shape");
    }
    m.kind = static_cast<WeightKind>(kind);
    auto scale = find_part(places.at(0), data, static_cast<std::size_t>(padded_rows(m.n)) * sizeof(float));
    m.scale = reinterpret_cast<const float*>(scale.data());
    m.data = find_part(places.at(1), data, static_cast<std::size_t>(packed_bytes(m.kind, m.n, m.k))).data();
    weights.matrices.emplace(report.name, m);
  } else {
    auto values = find_part(places.at(0), data, static_cast<std::size_t>(report.bytes));
    weights.vectors.emplace(
        report.name, std::span(reinterpret_cast<const float*>(values.data()), values.size() / sizeof(float)));
  }
  weights.report.push_back(std::move(report));
}

}  // namespace

std::string weight_cache_key(const Checkpoint& checkpoint, WeightChoice choice) {
  Sha256 sha;
  sha.update(canonical_text(checkpoint.config));
  sha.update(fmt::format("format={}\ncontract={}\npolicy={}\nrotated={}\nfiles={}\n", kFormatVersion,
                         spec::kContractVersion, name_of(choice.policy), choice.rotated,
                         checkpoint.identity));
  return sha.hex();
}

Result<std::string> default_cache_directory() {
  struct Place {
    const char* variable;
    std::string_view below;
  };
  constexpr Place kPlaces[] = {{"XDG_CACHE_HOME", "/verbatim"}, {"HOME", "/.cache/verbatim"}};
  for (const Place& place : kPlaces) {
    const char* value = std::getenv(place.variable);
    if (value == nullptr || *value == '\0') continue;
    if (*value == '/') return std::string(value) + std::string(place.below);
  }
  // The XDG specification has relative paths ignored.
  return fail("neither XDG_CACHE_HOME nor HOME is set to an absolute path");
}

std::string weight_cache_path(const std::string& directory, const std::string& key) {
  return fmt::format("{}/{}{}", directory, key, kWeightCacheEnding);
}

Result<PackedWeights> read_weight_cache(const std::string& path, const std::string& key,
                                        const ModelConfig& config, CacheMemory memory, ThreadPool& pool) {
  Result<std::shared_ptr<const MappedFile>> mapping =
      memory == CacheMemory::own ? MappedFile::copy(path, &pool) : MappedFile::open(path);
  if (!mapping) return mapping.error();
  std::span<const std::byte> bytes = (*mapping)->bytes();
  Result<Index> read = read_index(path, bytes);
  if (!read) return read.error();

  PackedWeights weights;
  try {
    const Json& index = read->json;
    if (index.at("key").get<std::string>() != key)
      return fail("{}: made for another model or choice of weights", path);
    weights.fingerprint = index.at("fingerprint");
    std::span<const std::byte> data =
        bytes.subspan(std::min(static_cast<std::size_t>(read->end), bytes.size()));
    for (const Json& entry : index.at("tensors")) add_tensor(entry, data, weights);
  } catch (const std::exception& error) {
    return fail("{}: its index makes no sense: {}", path, error.what());
  }
  Result<std::string> fingerprint = weights_fingerprint(config, weights, pool);
  if (!fingerprint) return fail("{}: {}", path, fingerprint.error().message);
  if (*fingerprint != weights.fingerprint) return fail("{}: its weights are damaged", path);
  weights.storage = *std::move(mapping);
  return weights;
}

Result<std::string> model_of_weight_cache(const std::string& path) {
  Result<std::shared_ptr<const MappedFile>> mapping = MappedFile::open(path);
  if (!mapping) return mapping.error();
  Result<Index> index = read_index(path, (*mapping)->bytes());
  if (!index) return index.error();
  const auto model = index->json.find("model");
  if (model == index->json.end() || !model->is_string()) return fail("{}: names no model", path);
  return model->get<std::string>();
}

Status write_weight_cache(const std::string& path, const std::string& key, const PackedWeights& weights,
                          const Checkpoint& model) {
  Layout layout;
  std::string index = make_index(key, weights, model, layout).dump();
  index.resize(static_cast<std::size_t>(round_up(static_cast<std::int64_t>(index.size()), kPartAlignment)),
               ' ');
  Header header{};
  std::memcpy(header.magic, kMagic, sizeof kMagic);
  header.index_bytes = index.size();
  header.file_bytes = sizeof header + index.size() + static_cast<std::uint64_t>(layout.bytes());
  header.index_sha256 = sha256(index);

  std::error_code error;
  std::filesystem::path directory = std::filesystem::path(path).parent_path();
  std::filesystem::create_directories(directory, error);
  if (error) return fail("{}: cannot be created: {}", directory.string(), error.message());
  std::filesystem::space_info space = std::filesystem::space(directory, error);
  if (!error && space.available < header.file_bytes) {
    return fail("{}: needs {} bytes, but its file system has {}", path, header.file_bytes, space.available);
  }
  Result<NewFile> file = NewFile::create(path, model.permissions | S_IRUSR | S_IWUSR);
  if (!file) return file.error();
  if (Status status = file->write(std::as_bytes(std::span(&header, 1))); !status) return status;
  if (Status status = file->write(std::as_bytes(std::span(index))); !status) return status;
  if (Status status = layout.write(*file); !status) return status;
  return file->put_in_place();
}

}  // namespace verbatim
