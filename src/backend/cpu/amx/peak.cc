#include "backend/cpu/peak.h"

#include <immintrin.h>

namespace verbatim::cpu {

// Four accumulator tiles of 16 x 16, two tiles of rows and two of weights, as in the kernel.
std::int64_t multiply_adds_amx(std::int64_t rounds) {
  struct alignas(64) TileConfig {
    std::uint8_t palette = 1, start_row = 0, reserved[14] = {};
    std::uint16_t bytes_per_row[16] = {64, 64, 64, 64, 64, 64, 64, 64};
    std::uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
  } config;
  asm volatile(
      "" ::
          : "memory");  // GCC 12 believes that ldtilecfg reads 8 bytes, and would drop the other stores
  _tile_loadconfig(&config);
  _tile_zero(0);
  _tile_zero(1);
  _tile_zero(2);
  _tile_zero(3);
  _tile_zero(4);
  _tile_zero(5);
  _tile_zero(6);
  _tile_zero(7);
  for (std::int64_t i = 0; i < rounds; ++i) {
    _tile_dpbssd(0, 4, 6);
    _tile_dpbssd(1, 5, 6);
    _tile_dpbssd(2, 4, 7);
    _tile_dpbssd(3, 5, 7);
  }
  _tile_release();
  return rounds * 4 * 16 * 16 * 64;
}

}  // namespace verbatim::cpu
