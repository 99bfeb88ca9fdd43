#include "load/random_model.h"

#include <cmath>

#include "load/dequantise.h"
#include "load/encode.h"
#include "load/gguf_metadata.h"
#include "model/architecture.h"

namespace verbatim {
namespace {

// ---- Weights: a pure function of (seed, tensor, row, column). ----

// The finaliser of SplitMix64 (Steele, Lea, Flood 2014): a bijection that mixes every bit into every bit.
std::uint64_t mix(std::uint64_t x) {
  x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
  x = (x ^ x >> 27) * 0x94d049bb133111ebu;
  return x ^ x >> 31;
}

// Four 16-bit uniforms summed: mean 0, variance 1, close to normal within 3.4 deviations. Exact in float32
// up to the last multiplication.
float normal_like(std::uint64_t bits) {
  std::int64_t sum = 0;
  for (int shift = 0; shift < 64; shift += 16) sum += static_cast<std::int64_t>(bits >> shift & 0xffff);
  constexpr float kDeviation = 37837.2f;  // sqrt(4 * (2^32 - 1) / 12)
  return static_cast<float>(sum - 2 * 0xffff) / kDeviation;
}

// How the elements of a tensor are spread. Matrices keep the variance of what they act on;
// gains are near one.
struct Spread {
  float mean = 0, deviation = 1;
};
Spread spread_of(const GgufTensor& tensor) {
  bool norm = tensor.name.find("norm") != std::string::npos;
  if (tensor.vector) return norm ? Spread{1, 0.1f} : Spread{0, 0.1f};
  if (tensor.name == "token_embd.weight") return {0, 1};
  return {0, 1 / std::sqrt(static_cast<float>(tensor.columns))};
}

void make_row(const GgufTensor& tensor, std::uint64_t key, std::int64_t row, std::byte* out) {
  Spread spread = spread_of(tensor);
  std::vector<float> x(static_cast<std::size_t>(tensor.columns));
  std::uint64_t counter = mix(key + static_cast<std::uint64_t>(row));
  for (float& value : x) {
    counter += 0x9e3779b97f4a7c15u;
    value = spread.mean + spread.deviation * normal_like(mix(counter));
  }
  encode_row(tensor.type, x.data(), tensor.columns, out);
}

// ---- Vocabulary: words over a to z with an optional word mark in front, each the one before it plus a
// letter. ----

struct Word {
  std::string prefix, letter;  // the word is their concatenation; both are words too
};

// The first `count` words of two or more symbols, shorter ones first.
std::vector<Word> make_words(std::size_t count, const std::string& mark) {
  std::vector<std::string> level = {mark};
  for (char c = 'a'; c <= 'z'; ++c) level.emplace_back(1, c);
  std::vector<Word> words;
  while (words.size() < count) {
    std::vector<std::string> next;
    for (const std::string& prefix : level) {
      for (char c = 'a'; c <= 'z' && words.size() < count; ++c) {
        words.push_back({prefix, std::string(1, c)});
        next.push_back(prefix + c);
      }
    }
    level = std::move(next);
  }
  return words;
}

std::vector<std::int32_t> token_types(std::size_t n) {
  return std::vector<std::int32_t>(n, static_cast<std::int32_t>(TokenType::normal));
}

// SentencePiece style with byte fallback: <unk> <s> </s>, 256 bytes, then letters and words, earlier ones
// merged first.
Status add_spm_vocabulary(std::size_t size, GgufMetadata& metadata) {
  const std::string mark = "\u2581";
  std::vector<std::string> tokens = {"<unk>", "<s>", "</s>"};
  for (int byte = 0; byte < 256; ++byte) tokens.push_back(fmt::format("<0x{:02X}>", byte));
  std::vector<std::int32_t> types = token_types(size);
  tokens.push_back(mark);
  for (char c = 'a'; c <= 'z'; ++c) tokens.emplace_back(1, c);
  if (size < tokens.size())
    return fail("vocab_size: this architecture's vocabulary needs at least {} tokens", tokens.size());
  for (const Word& word : make_words(size - tokens.size(), mark)) tokens.push_back(word.prefix + word.letter);
  types[0] = static_cast<std::int32_t>(TokenType::unknown);
  types[1] = types[2] = static_cast<std::int32_t>(TokenType::control);
  std::vector<float> scores(size, 0);
  for (std::size_t id = 3; id < size; ++id) {
    if (id < 3 + 256)
      types[id] = static_cast<std::int32_t>(TokenType::byte);
    else
      scores[id] = -static_cast<float>(id - 259);
  }
  metadata.insert(metadata.end(), {{"tokenizer.ggml.model", std::string("llama")},
                                   {"tokenizer.ggml.pre", std::string("default")},
                                   {"tokenizer.ggml.tokens", std::move(tokens)},
                                   {"tokenizer.ggml.scores", std::move(scores)},
                                   {"tokenizer.ggml.token_type", std::move(types)},
                                   {"tokenizer.ggml.bos_token_id", std::uint32_t{1}},
                                   {"tokenizer.ggml.eos_token_id", std::uint32_t{2}},
                                   {"tokenizer.ggml.unknown_token_id", std::uint32_t{0}},
                                   {"tokenizer.ggml.add_bos_token", true},
                                   {"tokenizer.ggml.add_eos_token", false}});
  return {};
}

std::string utf8(unsigned code_point) {  // below U+0800
  if (code_point < 0x80) return std::string(1, static_cast<char>(code_point));
  return {static_cast<char>(0xc0 | code_point >> 6), static_cast<char>(0x80 | (code_point & 63))};
}

// GPT-2's byte alphabet: printable bytes stand for themselves, the rest follow from U+0100 on.
std::vector<std::string> byte_alphabet() {
  std::vector<std::string> symbols;
  unsigned next = 256;
  for (unsigned byte = 0; byte < 256; ++byte) {
    bool printable = (byte >= '!' && byte <= '~') || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
    symbols.push_back(utf8(printable ? byte : next++));
  }
  return symbols;
}

// Byte-level BPE: 256 symbols, words in the order of their merges, and one control token.
Status add_bpe_vocabulary(std::size_t size, GgufMetadata& metadata) {
  std::vector<std::string> tokens = byte_alphabet(), merges;
  if (size < tokens.size() + 1) {
    return fail("vocab_size: this architecture's vocabulary needs at least {} tokens", tokens.size() + 1);
  }
  const std::string mark = tokens[' '];
  for (const Word& word : make_words(size - tokens.size() - 1, mark)) {
    tokens.push_back(word.prefix + word.letter);
    merges.push_back(word.prefix + " " + word.letter);
  }
  tokens.push_back("<|endoftext|>");
  std::vector<std::int32_t> types = token_types(size);
  types.back() = static_cast<std::int32_t>(TokenType::control);
  auto last = static_cast<std::uint32_t>(size - 1);
  metadata.insert(metadata.end(), {{"tokenizer.ggml.model", std::string("gpt2")},
                                   {"tokenizer.ggml.pre", std::string("qwen2")},
                                   {"tokenizer.ggml.tokens", std::move(tokens)},
                                   {"tokenizer.ggml.token_type", std::move(types)},
                                   {"tokenizer.ggml.merges", std::move(merges)},
                                   {"tokenizer.ggml.bos_token_id", last},
                                   {"tokenizer.ggml.eos_token_id", last},
                                   {"tokenizer.ggml.add_bos_token", false}});
  return {};
}

}  // namespace

Status write_random_model(const std::string& path, const RandomModel& model, ThreadPool& pool) {
  if (Status status = check_config(model.config, path); !status) return status;
  const ModelConfig c = implied_by_gguf(model.config);
  GgufContent content;
  Result<GgufMetadata> metadata = config_metadata(c, path);
  if (!metadata) return metadata.error();
  content.metadata = *std::move(metadata);
  content.metadata.emplace_back("general.name",
                                fmt::format("random {} (seed {})", c.architecture, model.seed));
  // Families since Llama 3 have byte-level vocabularies.
  auto vocabulary = c.architecture == "llama" ? add_spm_vocabulary : add_bpe_vocabulary;
  if (Status status = vocabulary(static_cast<std::size_t>(c.vocab_size), content.metadata); !status)
    return status;

  for (const TensorSpec& spec : expected_tensors(c)) {
    DType type = spec.vector ? DType::f32 : model.type;
    if (spec.columns % info_of(type).block_elements != 0) {
      return fail("rows of '{}' have {} elements, not a multiple of {}'s block of {}", spec.name,
                  spec.columns, name_of(type), info_of(type).block_elements);
    }
    content.tensors.push_back({spec.name, type, spec.rows, spec.columns, spec.vector});
  }
  std::vector<float> factors = frequency_factors(c);
  std::size_t random_tensors = content.tensors.size();
  if (!factors.empty()) {
    content.tensors.push_back({"rope_freqs.weight", DType::f32, 1, c.head_dim / 2, true});
  }
  auto rows = [&](std::size_t index, std::int64_t row, std::byte* out) {
    const GgufTensor& tensor = content.tensors[index];
    if (index == random_tensors) return encode_row(tensor.type, factors.data(), tensor.columns, out);
    make_row(tensor, mix(mix(model.seed) + index), row, out);
  };
  return write_gguf(path, content, rows, pool);
}

}  // namespace verbatim
