// TokenizerData: what a model file says about its vocabulary, before any algorithm.
// Built by load/, used by tokenizer/.
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

// GGUF's tokenizer.ggml.token_type; 0, "undefined", is taken as normal
enum class TokenType : std::uint8_t {
  normal = 1,
  unknown = 2,
  control = 3,
  user_defined = 4,
  unused = 5,
  byte = 6
};

struct TokenizerData {
  TokenizerKind kind = TokenizerKind::none;
  // By id, UTF-8 as the file spells them (byte-level BPE: the GPT-2 byte alphabet).
  std::vector<std::string> tokens;
  std::vector<float> scores;                                // by id; spm only
  std::vector<TokenType> types;                             // by id
  std::vector<std::pair<std::string, std::string>> merges;  // best first; bpe (and spm from tokenizer.json)

  // Name, as in tokenizer.ggml.pre ("gpt-2", "llama-bpe", "qwen2", ...), or "none": no splitting;
  // may be empty.
  std::string pre_tokenizer;
  // tokenizer.json's own split patterns, applied in turn, each match and each gap a piece ("behavior":
  // "Isolated"). When set, the name is not used. Empty and no name: bpe takes the name "default", spm splits
  // nothing.
  std::vector<std::string> pre_regex;
  std::string
      normalizer;  // "", "nfc", or "spaces": they become U+2581 before normalised added tokens are looked for
  bool ignore_merges = false;  // a whole pre-token that is in the vocabulary is taken as it is (llama 3)

  std::optional<std::int32_t> bos, eos, unk, pad;
  // All ids that end a generation: eos, eot, generation_config's list, and those that end_of_turn.h knows.
  std::vector<std::int32_t> stop_ids;
  // Absent: what the kind and the pre-tokenizer's name imply (spm and llama-bpe: true).
  std::optional<bool> add_bos;
  bool add_eos = false;
  bool add_space_prefix = true;          // spm: a space before the text and after each added token
  bool space_prefix_first_only = false;  // ... but only before the text (Metaspace, prepend_scheme "first")
  bool space_prefix_unless_present = false;  // ... and not where a space is already there (Metaspace)
  bool remove_extra_whitespaces = false;     // spm
  std::string chat_template;                 // Jinja source; may be empty

  // Added tokens (special or user-defined), found in raw text before any other rule. Tokens whose type is
  // control, unknown or user_defined are added tokens without being listed; an entry here is needed only for
  // its flags.
  struct Added {
    std::int32_t id = 0;
    bool special = true;  // taken from text only under --parse-special; user-defined ones always
    bool lstrip = false, rstrip = false;  // swallow whitespace on that side
    bool normalized = false;  // its text as the normaliser leaves it is found in what the normaliser leaves
  };
  std::vector<Added> added;

  std::vector<std::string>
      notes;  // sentences for the log: what the file says and is passed over. They decide nothing
};

}  // namespace verbatim
