// export_gguf: a checkpoint, whatever file it came from -> one GGUF v3 file that opens as the same model.
//
// Configuration and vocabulary read back equal (gguf_metadata.h), and so does every weight whose type is kept or
// can hold its value, as F32 always can. Rows of Q and K are put into the order that GGUF wants
// (RopeLayout). What GGUF cannot state is refused by a sentence.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "load/checkpoint.h"
#include "parallel/thread_pool.h"

namespace verbatim {

struct GgufExport {
  std::optional<DType> type;  // of the matrices; absent: each keeps its own. Vectors become F32.
  std::vector<std::pair<std::string, std::string>> texts;  // further keys, e.g. general.name
};

// REQUIRES: checkpoint.tokenizer.pre_regex is empty
Status export_gguf(const std::string& path, const Checkpoint& checkpoint, const GgufExport& options,
                   ThreadPool& pool);

}  // namespace verbatim
