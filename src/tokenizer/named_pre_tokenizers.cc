// Which name stands for which patterns, and which of them imply ignore_merges and a BOS token, follows
// llama.cpp (src/llama-vocab.cpp: llama_vocab::impl::load and llm_tokenizer_bpe). The patterns are those of
// the models' own tokenizer.json files, of which llama.cpp's are adaptations to a weaker engine; NFC follows
// these files too.
#include "tokenizer/named_pre_tokenizers.h"

#include <algorithm>

namespace verbatim {
namespace {

// openai/gpt-2, src/encoder.py
constexpr char kGpt2[] = R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";

// The family that openai/tiktoken's cl100k_base began: numbers in groups of at most `digits` digits.
std::string cl100k(std::string_view letters, std::string_view digits, std::string_view not_symbols) {
  std::string pattern = R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?)";
  pattern.append(letters).append("|").append(digits).append("| ?").append(not_symbols);
  return pattern.append(R"([\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)");
}

// tiktoken's o200k_base: a word is capitals then small letters; `ending` may follow it.
std::string o200k(std::string_view ending, std::string_view digits) {
  const std::string_view any_start = R"([^\r\n\p{L}\p{N}]?)";
  const std::string_view capital = R"([\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}])",
                         small = R"([\p{Ll}\p{Lm}\p{Lo}\p{M}])";
  std::string pattern;
  pattern.append(any_start).append(capital).append("*").append(small).append("+").append(ending).append("|");
  pattern.append(any_start).append(capital).append("+").append(small).append("*").append(ending).append("|");
  return pattern.append(digits).append(R"(| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)");
}

// deepseek-ai/deepseek-llm-7b-base, tokenizer.json:
// the cased letters that it lists, as ranges of code points.
constexpr char kDeepSeekLetters[] =
    R"(\s?[A-Za-z\x{B5}\x{C0}-\x{D6}\x{D8}-\x{F6}\x{F8}-\x{1BA}\x{1BC}-\x{1BF}\x{1C4}-\x{293}\x{295}-\x{2AF})"
    R"(\x{370}-\x{373}\x{376}\x{377}\x{37B}-\x{37D}\x{37F}\x{386}\x{388}-\x{38A}\x{38C}\x{38E}-\x{3A1})"
    R"(\x{3A3}-\x{3F5}\x{3F7}-\x{481}\x{48A}-\x{52F}\x{531}-\x{556}\x{10A0}-\x{10C5}\x{13A0}-\x{13F5})"
    R"(\x{13F8}-\x{13FD}\x{1C90}-\x{1CBA}\x{1CBD}-\x{1CBF}\x{1D00}-\x{1D2B}\x{1D6B}-\x{1D77}\x{1D79}-\x{1D9A})"
    R"(\x{1E00}-\x{1F15}\x{1F18}-\x{1F1D}\x{1F20}-\x{1F45}\x{1F48}-\x{1F4D}\x{1F50}-\x{1F57}\x{1F59}\x{1F5B})"
    R"(\x{1F5D}\x{1F5F}-\x{1F7D}\x{1F80}-\x{1FB4}\x{1FB6}-\x{1FBC}\x{1FBE}\x{1FC2}-\x{1FC4}\x{1FC6}-\x{1FCC})"
    R"(\x{1FD0}-\x{1FD3}\x{1FD6}-\x{1FDB}\x{1FE0}-\x{1FEC}\x{1FF2}-\x{1FF4}\x{1FF6}-\x{1FFC}\x{2102}\x{2107})"
    R"(\x{210A}-\x{2113}\x{2115}\x{2119}-\x{211D}\x{2124}\x{2126}\x{2128}\x{212A}-\x{212D}\x{212F}-\x{2134})"
    R"(\x{2139}\x{213C}-\x{213F}\x{2145}-\x{2149}\x{214E}\x{2183}\x{2184}\x{2C00}-\x{2C7B}\x{2C7E}-\x{2CE4})"
    R"(\x{2CEB}-\x{2CEE}\x{2CF2}\x{2CF3}\x{A640}-\x{A66D}\x{A680}-\x{A69B}\x{A722}-\x{A76F}\x{A771}-\x{A787})"
    R"(\x{A78B}-\x{A78E}\x{AB70}-\x{ABBF}\x{FB00}-\x{FB06}\x{FB13}-\x{FB17}\x{FF21}-\x{FF3A}\x{FF41}-\x{FF5A})"
    R"(\x{10400}-\x{1044F}\x{104B0}-\x{104D3}\x{104D8}-\x{104FB}\x{10C80}-\x{10CB2}\x{10CC0}-\x{10CF2})"
    R"(\x{118A0}-\x{118DF}\x{1E900}-\x{1E943}]+)";
constexpr char kDeepSeekPunctuation[] =
    R"(\s?[!-/:-~\x{FF01}-\x{FF0F}\x{FF1A}-\x{FF5E}\x{2018}-\x{201F}\x{3000}-\x{3002}]+)";
constexpr char kDeepSeekCjk[] = R"([\x{4E00}-\x{9FA5}\x{800}-\x{4E00}\x{AC00}-\x{D7FF}]+)";
// The file says \s+$, which a run of n spaces before another character would make quadratic: it is tried at
// each of them. Only the run's first space can begin a match, which the lookbehind says.
constexpr char kDeepSeekTrailingSpace[] = R"((?<!\s)\s+$)";

std::vector<NamedPreTokenizer> make_table() {
  const std::string llama3 = cl100k(R"(\p{L}+)", R"(\p{N}{1,3})", R"([^\s\p{L}\p{N}]+)");
  const std::string qwen2 = cl100k(R"(\p{L}+)", R"(\p{N})", R"([^\s\p{L}\p{N}]+)");
  const std::string qwen35 = cl100k(R"([\p{L}\p{M}]+)", R"(\p{N})", R"([^\s\p{L}\p{M}\p{N}]+)");
  return {
      {.names = {"none"}, .patterns = {}},  // not of GGUF: for tokenizer.json files that split nothing
      {.names = {"default"},
       .patterns = {R"([\p{P}\$\+<=>\^~\|]+)", kGpt2, R"(\p{N}+)", R"([0-9][0-9][0-9])"}},
      {.names = {"gpt-2", "phi-2", "mpt", "olmo", "jais", "gigachat", "exaone4", "trillion",
                 "granite-docling", "a.x-4.0", "mellum"},
       .patterns = {kGpt2}},
      {.names = {"llama-bpe", "llama3", "llama-v3", "falcon3", "falcon-h1", "pixtral", "midm-2.0", "lfm2"},
       .patterns = {llama3},
       .ignore_merges = true,
       .add_bos = true},
      {.names = {"dbrx", "smaug-bpe", "chatglm-bpe", "glm4"}, .patterns = {llama3}},
      {.names = {"qwen2"}, .patterns = {qwen2}, .nfc = true},
      {.names = {"deepseek-r1-qwen", "stablelm2", "megrez", "hunyuan", "solar-open", "grok-2"},
       .patterns = {qwen2}},
      {.names = {"qwen35"}, .patterns = {qwen35}, .nfc = true},
      {.names = {"starcoder", "refact", "command-r", "smollm", "codeshell", "exaone", "minerva-7b",
                 "mellum2"},
       .patterns = {R"(\p{N})", kGpt2}},
      {.names = {"falcon"}, .patterns = {R"([\p{P}\$\+<=>\^~\|`]+)", kGpt2, R"([0-9][0-9][0-9])"}},
      {.names = {"deepseek-llm"},
       .patterns = {R"([\r\n])", kDeepSeekLetters, kDeepSeekPunctuation, kDeepSeekTrailingSpace, kDeepSeekCjk,
                    R"(\p{N}+)"}},
      {.names = {"deepseek-coder"},
       .patterns = {R"([\r\n])", R"(\s?\p{L}+)", R"(\s?\p{P}+)", kDeepSeekCjk, R"(\p{N})"}},
      {.names = {"deepseek-v3", "hunyuan-dense", "joyai-llm"},
       .patterns = {R"(\p{N}{1,3})", R"([\x{4E00}-\x{9FA5}\x{3040}-\x{309F}\x{30A0}-\x{30FF}]+)",
                    R"([!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+)"
                    R"(| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)"}},
      {.names = {"gpt-4o", "llama4", "kanana2"},
       .patterns = {o200k("(?i:'s|'t|'re|'ve|'m|'ll|'d)?", R"(\p{N}{1,3})")}},
      {.names = {"tekken"}, .patterns = {o200k("", R"(\p{N})")}, .ignore_merges = true, .add_bos = true},
  };
}

}  // namespace

std::span<const NamedPreTokenizer> named_pre_tokenizers() {
  static const std::vector<NamedPreTokenizer> table = make_table();
  return table;
}

const NamedPreTokenizer* find_pre_tokenizer(std::string_view name) {
  for (const NamedPreTokenizer& row : named_pre_tokenizers()) {
    if (std::find(row.names.begin(), row.names.end(), name) != row.names.end()) return &row;
  }
  return nullptr;
}

Result<std::string> pre_tokenizer_name(const TokenizerData& data) {
  if (data.pre_regex.empty()) return data.pre_tokenizer;
  for (const NamedPreTokenizer& row : named_pre_tokenizers()) {
    if (row.patterns == data.pre_regex && row.ignore_merges == data.ignore_merges &&
        row.nfc == (data.normalizer == "nfc")) {
      return std::string(row.names.front());
    }
  }
  return fail("GGUF has no name for the way this vocabulary splits text: {}",
              fmt::join(data.pre_regex, "  then  "));
}

}  // namespace verbatim
