// The weight cache: PackedWeights in a file that is mapped and used in place.
//
//   file   = magic[16] index_bytes:u64 file_bytes:u64 index_sha256[32] index padding part*
//   index  = JSON text: the key, the fingerprint, and each tensor's shape, kind, report,
//            and the place of its parts
//   part   = scales, packed integers or a vector, at a multiple of 64 bytes, with its XXH3-64 in the index
//
// Numbers are little endian. The file is written under a temporary name and renamed, so a reader sees all
// of it or nothing. The key says what was packed and how; a file whose key, size, index or (with verify)
// parts do not agree is refused with a sentence, and the caller requantises. Files are never deleted: the
// folder may be emptied at any time.
#pragma once

#include <string>

#include "base/result.h"
#include "load/checkpoint.h"
#include "load/packed_weights.h"
#include "load/requantise.h"
#include "parallel/thread_pool.h"

namespace verbatim {

// What a cache file is named by and must hold: the identity of the model's files, its configuration, the
// policy, the versions of the contract and of this format.
std::string weight_cache_key(const Checkpoint& checkpoint, WeightPolicy policy);  // 64 hex digits

// $XDG_CACHE_HOME/verbatim or ~/.cache/verbatim; an error when neither variable is set.
Result<std::string> default_cache_directory();

// DIRECTORY/KEY.weights
std::string weight_cache_path(const std::string& directory, const std::string& key);

// verify: also compare each part with its checksum (reads the whole file, in parallel).
Result<PackedWeights> read_weight_cache(const std::string& path, const std::string& key, bool verify,
                                        ThreadPool& pool);

// Creates the directory when needed. An error leaves no file behind.
Status write_weight_cache(const std::string& path, const std::string& key, const PackedWeights& weights);

}  // namespace verbatim
