#include "load/gguf_writer.h"

#include <algorithm>
#include <type_traits>

#include "base/aligned_buffer.h"
#include "load/dequantise.h"
#include "load/gguf.h"
#include "load/new_file.h"
#include "ops/panels.h"

namespace verbatim {
namespace {

constexpr std::uint32_t kVersion = 3;
constexpr std::int64_t kAlignment = 32;  // the format's default: general.alignment need not say it
// Rows are made and written in runs of about this size.
constexpr std::int64_t kChunkBytes = std::int64_t{8} << 20;

// GGUF's type of a C++ value.
template <class T>
constexpr GgufType gguf_type() {
  if constexpr (std::is_same_v<T, bool>) return GgufType::boolean;
  if constexpr (std::is_same_v<T, std::uint32_t>) return GgufType::u32;
  if constexpr (std::is_same_v<T, std::int32_t>) return GgufType::i32;
  if constexpr (std::is_same_v<T, float>) return GgufType::f32;
  if constexpr (std::is_same_v<T, std::uint64_t>) return GgufType::u64;
  if constexpr (std::is_same_v<T, std::int64_t>) return GgufType::i64;
  if constexpr (std::is_same_v<T, double>) return GgufType::f64;
  if constexpr (std::is_same_v<T, std::string>) return GgufType::string;
}

class Bytes {
 public:
  template <class T>
  requires std::is_arithmetic_v<T>
  void put(T value) {
    const auto* p = reinterpret_cast<const std::byte*>(&value);
    bytes_.insert(bytes_.end(), p, p + sizeof value);
  }
  void put(const std::string& text) {
    put<std::uint64_t>(text.size());
    const auto* p = reinterpret_cast<const std::byte*>(text.data());
    bytes_.insert(bytes_.end(), p, p + text.size());
  }
  template <class T>
  void put_datum(const T& value) {
    put(static_cast<std::uint32_t>(gguf_type<T>()));
    put(value);
  }
  template <class T>
  void put_datum(const std::vector<T>& values) {
    put(static_cast<std::uint32_t>(GgufType::array));
    put(static_cast<std::uint32_t>(gguf_type<T>()));
    put<std::uint64_t>(values.size());
    for (const T& value : values) put(value);
  }
  void pad_to(std::int64_t alignment) {
    bytes_.resize(static_cast<std::size_t>(round_up(static_cast<std::int64_t>(bytes_.size()), alignment)));
  }
  std::span<const std::byte> view() const { return bytes_; }

 private:
  std::vector<std::byte> bytes_;
};

std::int64_t tensor_bytes(const GgufTensor& tensor) {
  return tensor.rows * row_bytes(tensor.type, tensor.columns);
}

Bytes make_header(const GgufContent& content) {
  Bytes out;
  for (char c : {'G', 'G', 'U', 'F'}) out.put(c);
  out.put(kVersion);
  out.put<std::uint64_t>(content.tensors.size());
  out.put<std::uint64_t>(content.metadata.size());
  for (const auto& [key, datum] : content.metadata) {
    out.put(key);
    std::visit([&](const auto& value) { out.put_datum(value); }, datum);
  }
  std::int64_t offset = 0;
  for (const GgufTensor& tensor : content.tensors) {
    out.put(tensor.name);
    out.put<std::uint32_t>(tensor.vector ? 1 : 2);
    out.put<std::uint64_t>(static_cast<std::uint64_t>(tensor.columns));
    if (!tensor.vector) out.put<std::uint64_t>(static_cast<std::uint64_t>(tensor.rows));
    out.put(info_of(tensor.type).gguf_id);
    out.put<std::uint64_t>(static_cast<std::uint64_t>(offset));
    offset = round_up(offset + tensor_bytes(tensor), kAlignment);
  }
  out.pad_to(kAlignment);
  return out;
}

}  // namespace

Status write_gguf(const std::string& path, const GgufContent& content, const GgufRowSource& rows,
                  ThreadPool& pool) {
  Result<NewFile> file = NewFile::create(path);
  if (!file) return file.error();
  if (Status status = file->write(make_header(content).view()); !status) return status;
  std::vector<std::byte> chunk;
  for (std::size_t index = 0; index < content.tensors.size(); ++index) {
    const GgufTensor& tensor = content.tensors[index];
    std::int64_t row_size = row_bytes(tensor.type, tensor.columns);
    std::int64_t rows_each = std::max<std::int64_t>(1, kChunkBytes / row_size);
    for (std::int64_t first = 0; first < tensor.rows; first += rows_each) {
      std::int64_t count = std::min(rows_each, tensor.rows - first);
      chunk.resize(static_cast<std::size_t>(count * row_size));
      pool.for_range(count, 1, [&](std::int64_t begin, std::int64_t end, int) {
        for (std::int64_t r = begin; r < end; ++r) rows(index, first + r, chunk.data() + r * row_size);
      });
      if (Status status = file->write(chunk); !status) return status;
    }
    const std::byte padding[kAlignment] = {};
    std::int64_t rest = round_up(tensor_bytes(tensor), kAlignment) - tensor_bytes(tensor);
    if (Status status = file->write({padding, static_cast<std::size_t>(rest)}); !status) return status;
  }
  return file->put_in_place();
}

}  // namespace verbatim
