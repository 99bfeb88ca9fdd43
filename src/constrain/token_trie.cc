#include "constrain/token_trie.h"

#include <algorithm>

#include "base/utf8.h"

namespace verbatim {
namespace {

using Tokens = std::vector<std::string_view>;

Tokens texts_of(const Tokenizer& tokenizer) {
  Tokens texts(static_cast<std::size_t>(tokenizer.vocab_size()));
  for (std::int32_t id = 0; id < tokenizer.vocab_size(); ++id)
    if (!tokenizer.is_special(id)) texts[static_cast<std::size_t>(id)] = tokenizer.token_bytes(id);
  return texts;
}

bool is_plain(std::string_view text) {
  const bool spelled = std::ranges::none_of(
      text, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == '"' || c == '\\'; });
  return spelled && well_formed_bytes(text, 0) == text.size();
}

bool begins_character(std::uint8_t byte) { return (byte & 0xC0) != 0x80; }

// From the leaves to the root: a child comes after its parent.
void measure(std::vector<TokenTrie::Node>& nodes) {
  for (std::size_t i = nodes.size() - 1; i-- > 0;) {
    for (std::uint32_t child = static_cast<std::uint32_t>(i) + 1; child < nodes[i].end;
         child = nodes[child].end) {
      const std::uint32_t own = begins_character(nodes[child].byte) ? 1 : 0;
      nodes[i].height = std::max(nodes[i].height, nodes[child].height + own);
    }
  }
}

TokenTrie::Part make_part(const Tokens& texts, std::vector<std::int32_t> ids) {
  auto text = [&](std::int32_t id) { return texts[static_cast<std::size_t>(id)]; };
  std::ranges::stable_sort(ids, {}, text);
  TokenTrie::Part part;
  std::vector<TokenTrie::Node>& nodes = part.nodes;
  nodes.emplace_back();
  std::vector<std::uint32_t> open = {0};  // the path to the last node
  auto close = [&](std::size_t depth) {
    for (; open.size() > depth; open.pop_back())
      nodes[open.back()].end = static_cast<std::uint32_t>(nodes.size());
  };
  std::string_view last;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    const std::string_view now = text(ids[i]);
    const auto common = static_cast<std::size_t>(std::ranges::mismatch(last, now).in2 - now.begin());
    close(common + 1);
    for (std::size_t depth = common; depth < now.size(); ++depth) {
      open.push_back(static_cast<std::uint32_t>(nodes.size()));
      nodes.push_back({.first_token = static_cast<std::uint32_t>(i),
                       .depth = static_cast<std::uint32_t>(depth + 1),
                       .byte = static_cast<std::uint8_t>(now[depth])});
    }
    part.depth = std::max(part.depth, static_cast<std::uint32_t>(now.size()));
    last = now;
  }
  close(0);
  nodes.push_back({.first_token = static_cast<std::uint32_t>(ids.size())});
  measure(nodes);
  part.all.resize((texts.size() + 63) / 64);
  for (std::int32_t id : ids) part.all[static_cast<std::size_t>(id) / 64] |= std::uint64_t{1} << (id % 64);
  part.tokens = std::move(ids);
  return part;
}

}  // namespace

TokenTrie::TokenTrie(const Tokenizer& tokenizer) : TokenTrie(texts_of(tokenizer)) {}

TokenTrie::TokenTrie(const Tokens& tokens) : vocab_size_(static_cast<std::int32_t>(tokens.size())) {
  std::vector<std::int32_t> plain, others;
  for (std::int32_t id = 0; id < vocab_size_; ++id) {
    const std::string_view text = tokens[static_cast<std::size_t>(id)];
    if (!text.empty()) (is_plain(text) ? plain : others).push_back(id);
  }
  plain_ = make_part(tokens, std::move(plain));
  others_ = make_part(tokens, std::move(others));
}

std::size_t TokenTrie::bytes() const {
  std::size_t bytes = 0;
  for (const Part* part : {&plain_, &others_})
    bytes += part->nodes.size() * sizeof(Node) + part->tokens.size() * sizeof(std::int32_t);
  return bytes;
}

}  // namespace verbatim
