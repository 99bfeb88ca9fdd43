#include "tokenizer/incremental_decoder.h"

#include <utility>

#include "base/utf8.h"

namespace verbatim {

std::string IncrementalDecoder::push(std::int32_t id) {
  held_ += tokenizer_->decode_step(id, skip_special_, at_start_);
  const std::size_t certain = held_.size() - cut_short_bytes(held_);
  std::string piece = replace_ill_formed(std::string_view(held_).substr(0, certain));
  held_.erase(0, certain);
  return piece;
}

std::string IncrementalDecoder::flush() { return replace_ill_formed(std::exchange(held_, {})); }

}  // namespace verbatim
