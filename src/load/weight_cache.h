// The weight cache: PackedWeights in a file whose bytes are used as they lie.
//
//   file   = magic[16] index_bytes:u64 file_bytes:u64 index_sha256[32] index padding part*
//   index  = JSON text: the key, the fingerprint, and each tensor's shape, kind, report,
//            and the place of its parts
//   part   = scales, packed integers or a vector, at a multiple of 64 bytes
//
// Numbers are little endian. The file is written under a temporary name and renamed, so a reader sees all
// of it or nothing. The key says what was packed and how. No fingerprint is believed: it is computed of the integers that
// were read, and a file whose key, size, index or fingerprint does not agree is refused with a sentence, and the caller
// requantises. The folder may be emptied at any time.
#pragma once

#include <string>

#include "base/result.h"
#include "load/checkpoint.h"
#include "load/packed_weights.h"
#include "load/requantise.h"
#include "parallel/thread_pool.h"

namespace verbatim {

// What a cache file is named by and must hold: the identity of the model's files, its configuration, the
// choice, the versions of the contract and of this format.
std::string weight_cache_key(const Checkpoint& checkpoint, WeightChoice choice);  // 64 hex digits

// $XDG_CACHE_HOME/verbatim or ~/.cache/verbatim; an error when neither variable is set.
Result<std::string> default_cache_directory();

inline constexpr std::string_view kWeightCacheEnding = ".weights";

// DIRECTORY/KEY.weights
std::string weight_cache_path(const std::string& directory, const std::string& key);

enum class CacheMemory : std::uint8_t {
  own,  // read: what becomes of the file afterwards does not matter
  mapped  // shared with the file: whoever truncates it kills this program, whoever writes it changes its answers
};

Result<PackedWeights> read_weight_cache(const std::string& path, const std::string& key,
                                        const ModelConfig& config, CacheMemory memory, ThreadPool& pool);

// The path of the model that a cache file was made from, as its index says.
Result<std::string> model_of_weight_cache(const std::string& path);

// Creates the directory when needed, for its owner alone. An error leaves no file behind.
// model: what the weights were made from. Nobody may read them who could not read its files
Status write_weight_cache(const std::string& path, const std::string& key, const PackedWeights& weights,
                          const Checkpoint& model);

}  // namespace verbatim
