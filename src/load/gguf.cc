#include "load/gguf.h"

#include <array>
#include <bit>
#include <cstring>
#include <limits>

#include "load/dequantise.h"

namespace verbatim {
namespace {

constexpr std::uint32_t kOldestVersion = 2, kNewestVersion = 3;
constexpr int kMaxArrayDepth = 4;            // arrays of arrays of ...: no known writer goes past 1
constexpr std::uint32_t kMaxDimensions = 4;  // ggml's GGML_MAX_DIMS
constexpr std::uint64_t kDefaultAlignment = 32;

struct TypeInfo {
  std::string_view name;
  std::uint64_t bytes;  // of a scalar; for the rest, the fewest bytes that one value takes in a file
};
constexpr std::array<TypeInfo, 13> kValueTypes = {{{"u8", 1},
                                                   {"i8", 1},
                                                   {"u16", 2},
                                                   {"i16", 2},
                                                   {"u32", 4},
                                                   {"i32", 4},
                                                   {"f32", 4},
                                                   {"bool", 1},
                                                   {"string", 8},
                                                   {"array", 12},
                                                   {"u64", 8},
                                                   {"i64", 8},
                                                   {"f64", 8}}};

const TypeInfo& info_of(GgufType type) { return kValueTypes[static_cast<std::size_t>(type)]; }
bool is_scalar(GgufType type) { return type != GgufType::string && type != GgufType::array; }

// A cursor over the file. The first read past the end sets `failure` and every later read gives zero, so that
// a loop may check once per round; loops over claimed counts stop there.
class Cursor {
 public:
  Cursor(std::span<const std::byte> bytes, const std::string& path) : bytes_(bytes), path_(path) {}

  std::uint64_t offset() const { return offset_; }
  std::uint64_t left() const { return bytes_.size() - offset_; }
  bool ok() const { return failure_.empty(); }
  Error error() const { return Error{failure_}; }

  // Fails with "{path}: offset {offset}: {what}".
  void refuse(const std::string& what) {
    if (ok()) failure_ = fmt::format("{}: offset {}: {}", path_, offset_, what);
  }

  template <class T>
  T number(std::string_view what) {
    T value{};
    std::span<const std::byte> from = take(sizeof(T), what);
    if (ok()) std::memcpy(&value, from.data(), sizeof(T));
    return value;
  }

  std::span<const std::byte> take(std::uint64_t n, std::string_view what) {
    if (n > left()) refuse(fmt::format("{} needs {} bytes, but the file has {} left", what, n, left()));
    if (!ok()) return {};
    std::span<const std::byte> out = bytes_.subspan(offset_, n);
    offset_ += n;
    return out;
  }

  std::string_view string(std::string_view what) {
    auto length = number<std::uint64_t>(what);
    std::span<const std::byte> text = take(length, what);
    return {reinterpret_cast<const char*>(text.data()), text.size()};
  }

 private:
  std::span<const std::byte> bytes_;
  const std::string& path_;
  std::uint64_t offset_ = 0;
  std::string failure_;
};

GgufType read_type(Cursor& in, std::string_view key) {
  auto id = in.number<std::uint32_t>("a value type");
  if (id >= kValueTypes.size()) in.refuse(fmt::format("key '{}' has the unknown value type {}", key, id));
  return in.ok() ? static_cast<GgufType>(id) : GgufType::u8;
}

// Walks over `count` elements of an array; only strings and inner arrays need a look at each.
void skip_elements(Cursor& in, GgufType type, std::uint64_t count, std::string_view key, int depth) {
  if (count > in.left() / info_of(type).bytes) {
    return in.refuse(fmt::format("key '{}' claims {} elements of type {}, but the file has {} bytes left",
                                 key, count, info_of(type).name, in.left()));
  }
  if (is_scalar(type)) {
    in.take(count * info_of(type).bytes, "an array");
    return;
  }
  if (depth == kMaxArrayDepth) return in.refuse(fmt::format("key '{}' nests arrays too deep", key));
  for (std::uint64_t i = 0; i < count && in.ok(); ++i) {
    if (type == GgufType::string) {
      in.string("a string of an array");
    } else {
      GgufType inner = read_type(in, key);
      auto inner_count = in.number<std::uint64_t>("an array length");
      if (in.ok()) skip_elements(in, inner, inner_count, key, depth + 1);
    }
  }
}

GgufValue read_value(Cursor& in, std::span<const std::byte> file, std::string_view key) {
  GgufValue value;
  value.type = read_type(in, key);
  if (value.type == GgufType::string) {
    std::string_view text = in.string("a string");
    value.bytes = {reinterpret_cast<const std::byte*>(text.data()), text.size()};
  } else if (value.type == GgufType::array) {
    value.element_type = read_type(in, key);
    value.count = in.number<std::uint64_t>("an array length");
    std::uint64_t begin = in.offset();
    if (in.ok()) skip_elements(in, value.element_type, value.count, key, 1);
    value.bytes = file.subspan(begin, in.offset() - begin);
  } else if (in.ok()) {
    value.bytes = in.take(info_of(value.type).bytes, "a value");
  }
  return value;
}

// A tensor as the directory describes it, before its data is placed.
struct TensorInfo {
  CheckpointTensor tensor;
  std::uint64_t offset = 0;
};

// Shape and size, refusing what would overflow. GGUF lists the fastest dimension (our columns) first.
void read_shape(Cursor& in, CheckpointTensor& tensor) {
  auto n_dims = in.number<std::uint32_t>("a number of dimensions");
  if (n_dims == 0 || n_dims > kMaxDimensions) {
    in.refuse(fmt::format("tensor '{}' has {} dimensions", tensor.name, n_dims));
  }
  // So that sizes in bytes fit too.
  constexpr std::uint64_t kMost = std::numeric_limits<std::int64_t>::max() / 64;
  std::uint64_t columns = 1, rows = 1;
  for (std::uint32_t d = 0; d < n_dims && in.ok(); ++d) {
    auto size = in.number<std::uint64_t>("a dimension");
    if (in.ok() && (size == 0 || size > kMost / (rows * columns))) {
      in.refuse(fmt::format("tensor '{}' has the impossible size {} in dimension {}", tensor.name, size, d));
    } else {
      (d == 0 ? columns : rows) *= size;
    }
  }
  tensor.rows = static_cast<std::int64_t>(rows);
  tensor.columns = static_cast<std::int64_t>(columns);
}

TensorInfo read_tensor_info(Cursor& in) {
  TensorInfo info;
  CheckpointTensor& tensor = info.tensor;
  tensor.name = in.string("a tensor name");
  read_shape(in, tensor);
  auto id = in.number<std::uint32_t>("a tensor type");
  const DTypeInfo* type = find_gguf_type(id);
  if (type == nullptr) {
    in.refuse(fmt::format("tensor '{}' has ggml type {}, which is not supported (supported: {})", tensor.name,
                          id, supported_dtypes()));
  }
  info.offset = in.number<std::uint64_t>("a tensor offset");
  if (!in.ok()) return info;
  tensor.type = type->type;
  if (tensor.columns % type->block_elements != 0) {
    in.refuse(fmt::format("tensor '{}' has rows of {} elements, not a multiple of {}'s block of {}",
                          tensor.name, tensor.columns, type->name, type->block_elements));
    return info;
  }
  tensor.bytes = tensor.rows * row_bytes(tensor.type, tensor.columns);
  return info;
}

// Reads one element as T from anywhere.
template <class T>
T at(const std::byte* p) {
  T value;
  std::memcpy(&value, p, sizeof value);
  return value;
}

std::optional<std::int64_t> integer_at(GgufType type, const std::byte* p) {
  switch (type) {
    case GgufType::u8:
      return at<std::uint8_t>(p);
    case GgufType::i8:
      return at<std::int8_t>(p);
    case GgufType::u16:
      return at<std::uint16_t>(p);
    case GgufType::i16:
      return at<std::int16_t>(p);
    case GgufType::u32:
      return at<std::uint32_t>(p);
    case GgufType::i32:
      return at<std::int32_t>(p);
    case GgufType::i64:
      return at<std::int64_t>(p);
    case GgufType::u64: {
      auto value = at<std::uint64_t>(p);
      if (value > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) return std::nullopt;
      return static_cast<std::int64_t>(value);
    }
    default:
      return std::nullopt;
  }
}

}  // namespace

std::string_view name_of(GgufType type) { return info_of(type).name; }

std::optional<std::int64_t> GgufValue::as_integer() const { return integer_at(type, bytes.data()); }

std::optional<double> GgufValue::as_float() const {
  if (type == GgufType::f32) return at<float>(bytes.data());
  if (type == GgufType::f64) return at<double>(bytes.data());
  std::optional<std::int64_t> integer = as_integer();
  if (!integer) return std::nullopt;
  return static_cast<double>(*integer);
}

std::optional<bool> GgufValue::as_bool() const {
  if (type != GgufType::boolean) return std::nullopt;
  return bytes[0] != std::byte{0};
}

std::optional<std::string_view> GgufValue::as_string() const {
  if (type != GgufType::string) return std::nullopt;
  return std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

std::optional<std::vector<std::string_view>> GgufValue::as_strings() const {
  if (type != GgufType::array || element_type != GgufType::string) return std::nullopt;
  std::vector<std::string_view> out;
  out.reserve(count);  // the file holds at least 8 bytes for each
  const std::byte* p = bytes.data();
  for (std::uint64_t i = 0; i < count; ++i) {
    auto length = at<std::uint64_t>(p);
    out.emplace_back(reinterpret_cast<const char*>(p + 8), length);
    p += 8 + length;
  }
  return out;
}

std::optional<std::vector<std::int64_t>> GgufValue::as_integers() const {
  if (type != GgufType::array || !is_scalar(element_type)) return std::nullopt;
  std::vector<std::int64_t> out;
  for (std::uint64_t i = 0; i < count; ++i) {
    std::optional<std::int64_t> element =
        integer_at(element_type, bytes.data() + i * info_of(element_type).bytes);
    if (!element) return std::nullopt;
    out.push_back(*element);
  }
  return out;
}

std::optional<std::vector<float>> GgufValue::as_floats() const {
  if (type != GgufType::array || element_type != GgufType::f32) return std::nullopt;
  std::vector<float> out(count);
  if (count != 0) std::memcpy(out.data(), bytes.data(), bytes.size());
  return out;
}

std::string GgufValue::printable() const {
  constexpr std::size_t kLongest = 120;
  if (type == GgufType::array) return fmt::format("[{} x {}]", count, info_of(element_type).name);
  if (auto text = as_string()) {
    return text->size() <= kLongest
               ? std::string(*text)
               : fmt::format("{}... ({} bytes)", text->substr(0, kLongest), text->size());
  }
  if (auto flag = as_bool()) return *flag ? "true" : "false";
  if (auto integer = as_integer()) return fmt::format("{}", *integer);
  if (type == GgufType::f32) return fmt::format("{}", at<float>(bytes.data()));
  if (auto real = as_float()) return fmt::format("{}", *real);
  return fmt::format("{}", at<std::uint64_t>(bytes.data()));  // a u64 beyond int64
}

Result<GgufFile> read_gguf(std::span<const std::byte> bytes, const std::string& path) {
  GgufFile file;
  file.path = path;
  Cursor in(bytes, path);
  if (bytes.size() < 4 || std::memcmp(bytes.data(), "GGUF", 4) != 0) {
    return fail("{}: not a GGUF file: it does not begin with 'GGUF'", path);
  }
  in.take(4, "the magic");
  file.version = in.number<std::uint32_t>("the version");
  if (in.ok() && (file.version < kOldestVersion || file.version > kNewestVersion)) {
    return fail("{}: GGUF version {} is not supported (supported: {} and {}, little endian)", path,
                file.version, kOldestVersion, kNewestVersion);
  }
  auto tensor_count = in.number<std::uint64_t>("the tensor count");
  auto key_count = in.number<std::uint64_t>("the key count");

  for (std::uint64_t i = 0; i < key_count && in.ok(); ++i) {
    std::string key(in.string("a key"));
    if (!in.ok()) break;
    GgufValue value = read_value(in, bytes, key);
    if (!file.metadata.emplace(key, value).second) in.refuse(fmt::format("key '{}' occurs twice", key));
    file.key_order.push_back(std::move(key));
  }

  std::vector<TensorInfo> infos;
  for (std::uint64_t i = 0; i < tensor_count && in.ok(); ++i) infos.push_back(read_tensor_info(in));
  if (!in.ok()) return in.error();
  file.data_offset = bytes.size();
  if (infos.empty()) return file;

  std::uint64_t alignment = kDefaultAlignment;
  if (const GgufValue* value = file.find("general.alignment")) {
    std::int64_t stated = value->as_integer().value_or(0);
    if (stated <= 0 || !std::has_single_bit(static_cast<std::uint64_t>(stated))) {
      return fail("{}: general.alignment is {}, not a power of two", path, value->printable());
    }
    alignment = static_cast<std::uint64_t>(stated);
  }
  std::uint64_t misplaced = in.offset() % alignment;
  std::uint64_t data = in.offset() + (misplaced == 0 ? 0 : alignment - misplaced);

  file.data_offset = data;

  for (TensorInfo& info : infos) {
    CheckpointTensor& tensor = info.tensor;
    auto size = static_cast<std::uint64_t>(tensor.bytes);
    if (info.offset % alignment != 0) {
      return fail("{}: tensor '{}' has offset {}, not a multiple of the alignment {}", path, tensor.name,
                  info.offset, alignment);
    }
    if (data > bytes.size() || info.offset > bytes.size() - data ||
        size > bytes.size() - data - info.offset) {
      return fail(
          "{}: tensor '{}' ({} bytes at offset {} of the data that begins at {}) does not fit the file of {} "
          "bytes",
          path, tensor.name, size, info.offset, data, bytes.size());
    }
    tensor.data = bytes.data() + data + info.offset;
    std::string name = tensor.name;
    if (!file.tensors.emplace(name, std::move(tensor)).second) {
      return fail("{}: tensor '{}' occurs twice", path, name);
    }
  }
  return file;
}

}  // namespace verbatim
