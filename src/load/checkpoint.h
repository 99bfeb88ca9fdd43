// Checkpoint: a model file opened, checked and described in one vocabulary, whatever its format.
//
// gguf.h and hugging_face.h each turn their files into a Checkpoint; everything after this point
// (requantisation, model, tokenizer) knows no file format. Tensor data stays where it is on disk
// (memory-mapped) until a row is asked for. Tensor names are GGUF's: token_embd.weight,
// blk.0.attn_q.weight, ..., output_norm.weight, output.weight. Immutable once made; safe to read from many
// threads.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "load/mapped_file.h"
#include "load/tokenizer_data.h"
#include "model/model_config.h"

namespace verbatim {

enum class DType : std::uint8_t {
  f32,
  f16,
  bf16,
  q4_0,
  q4_1,
  q5_0,
  q5_1,
  q8_0,
  q2_k,
  q3_k,
  q4_k,
  q5_k,
  q6_k,
  iq4_nl,
  iq4_xs,
  mxfp4
};

std::string_view name_of(DType type);

struct CheckpointTensor {
  std::string name;
  DType type = DType::f32;
  std::int64_t rows = 0, columns = 0;  // outputs x inputs; a vector has rows == 1
  const std::byte* data = nullptr;     // whole rows one after another, as the file holds them
  std::int64_t bytes = 0;

  // Row `row` as float32, exactly the values that the file's type defines.
  // out: (columns)   REQUIRES: 0 <= row < rows
  void read_row(std::int64_t row, float* out) const;
};

// What the model's author suggests for drawing tokens: general.sampling.* of a GGUF file, generation_config.json
// of a folder. Absent: nothing is suggested.
struct SamplingDefaults {
  std::optional<double> temperature, top_p, min_p, repetition_penalty;
  std::optional<std::int64_t> top_k;
};

struct Checkpoint {
  std::string path;    // as given
  std::string format;  // "GGUF v3", "Hugging Face safetensors"
  // SHA-256 over path, size, time of change and header of every file: names this very content.
  // Empty for bytes in memory, which the weight cache leaves alone.
  std::string identity;
  mode_t permissions = 0666;  // of its files: what all of them allow
  ModelConfig config;         // empty (architecture == "") for a vocabulary-only file
  TokenizerData tokenizer;
  SamplingDefaults sampling;
  std::map<std::string, CheckpointTensor, std::less<>> tensors;
  std::vector<std::pair<std::string, std::string>> metadata;  // for `inspect`: key, printable value
  std::vector<std::shared_ptr<const MappedFile>> files;       // that the tensors lie in

  // nullptr when absent
  const CheckpointTensor* find(std::string_view name) const {
    auto it = tensors.find(name);
    return it == tensors.end() ? nullptr : &it->second;
  }
  // An error if one of the files changed since it was opened: what was read of it may be of neither version.
  Status check_unchanged() const;
  // Asks the kernel to read this tensor from disk ahead of its use.
  void prefetch(const CheckpointTensor& tensor) const;
  // Tells the kernel that this tensor's pages are not needed any more (the file is never held in memory
  // whole).
  void forget(const CheckpointTensor& tensor) const;
};

// Opens a .gguf file or a Hugging Face folder. Errors name the file, the key or tensor, and the offset
// where one applies.
Result<Checkpoint> open_checkpoint(const std::string& path);

}  // namespace verbatim
