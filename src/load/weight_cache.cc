#include "load/weight_cache.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/sha256.h"
#include "json/json.h"
#include "json/reader.h"
#include "load/config_text.h"
#include "load/mapped_file.h"
#include "load/new_file.h"
#include "spec/version.h"

namespace verbatim {
namespace {

using Json = nlohmann::json;

constexpr int kFormatVersion = 2;
constexpr char kMagic[16] = {'v', 'e', 'r', 'b', 'a', 't', 'i', 'm', ' ', 'w', 'e', 'i', 'g', 'h', 't', '\n'};
constexpr std::int64_t kPartAlignment = 64;

struct Header {
  char magic[16];
  std::uint64_t index_bytes;
  std::uint64_t file_bytes;
  Sha256Digest index_sha256;
};
static_assert(sizeof(Header) == 64 && std::is_trivially_copyable_v<Header>);

std::uint64_t checksum(std::span<const std::byte> part) { return XXH3_64bits(part.data(), part.size()); }

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
    Json place = {{"at", end_}, {"bytes", part.size()}, {"xxh3", checksum(part)}};
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

Json make_index(const std::string& key, const PackedWeights& weights, Layout& layout) {
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
  return {{"key", key}, {"fingerprint", weights.fingerprint}, {"tensors", std::move(tensors)}};
}

// ---- Reading ----

struct Part {
  std::span<const std::byte> bytes;
  std::uint64_t xxh3 = 0;
};

// Throws std::exception when the index does not say what it should: it is checked by SHA-256, so this is a
// file written by someone else.
Part find_part(const Json& place, std::span<const std::byte> data, std::size_t expected_bytes) {
  auto at = place.at("at").get<std::uint64_t>(), bytes = place.at("bytes").get<std::uint64_t>();
  if (bytes != expected_bytes || at % kPartAlignment != 0 || at > data.size() || bytes > data.size() - at) {
    throw std::runtime_error("a part is out of place");
  }
  return {data.subspan(at, bytes), place.at("xxh3").get<std::uint64_t>()};
}

void add_tensor(const Json& entry, std::span<const std::byte> data, PackedWeights& weights,
                std::vector<Part>& parts) {
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
    if (kind < 0 || kind > static_cast<int>(WeightKind::i4) || m.n < 1 || m.k < 1 || m.n > kMost ||
        m.k > kMost) {
      throw std::runtime_error("a matrix has no sensible shape");
    }
    m.kind = static_cast<WeightKind>(kind);
    Part scale = find_part(places.at(0), data, static_cast<std::size_t>(padded_rows(m.n)) * sizeof(float));
    Part integers = find_part(places.at(1), data, static_cast<std::size_t>(packed_bytes(m.kind, m.n, m.k)));
    m.scale = reinterpret_cast<const float*>(scale.bytes.data());
    m.data = integers.bytes.data();
    weights.matrices.emplace(report.name, m);
    parts.insert(parts.end(), {scale, integers});
  } else {
    Part values = find_part(places.at(0), data, static_cast<std::size_t>(report.bytes));
    weights.vectors.emplace(report.name, std::span(reinterpret_cast<const float*>(values.bytes.data()),
                                                   values.bytes.size() / sizeof(float)));
    parts.push_back(values);
  }
  weights.report.push_back(std::move(report));
}

bool parts_are_whole(const std::vector<Part>& parts, ThreadPool& pool) {
  std::atomic<bool> whole = true;
  std::atomic<std::size_t> next = 0;  // which thread checks a part does not matter
  pool.run([&](int) {
    for (std::size_t i = next++; i < parts.size(); i = next++) {
      if (checksum(parts[i].bytes) != parts[i].xxh3) whole = false;
    }
  });
  return whole;
}

}  // namespace

std::string weight_cache_key(const Checkpoint& checkpoint, WeightPolicy policy) {
  Sha256 sha;
  sha.update(canonical_text(checkpoint.config));
  sha.update(fmt::format("format={}\ncontract={}\npolicy={}\nfiles={}\n", kFormatVersion,
                         spec::kContractVersion, name_of(policy), checkpoint.identity));
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
    if (value != nullptr && *value != '\0') return std::string(value) + std::string(place.below);
  }
  return fail("neither XDG_CACHE_HOME nor HOME is set");
}

std::string weight_cache_path(const std::string& directory, const std::string& key) {
  return fmt::format("{}/{}.weights", directory, key);
}

Result<PackedWeights> read_weight_cache(const std::string& path, const std::string& key, bool verify,
                                        ThreadPool& pool) {
  Result<std::shared_ptr<const MappedFile>> mapping = MappedFile::open(path);
  if (!mapping) return mapping.error();
  std::span<const std::byte> bytes = (*mapping)->bytes();
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

  PackedWeights weights;
  std::vector<Part> parts;
  try {
    Result<Json> read = parse_json(text, path);
    if (!read) return read.error();
    const Json& index = *read;
    if (index.at("key").get<std::string>() != key) return fail("{}: made for another model or policy", path);
    weights.fingerprint = index.at("fingerprint");
    auto begin = round_up(static_cast<std::int64_t>(sizeof header + header.index_bytes), kPartAlignment);
    std::span<const std::byte> data = bytes.subspan(std::min(static_cast<std::size_t>(begin), bytes.size()));
    for (const Json& entry : index.at("tensors")) add_tensor(entry, data, weights, parts);
  } catch (const std::exception& error) {
    return fail("{}: its index makes no sense: {}", path, error.what());
  }
  if (verify && !parts_are_whole(parts, pool)) return fail("{}: its weights are damaged", path);
  weights.storage = *std::move(mapping);
  return weights;
}

Status write_weight_cache(const std::string& path, const std::string& key, const PackedWeights& weights) {
  Layout layout;
  std::string index = make_index(key, weights, layout).dump();
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
  Result<NewFile> file = NewFile::create(path);
  if (!file) return file.error();
  if (Status status = file->write(std::as_bytes(std::span(&header, 1))); !status) return status;
  if (Status status = file->write(std::as_bytes(std::span(index))); !status) return status;
  if (Status status = layout.write(*file); !status) return status;
  return file->put_in_place();
}

}  // namespace verbatim
