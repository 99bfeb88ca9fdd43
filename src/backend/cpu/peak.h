// peak: what the integer multiply-add of an instruction set reaches from registers alone, the yardstick of
// `verbatim bench`.
//
// Each function runs `rounds` of independent multiply-adds and returns how many products were added. The
// results are kept from the optimiser and thrown away. Calling one that the processor lacks is undefined.
#pragma once

#include <cstdint>

namespace verbatim::cpu {

std::int64_t multiply_adds_generic(std::int64_t rounds);
std::int64_t multiply_adds_avx2(std::int64_t rounds);    // int16 x int16: a two-limb activation counts once
std::int64_t multiply_adds_avx512(std::int64_t rounds);  // int8 x int8, as are the next two
std::int64_t multiply_adds_amx(std::int64_t rounds);
std::int64_t multiply_adds_neon(std::int64_t rounds);

}  // namespace verbatim::cpu
