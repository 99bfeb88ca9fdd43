// Places: where in a forward pass a value can turn out not to be finite. A row's fault is a site, the number of a layer and a
// place in it (ops.h's Faults), until it becomes a sentence.
#pragma once

#include <cstdint>
#include <string>

namespace verbatim {

enum class Place : std::uint8_t {
  attention_input,
  keys_values,
  attention,
  attention_output,
  feed_forward_input,
  feed_forward,
  output_norm,  // this and the next: after the layers
  logits,
};

std::uint32_t site_of(std::int64_t layer, Place place);  // never 0, which says that there was no fault
std::string describe(std::uint32_t site, std::int64_t position);

}  // namespace verbatim
