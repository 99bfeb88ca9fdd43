#include "tokenizer/bpe.h"

#include <utility>

#include "tokenizer/byte_alphabet.h"
#include "tokenizer/listed_merges.h"

namespace verbatim {
namespace {

constexpr std::int32_t kNoToken = -1;

}  // namespace

Result<ByteLevelBpe> ByteLevelBpe::create(const TokenizerData& data, const Vocabulary& vocabulary,
                                          bool ignore_merges) {
  ByteLevelBpe bpe;
  bpe.unknown_ = data.unk;
  bpe.ignore_merges_ = ignore_merges;
  for (int byte = 0; byte < 256; ++byte) {
    const char as_char = static_cast<char>(byte);
    bpe.symbol_of_byte_[byte] = vocabulary.find_mergeable(spell_bytes({&as_char, 1})).value_or(kNoToken);
  }
  Result<MergeTable> merges = listed_merges(data.merges, vocabulary);
  if (!merges.ok()) return merges.error();
  bpe.merges_ = *std::move(merges);
  return bpe;
}

void ByteLevelBpe::encode(std::string_view piece, const Vocabulary& vocabulary, MergeScratch& scratch,
                          std::vector<std::int32_t>& ids, Stop& stop) const {
  if (ignore_merges_) {
    if (const auto whole = vocabulary.find_mergeable(spell_bytes(piece))) {
      ids.push_back(*whole);
      return;
    }
  }
  scratch.symbols.clear();
  for (char c : piece) scratch.symbols.push_back(symbol_of_byte_[static_cast<unsigned char>(c)]);
  merge_symbols(merges_, scratch.symbols, scratch, stop);
  for (std::int32_t symbol : scratch.symbols) {
    if (symbol != kNoToken) {
      ids.push_back(symbol);
    } else if (unknown_) {
      ids.push_back(*unknown_);
    }
  }
}

}  // namespace verbatim
