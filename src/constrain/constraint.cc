#include "constrain/constraint.h"

#include <utility>

#include "constrain/json_grammar.h"
#include "json/library.h"

namespace verbatim {
namespace {

// Of one walk, in words of configurations that it passes: a fraction of a second. A schema of which so much
// must be kept in view at once is not one that means well; its texts are refused.
constexpr std::size_t kMostWork = 64'000'000;

void allow(std::int32_t token, TokenBits& bits) {
  bits[static_cast<std::size_t>(token) / 64] |= std::uint64_t{1} << (token % 64);
}

}  // namespace

Constraint::Constraint(std::string schema, std::shared_ptr<const Grammar> grammar,
                       std::shared_ptr<const TokenTrie> vocabulary)
    : schema_(std::move(schema)),
      grammar_bytes_(grammar->bytes()),
      vocabulary_(std::move(vocabulary)),
      places_(grammar),
      masks_(grammar) {}

std::size_t Constraint::bytes() const {
  // Never waits for a mask: a table that is in use may hold all that it can.
  auto bytes_of = [](const StateTable& table, std::mutex& mutex) {
    std::unique_lock lock(mutex, std::try_to_lock);
    return lock ? table.bytes() : StateTable::kMostBytes;
  };
  return schema_.size() + grammar_bytes_ + bytes_of(places_, places_mutex_) + bytes_of(masks_, masks_mutex_);
}

Result<std::shared_ptr<const Constraint>> Constraint::json_schema(
    const nlohmann::ordered_json& schema, std::shared_ptr<const TokenTrie> vocabulary) {
  CHECK(vocabulary != nullptr, "a constraint needs a vocabulary");
  Result<Grammar> grammar = json_grammar(schema);
  if (!grammar.ok()) return grammar.error();
  return std::shared_ptr<const Constraint>(new Constraint(
      schema.dump(), std::make_shared<const Grammar>(*std::move(grammar)), std::move(vocabulary)));
}

std::shared_ptr<const Constraint> Constraint::json_object(std::shared_ptr<const TokenTrie> vocabulary) {
  return *json_schema({{"type", "object"}}, std::move(vocabulary));
}

std::shared_ptr<const TokenBits> Constraint::mask_of(const Configurations& at) const {
  std::lock_guard lock(masks_mutex_);
  if (auto mask = find_mask(at, kMostWork)) return mask;
  return std::make_shared<TokenBits>(vocabulary_->plain().all.size());  // its texts are refused
}

// nullptr: it takes longer, or another thread holds the table.
std::shared_ptr<const TokenBits> Constraint::quick_mask_of(const Configurations& at,
                                                           std::size_t most_work) const {
  std::unique_lock lock(masks_mutex_, std::try_to_lock);
  return lock ? find_mask(at, most_work) : nullptr;
}

// Computes it, and remembers it; nullptr: a walk needs more work.  REQUIRES: masks_mutex_ is held
std::shared_ptr<const TokenBits> Constraint::find_mask(const Configurations& at,
                                                       std::size_t most_work) const {
  StateId state = masks_.number_of(at);
  if (masks_.mask(state) != nullptr) return masks_.mask(state);
  if (masks_.full()) masks_.forget_all_but({&state, 1});
  const TokenTrie::Part& plain = vocabulary_->plain();
  auto bits = std::make_shared<TokenBits>(plain.all.size());
  if (is_whole(plain.nodes[0], state)) {
    *bits = plain.all;
  } else if (!walk(plain, state, most_work, *bits)) {
    return nullptr;
  }
  // A walk may forget the number.
  if (!walk(vocabulary_->others(), masks_.number_of(at), most_work, *bits)) return nullptr;
  masks_.set_mask(masks_.number_of(at), bits);
  return bits;
}

// Whether every token below a node of the plain trie is allowed, without a look at them.
bool Constraint::is_whole(const TokenTrie::Node& node, StateId state) const {
  return node.height <= masks_.outlook(state).free_characters;
}

// False: it needs more work.
bool Constraint::walk(const TokenTrie::Part& part, StateId from, std::size_t most_work,
                      TokenBits& bits) const {
  const bool plain = &part == &vocabulary_->plain();
  std::vector<StateId> path(part.depth + 1, StateTable::kRefused);  // the state after each byte to a node
  path[0] = from;
  std::size_t work = 0;
  for (std::uint32_t i = 0; i + 1 < part.nodes.size();) {
    const TokenTrie::Node& node = part.nodes[i];
    if (node.depth > 0) path[node.depth] = masks_.after(path[node.depth - 1], node.byte);
    if (masks_.full()) masks_.forget_all_but(path);
    const StateId state = path[node.depth];
    work += masks_.words(state);
    if (work > most_work) return false;

    const bool refused = state == StateTable::kRefused;
    const std::uint32_t next = refused || (plain && is_whole(node, state)) ? node.end : i + 1;
    const std::uint32_t end = refused ? node.first_token : part.nodes[next].first_token;
    for (std::uint32_t t = node.first_token; t < end; ++t) allow(part.tokens[t], bits);
    i = next;
  }
  return true;
}

ConstraintState::ConstraintState(std::shared_ptr<const Constraint> constraint)
    : constraint_(std::move(constraint)) {
  CHECK(constraint_ != nullptr, "a constraint state needs a constraint");
  std::lock_guard lock(constraint_->places_mutex_);
  StateTable& table = constraint_->places_;
  const StateId start = table.start();
  at_ = table.configurations(start);
  outlook_ = table.outlook(start);
}

bool ConstraintState::advance(std::string_view bytes) {
  std::lock_guard lock(constraint_->places_mutex_);
  StateTable& table = constraint_->places_;
  StateId state = table.number_of(at_);
  for (char byte : bytes) {
    state = table.after(state, static_cast<std::uint8_t>(byte));
    if (table.full()) table.forget_all_but({&state, 1});
    if (state == StateTable::kRefused) return false;
  }
  at_ = table.configurations(state);
  outlook_ = table.outlook(state);
  allowed_ = nullptr;
  return true;
}

std::shared_ptr<const TokenBits> ConstraintState::allowed() const {
  return allowed_ != nullptr ? allowed_ : constraint_->mask_of(at_);
}

bool ConstraintState::find_allowed(std::size_t most_work) {
  if (allowed_ == nullptr && most_work > 0) allowed_ = constraint_->quick_mask_of(at_, most_work);
  return allowed_ != nullptr;
}

}  // namespace verbatim
