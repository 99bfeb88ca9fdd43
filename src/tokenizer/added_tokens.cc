#include "tokenizer/added_tokens.h"

#include <algorithm>
#include <tuple>
#include <unordered_map>
#include <utility>

#include "base/utf8.h"

namespace verbatim {
namespace {

std::size_t white_space_after(std::string_view text, std::size_t at) {
  const std::size_t begin = at;
  while (at < text.size()) {
    const Utf8Char next = read_utf8(text, at);
    if (next.form != Utf8Char::Form::well_formed || !is_white_space(next.code_point)) break;
    at += next.bytes;
  }
  return at - begin;
}

// The bytes of white space just before `end`, not reaching below `begin`.
std::size_t white_space_before(std::string_view text, std::size_t begin, std::size_t end) {
  std::size_t at = end;
  while (at > begin) {
    std::size_t start = at - 1;  // of the character that ends at `at`
    while (start > begin && (static_cast<unsigned char>(text[start]) & 0xC0) == 0x80) --start;
    const Utf8Char c = read_utf8(text, start);
    if (c.form != Utf8Char::Form::well_formed || start + c.bytes != at || !is_white_space(c.code_point))
      break;
    at = start;
  }
  return end - at;
}

}  // namespace

AddedTokens::Index::Index(std::vector<Entry> entries) : entries_(std::move(entries)) {
  std::sort(entries_.begin(), entries_.end(), [](const Entry& a, const Entry& b) { return a.text < b.text; });
  for (const Entry& entry : entries_) starts_entry_[static_cast<unsigned char>(entry.text.front())] = true;
}

const AddedTokens::Entry* AddedTokens::Index::longest_prefix(std::string_view text) const {
  const Entry* longest = nullptr;
  auto begin = entries_.begin(), end = entries_.end();  // the entries that agree with text[0, depth)
  for (std::size_t depth = 0; depth < text.size(); ++depth) {
    struct ByByte {
      std::size_t depth;
      int of(const Entry& e) const {
        // Shorter ones sort first.
        return depth < e.text.size() ? static_cast<unsigned char>(e.text[depth]) : -1;
      }
      bool operator()(const Entry& e, int byte) const { return of(e) < byte; }
      bool operator()(int byte, const Entry& e) const { return byte < of(e); }
    };
    std::tie(begin, end) =
        std::equal_range(begin, end, static_cast<unsigned char>(text[depth]), ByByte{depth});
    if (begin == end) break;
    if (begin->text.size() == depth + 1) longest = &*begin;
  }
  return longest;
}

std::size_t AddedTokens::Index::next_candidate(std::string_view text, std::size_t from) const {
  while (from < text.size() && !starts_entry_[static_cast<unsigned char>(text[from])]) ++from;
  return from;
}

AddedTokens::AddedTokens(const TokenizerData& data, const Vocabulary& vocabulary,
                         const std::function<std::string(std::string_view)>& normalize) {
  std::unordered_map<std::int32_t, const TokenizerData::Added*> listed;
  for (const TokenizerData::Added& added : data.added) listed.emplace(added.id, &added);

  struct {
    std::vector<Entry> all, user_defined;
  } raw, normalized;
  for (std::int32_t id = 0; id < vocabulary.size(); ++id) {
    if (!vocabulary.is_added(id) || vocabulary.find(vocabulary.text(id)) != id) continue;
    Entry entry{vocabulary.text(id), id};
    bool is_normalized = false;
    if (auto it = listed.find(id); it != listed.end()) {
      entry.lstrip = it->second->lstrip;
      entry.rstrip = it->second->rstrip;
      is_normalized = it->second->normalized;
    }
    if (is_normalized) entry.text = normalize(entry.text);
    auto& into = is_normalized ? normalized : raw;
    if (!vocabulary.is_special(id)) into.user_defined.push_back(entry);
    into.all.push_back(std::move(entry));
  }
  raw_ = {Index(std::move(raw.user_defined)), Index(std::move(raw.all))};
  normalized_ = {Index(std::move(normalized.user_defined)), Index(std::move(normalized.all))};
}

std::vector<TextSegment> AddedTokens::Phase::split(std::string_view text, bool parse_special) const {
  const Index& index = parse_special ? all : user_defined;
  std::vector<TextSegment> segments;
  std::size_t plain = 0;  // where the plain text before `at` begins
  auto emit_plain = [&](std::size_t end) {
    if (end > plain) segments.push_back({text.substr(plain, end - plain), std::nullopt});
  };
  for (std::size_t at = 0; (at = index.next_candidate(text, at)) < text.size();) {
    const Entry* entry = index.longest_prefix(text.substr(at));
    if (!entry) {
      ++at;
      continue;
    }
    const std::size_t begin = entry->lstrip ? at - white_space_before(text, plain, at) : at;
    std::size_t end = at + entry->text.size();
    if (entry->rstrip) end += white_space_after(text, end);
    emit_plain(begin);
    segments.push_back({text.substr(begin, end - begin), entry->id});
    plain = at = end;
  }
  emit_plain(text.size());
  return segments;
}

}  // namespace verbatim
