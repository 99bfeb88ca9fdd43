// One token's key and value of one KV head, quantised and put into their places in a page (ops/kv_pages.h).
#pragma once

#include <cstdint>

#include "backend/cpu/float_ops.h"
#include "ops/kv_pages.h"

namespace verbatim::cpu {

// k, v: (head_dim).  slot: the token's place in the page.  False where a value is not finite: the integers
// and scale of that vector are then zeros.
bool store_token(const FloatOps& ops, const float* k, const float* v, const KvShape& shape, std::int64_t slot,
                 const KvHead& page);

}  // namespace verbatim::cpu
