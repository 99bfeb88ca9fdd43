// Constraint: what an answer may say: JSON, or JSON that satisfies a schema. Start here.
//
//   schema -> requirements of each value (schema.h) -> grammar of bytes (json_grammar.h, grammar.h)
//          -> where a text stands in it (configurations.h), remembered (state_table.h)
//          -> the tokens that may come next (token_trie.h)
//
// Promises: which tokens are allowed is a pure function of (schema, vocabulary, bytes so far); what is
// remembered between calls only saves time. A text that may end is JSON (RFC 8259), well-formed UTF-8, and
// satisfies the schema as docs/structured-output.md reads it. A text that may go on can be finished, but for
// the limits named in configurations.h. How bytes are cut into tokens makes no difference.
//
// A Constraint belongs to a vocabulary. It may be shared by requests and threads; a ConstraintState belongs
// to one answer, is a value, and is cheap to copy.
#pragma once

#include <memory>
#include <mutex>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "base/result.h"
#include "constrain/state_table.h"
#include "constrain/token_trie.h"

namespace verbatim {

class Constraint {
 public:
  // Any JSON object. vocabulary: never nullptr, here and below
  static std::shared_ptr<const Constraint> json_object(std::shared_ptr<const TokenTrie> vocabulary);
  // schema: or a list of forms, each with a schema of its own: json_grammar.h. The error names the keyword by
  // its JSON pointer, and what to change.
  static Result<std::shared_ptr<const Constraint>> json_schema(const nlohmann::ordered_json& schema,
                                                               std::shared_ptr<const TokenTrie> vocabulary);

  std::int32_t vocab_size() const { return vocabulary_->vocab_size(); }
  // The schema that it was made from, as JSON text: it makes the same constraint again.
  const std::string& schema() const { return schema_; }
  // Of memory, about, with what it has learnt so far.
  std::size_t bytes() const;

 private:
  friend class ConstraintState;
  friend class MaskJob;

  Constraint(std::string schema, std::shared_ptr<const Grammar> grammar,
             std::shared_ptr<const TokenTrie> vocabulary);
  std::shared_ptr<const TokenBits> mask_of(const Configurations& at) const;
  std::shared_ptr<const TokenBits> quick_mask_of(const Configurations& at, std::size_t most_work) const;
  std::shared_ptr<const TokenBits> find_mask(const Configurations& at, std::size_t most_work) const;
  bool is_whole(const TokenTrie::Node& node, StateId state) const;
  bool walk(const TokenTrie::Part& part, StateId from, std::size_t most_work, TokenBits& bits) const;

  std::string schema_;
  std::size_t grammar_bytes_ = 0;
  std::shared_ptr<const TokenTrie> vocabulary_;
  // Two tables of one grammar, so that who takes in a token never waits for a mask.
  mutable std::mutex places_mutex_, masks_mutex_;
  mutable StateTable places_, masks_;
};

// What is left to do for ConstraintState::allowed(), for any thread.
class MaskJob {
 public:
  std::shared_ptr<const TokenBits> run() const { return constraint_->mask_of(at_); }

 private:
  friend class ConstraintState;
  MaskJob(std::shared_ptr<const Constraint> constraint, Configurations at)
      : constraint_(std::move(constraint)), at_(std::move(at)) {}

  std::shared_ptr<const Constraint> constraint_;
  Configurations at_;
};

class ConstraintState {
 public:
  // REQUIRES: constraint is not nullptr
  explicit ConstraintState(std::shared_ptr<const Constraint> constraint);

  // Takes in the bytes of the next token. False: the text may not go on so, and nothing has changed.
  bool advance(std::string_view bytes);
  // The text is complete.
  bool may_end() const { return outlook_.may_end; }
  // The text is complete and no byte may follow.
  bool must_end() const { return outlook_.may_end && !outlook_.may_go_on; }
  // The tokens whose bytes may come next: bits of the vocabulary. Special tokens are not among them.
  std::shared_ptr<const TokenBits> allowed() const;

  // Whether allowed() is at hand, or was found by at most `most_work` (words of configurations; 10^5 are half a
  // millisecond). False: it takes longer, or another thread is at work on masks of this constraint; then job() finds it,
  // on any thread, for set_allowed().
  bool find_allowed(std::size_t most_work);
  MaskJob job() const { return {constraint_, at_}; }
  void set_allowed(std::shared_ptr<const TokenBits> allowed) { allowed_ = std::move(allowed); }

 private:
  std::shared_ptr<const Constraint> constraint_;
  Configurations at_;
  Outlook outlook_;
  std::shared_ptr<const TokenBits> allowed_;  // nullptr: not known
};

}  // namespace verbatim
