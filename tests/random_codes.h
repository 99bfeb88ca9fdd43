// Rows of codes for tests: steps, offsets and levels up to the bounds that spec/weights.h gives.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <vector>

#include "ops/panels.h"

namespace verbatim {

struct RowOfCodes {
  std::vector<std::int8_t> codes;            // (k)
  std::vector<std::int16_t> steps, offsets;  // (k / group rounded up)
  std::vector<std::int16_t> weights;         // (k): what they mean

  void pack(WeightKind kind, std::int64_t n, std::byte* data) const {
    pack_codes(kind, n, static_cast<std::int64_t>(codes.size()), codes.data(), steps.data(), offsets.data(),
               data);
  }
};

enum class CodeFill : std::uint8_t {
  random,   // steps of every size, each with levels that they may have
  least,    // the largest step and the lowest level everywhere
  largest,  // the largest step and the highest level that it may have
};

// draw(low, high): a whole number of [low, high]
template <class Draw>
RowOfCodes row_of_codes(WeightKind kind, std::int64_t k, CodeFill fill, Draw draw) {
  const CodeForm& form = code_form(kind);
  const int L = form.largest_level(), some = L == 128 ? 32628 : 2 * 16319 / L,
            all = L == 128 ? 16318 : some / 2;
  RowOfCodes row;
  for (std::int64_t group = 0; group * form.group < k; ++group) {
    // Half of the levels may have steps twice as large.
    const bool half = fill == CodeFill::random ? draw(0, 3) == 0 : group % 2 == 1;
    const int most = half ? L / 2 : L;
    const int step = fill == CodeFill::random ? draw(-1, 1) * draw(0, half ? some : all) : half ? some : all;
    const int reach = ((step < 0 ? -step : step) * most >> form.fraction) + 1;
    int offset = 0;
    if (form.offsets) offset = fill == CodeFill::random ? draw(reach - 16319, 16319 - reach) : 16319 - reach;
    if (form.offsets && fill == CodeFill::least) offset = -offset;
    row.steps.push_back(static_cast<std::int16_t>(step));
    row.offsets.push_back(static_cast<std::int16_t>(offset));
    for (std::int64_t c = group * form.group; c < std::min(k, (group + 1) * form.group); ++c) {
      int level = fill == CodeFill::random  ? draw(-most, most - 1)
                  : fill == CodeFill::least ? -most
                                            : most - 1;
      int code = form.bits == 4 ? level + 8 : level;
      if (form.table()) {
        std::vector<int> named;  // the codes of such levels, in increasing order of these
        for (int each = 0; each < 16; ++each) {
          if (std::abs(spec::levels_of(form.levels)[each]) <= most) named.push_back(each);
        }
        std::ranges::sort(named, {}, [&](int each) { return spec::levels_of(form.levels)[each]; });
        const int last = static_cast<int>(named.size()) - 1;
        code = named[static_cast<std::size_t>(fill == CodeFill::random  ? draw(0, last)
                                              : fill == CodeFill::least ? 0
                                                                        : last)];
        level = spec::levels_of(form.levels)[code];
      }
      row.codes.push_back(static_cast<std::int8_t>(code));
      row.weights.push_back(static_cast<std::int16_t>(spec::code_weight(level, step, offset, form.fraction)));
    }
  }
  return row;
}

// Every kind that holds codes.
inline std::vector<WeightKind> kinds_of_codes() {
  std::vector<WeightKind> kinds;
  for (int kind = 0; kind < static_cast<int>(std::size(kCodeForms)); ++kind)
    if (holds_codes(static_cast<WeightKind>(kind))) kinds.push_back(static_cast<WeightKind>(kind));
  return kinds;
}
inline std::vector<WeightKind> every_kind() {
  std::vector<WeightKind> kinds = kinds_of_codes();
  kinds.insert(kinds.begin(), {WeightKind::i16, WeightKind::i8, WeightKind::i16r, WeightKind::i8r});
  return kinds;
}

}  // namespace verbatim
