#include "base/utf8.h"
#include "report/report.h"

namespace verbatim::report {
namespace {

// Text without spaces (Chinese, a base64 blob) is cut too, so that a difference has a place in it.
constexpr int kMostCharacters = 24;

}  // namespace

std::vector<Token> split_words(std::string_view text) {
  std::vector<Token> words;
  std::string word;
  bool inside = false;  // past the white space before the word
  int characters = 0;
  auto cut = [&] {
    if (!word.empty()) words.push_back({.bytes = std::move(word), .id = {}, .logprob = {}, .top = {}});
    word.clear();
    inside = false;
    characters = 0;
  };
  for (std::size_t at = 0; at < text.size();) {
    Utf8Char next = read_utf8(text, at);
    bool space = next.form == Utf8Char::Form::well_formed && is_white_space(next.code_point);
    if ((inside && space) || characters == kMostCharacters) cut();
    inside = inside || !space;
    word += text.substr(at, next.bytes);
    ++characters;
    at += next.bytes;
  }
  cut();
  return words;
}

}  // namespace verbatim::report
