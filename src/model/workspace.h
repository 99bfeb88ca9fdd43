// Workspace: what the passes of a step compute in, on the backend, for the largest step.
#pragma once

#include <cstdint>

#include "model/model_config.h"
#include "ops/ops.h"

namespace verbatim {

struct Workspace {
  Workspace(const ModelConfig& config, std::int64_t rows, Backend& backend)
      : x(floats(backend, rows, config.dim)),
        y(floats(backend, rows, config.dim)),
        q(floats(backend, rows, config.heads * config.head_dim)),
        k(floats(backend, rows, config.kv_heads * config.head_dim)),
        v(floats(backend, rows, config.kv_heads * config.head_dim)),
        attention(floats(backend, rows, config.heads * config.head_dim)),
        gate(floats(backend, rows, config.hidden_dim)),
        up(floats(backend, rows, config.hidden_dim)),
        cosine(floats(backend, rows, config.head_dim / 2)),
        sine(floats(backend, rows, config.head_dim / 2)),
        normed{backend.make_rows(rows, config.dim), backend.make_rows(rows, config.dim)},
        attended(backend.make_rows(rows, config.heads * config.head_dim)),
        hidden(backend.make_rows(rows, config.hidden_dim)),
        faults(backend.memory(), static_cast<std::size_t>(rows)) {}

  Array<float> x, y, q, k, v, attention, gate, up;  // x: the residual stream
  Array<float> cosine, sine;                        // of each row's position
  FixStorage normed[2];                             // as they are, rotated
  FixStorage attended, hidden;
  Array<std::uint32_t> faults;  // the first of each row, 0 for none

 private:
  static Array<float> floats(Backend& backend, std::int64_t rows, std::int64_t columns) {
    return {backend.memory(), static_cast<std::size_t>(rows * columns)};
  }
};

}  // namespace verbatim
