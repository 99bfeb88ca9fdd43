// TokenizerData: what a model file says about its vocabulary, before any algorithm. Built by load/, used by tokenizer/.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace verbatim {

enum class TokenizerKind : std::uint8_t {
  none,
  bpe,  // byte-level BPE: merges ranked by a list (GGUF model "gpt2"; tokenizer.json type BPE with ByteLevel)
  spm,  // SentencePiece-style BPE: merges ranked by token score, byte fallback (GGUF model "llama"); for a
        // tokenizer.json with byte_fallback the rank of the merge list plays the score's part
};

// GGUF's tokenizer.ggml.token_type
enum class TokenType : std::uint8_t { normal = 1, unknown = 2, control = 3, user_defined = 4, unused = 5, byte = 6 };

struct TokenizerData {
  TokenizerKind kind = TokenizerKind::none;
  std::vector<std::string> tokens;  // by id, UTF-8 as the file spells them (byte-level BPE: the GPT-2 byte alphabet)
  std::vector<float> scores;        // by id; spm only
  std::vector<TokenType> types;     // by id
  std::vector<std::pair<std::string, std::string>> merges;  // best first; bpe (and spm from tokenizer.json)

  std::string pre_tokenizer;           // name, as in tokenizer.ggml.pre ("gpt-2", "llama-bpe", "qwen2", ...); may be empty
  std::vector<std::string> pre_regex;  // tokenizer.json's own split patterns, applied in turn; empty: use the name
  bool pre_regex_invert = false;       // reserved for Split patterns that name the separators ("behavior": "Removed")
  std::string normalizer;              // "" or "nfc"
  bool ignore_merges = false;          // a whole pre-token that is in the vocabulary is taken as it is (llama 3)

  std::optional<std::int32_t> bos, eos, unk, pad;
  std::vector<std::int32_t> stop_ids;  // all ids that end a generation: eos, eot, generation_config's list
  bool add_bos = false, add_eos = false;
  bool add_space_prefix = true;           // spm: a space before the text
  bool remove_extra_whitespaces = false;  // spm
  std::string chat_template;              // Jinja source; may be empty

  // Text of added tokens (special or user-defined) that are found in raw text before any other rule: id -> flags.
  struct Added {
    std::int32_t id = 0;
    bool special = true;              // taken from text only under --parse-special; user-defined ones always
    bool lstrip = false, rstrip = false;  // swallow whitespace on that side
  };
  std::vector<Added> added;
};

}  // namespace verbatim
