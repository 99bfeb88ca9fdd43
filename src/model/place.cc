#include "model/place.h"

#include <fmt/format.h>

#include <iterator>
#include <string_view>

namespace verbatim {
namespace {

// By Place.
constexpr std::string_view kPlaceNames[] = {
    "attention input",    "keys and values", "attention",   "attention output",
    "feed-forward input", "feed-forward",    "output norm", "logits"};
constexpr auto kPlaces = static_cast<std::uint32_t>(std::size(kPlaceNames));

}  // namespace

std::uint32_t site_of(std::int64_t layer, Place place) {
  return static_cast<std::uint32_t>(1 + layer * kPlaces + static_cast<int>(place));
}

std::string describe(std::uint32_t site, std::int64_t position) {
  std::uint32_t layer = (site - 1) / kPlaces, place = (site - 1) % kPlaces;
  std::string where = place >= static_cast<std::uint32_t>(Place::output_norm)
                          ? std::string(kPlaceNames[place])
                          : fmt::format("layer {}, {}", layer, kPlaceNames[place]);
  return fmt::format("{}, position {}: a value is not finite", where, position);
}

}  // namespace verbatim
