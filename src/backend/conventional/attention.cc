#include "backend/conventional/attention.h"

#include <algorithm>
#include <cmath>

#include "backend/conventional/bf16.h"
#include "base/check.h"
#include "spec/attention.h"

namespace verbatim::conventional {
namespace {

constexpr std::int64_t kSplitFrom = 512;  // tokens
constexpr std::int64_t kQueryRows = 64;   // tokens whose queries are computed together
constexpr std::int64_t kKeys = 128;       // of a block

// A page of one KV head as bf16: keys (128, key_columns), values (128, padded head_dim). Two limb planes have the size.
std::uint16_t* as_bf16(std::int8_t* at) { return reinterpret_cast<std::uint16_t*>(at); }

// Some rows of one segment, the query heads of one KV head, and some of the context.
struct Task {
  const SegmentView* segment = nullptr;
  std::int64_t kv_head = 0;
  std::int64_t first = 0, rows = 0;  // of the segment
  std::int64_t begin = 0, end = 0;   // positions of keys
};

// The softmax of a task's keys so far; row (r, h) is query head h of the group at row r.
struct Partial {
  explicit Partial(std::int64_t rows, std::int64_t d)
      : m(static_cast<std::size_t>(rows), -INFINITY),
        l(static_cast<std::size_t>(rows)),
        o(static_cast<std::size_t>(rows * d)) {}
  std::vector<float> m, l, o;  // (rows), (rows), (rows, d)
};

class Attention {
 public:
  Attention(const AttentionCall& call, const Blas& blas, const cpu::FloatOps& ops)
      : call_(call),
        blas_(blas),
        ops_(ops),
        shape_(call.cache.shape),
        group_(call.args.heads / shape_.kv_heads) {}

  Partial compute(const Task& task) const {
    std::int64_t d = shape_.head_dim, rows = task.rows * group_;
    Partial partial(rows, d);
    std::vector<float> q = queries(task);
    auto floats = [](std::int64_t n) { return std::vector<float>(static_cast<std::size_t>(n)); };
    std::vector<float> keys = floats(kKeys * d), values = keys, scores = floats(rows * kKeys);
    for (std::int64_t begin = task.begin; begin < task.end; begin += kKeys) {
      std::int64_t n = std::min(kKeys, task.end - begin);
      gather(task, begin, n, keys.data(), values.data());
      blas_.multiply(q.data(), rows, keys.data(), n, d, scores.data(), n);
      for (std::int64_t row = 0; row < rows; ++row)
        add_scores(task, row, begin, n, scores.data() + row * n, partial);
      blas_.accumulate(scores.data(), rows, values.data(), d, n, partial.o.data());
    }
    return partial;
  }

  // parts: of the same rows, by increasing key
  void finish(const Task& task, std::span<const Partial> parts) const {
    std::int64_t d = shape_.head_dim;
    for (std::int64_t row = 0; row < task.rows * group_; ++row) {
      auto r = static_cast<std::size_t>(row);
      const float sink = call_.args.sinks ? call_.args.sinks[head(task, row)] : -INFINITY;
      float m = sink;
      for (const Partial& part : parts) m = std::max(m, part.m[r]);
      float l = std::exp(sink - m);
      std::vector<float> o(static_cast<std::size_t>(d));
      for (const Partial& part : parts) {
        float weight = std::exp(part.m[r] - m);
        l += part.l[r] * weight;
        for (std::size_t j = 0; j < o.size(); ++j) o[j] += part.o[r * o.size() + j] * weight;
      }
      for (float& value : o) value /= l;
      round_to_bf16(o.data(), d, call_.y + offset(task, row));
    }
  }

 private:
  std::int64_t head(const Task& task, std::int64_t row) const { return task.kv_head * group_ + row % group_; }

  // Of row (r, h) in q and y.
  std::int64_t offset(const Task& task, std::int64_t row) const {
    std::int64_t token = task.segment->first_row + task.first + row / group_;
    return (token * call_.args.heads + head(task, row)) * shape_.head_dim;
  }

  std::vector<float> queries(const Task& task) const {
    std::vector<float> q(static_cast<std::size_t>(task.rows * group_ * shape_.head_dim));
    float scale = spec::attention_scale(shape_.head_dim, 1, call_.args.scores.scale);
    for (std::int64_t row = 0; row < task.rows * group_; ++row) {
      const float* from = call_.q + offset(task, row);
      float* to = q.data() + row * shape_.head_dim;
      for (std::int64_t j = 0; j < shape_.head_dim; ++j) to[j] = from[j] * scale;
    }
    return q;
  }

  // keys, values: (n, d) of the positions from `begin` on
  void gather(const Task& task, std::int64_t begin, std::int64_t n, float* keys, float* values) const {
    std::int64_t d = shape_.head_dim;
    for (std::int64_t t = 0; t < n; ++t) {
      std::int64_t slot = (begin + t) % kPageTokens;
      auto page = call_.step.page_of(*task.segment, (begin + t) / kPageTokens);
      auto head = call_.cache.head(page, call_.args.layer, task.kv_head);
      const std::uint16_t* k = as_bf16(head.keys) + slot * shape_.key_columns();
      const std::uint16_t* v = as_bf16(head.values) + slot * padded_rows(d);
      for (std::int64_t j = 0; j < d; ++j) keys[t * d + j] = bf16_to_f32(k[j]);
      for (std::int64_t j = 0; j < d; ++j) values[t * d + j] = bf16_to_f32(v[j]);
    }
  }

  // Turns n scores of one row into weights, in place; o, l and m of the row are brought to the new maximum.
  void add_scores(const Task& task, std::int64_t row, std::int64_t begin, std::int64_t n, float* scores,
                  Partial& partial) const {
    auto r = static_cast<std::size_t>(row);
    std::int64_t position = task.segment->first_position + task.first + row / group_;
    std::int64_t from =
        std::clamp<std::int64_t>(spec::first_visible(position, call_.args.window) - begin, 0, n);
    std::int64_t to = std::clamp<std::int64_t>(position + 1 - begin, from, n);
    std::fill(scores, scores + from, 0.0f);
    std::fill(scores + to, scores + n, 0.0f);
    if (from == to) return;
    if (call_.args.scores.cap > 0) ops_.softcap(scores + from, call_.args.scores.cap, to - from);
    float m = std::max(partial.m[r], ops_.max(scores + from, to - from));
    float keep = std::exp(partial.m[r] - m);
    ops_.exp_of_logits(scores + from, m, 1, to - from, scores + from);
    float sum = 0;
    for (std::int64_t t = from; t < to; ++t) sum += scores[t];
    partial.l[r] = partial.l[r] * keep + sum;
    partial.m[r] = m;
    round_to_bf16(scores + from, to - from,
                  scores + from);  // as the weights enter the tensor cores (FlashAttention)
    if (keep == 1) return;
    float* o = partial.o.data() + row * shape_.head_dim;
    for (std::int64_t j = 0; j < shape_.head_dim; ++j) o[j] *= keep;
  }

  const AttentionCall& call_;
  const Blas& blas_;
  const cpu::FloatOps& ops_;
  const KvShape& shape_;
  std::int64_t group_;  // query heads of a KV head
};

// The tasks of one step; tasks [i * splits, (i + 1) * splits) have the same rows.
std::vector<Task> plan(const AttentionCall& call, std::int64_t splits) {
  std::vector<Task> tasks;
  for (std::int64_t kv_head = 0; kv_head < call.cache.shape.kv_heads; ++kv_head) {
    for (const SegmentView& segment : call.step.all_segments()) {
      for (std::int64_t first = 0; first < segment.rows; first += kQueryRows) {
        std::int64_t rows = std::min<std::int64_t>(kQueryRows, segment.rows - first);
        std::int64_t begin = spec::first_visible(segment.first_position + first, call.args.window);
        std::int64_t end = segment.first_position + first + rows, part = (end - begin + splits - 1) / splits;
        for (std::int64_t s = 0; s < splits; ++s) {
          tasks.push_back({&segment, kv_head, first, rows, std::min(end, begin + s * part),
                           std::min(end, begin + (s + 1) * part)});
        }
      }
    }
  }
  return tasks;
}

}  // namespace

std::int64_t kv_splits(std::int64_t rows, std::int64_t tokens, int threads) {
  return rows == 1 && tokens >= kSplitFrom ? threads : 1;
}

bool store_token(const float* k, const float* v, const KvShape& shape, std::int64_t slot, const KvHead& to) {
  CHECK(shape.limbs == 2, "pages of {} limbs cannot hold bf16", shape.limbs);
  std::uint16_t* keys = as_bf16(to.keys) + slot * shape.key_columns();
  std::uint16_t* values = as_bf16(to.values) + slot * padded_rows(shape.head_dim);
  bool finite = true;
  for (std::int64_t j = 0; j < shape.head_dim; ++j) {
    finite = finite && std::isfinite(k[j]) && std::isfinite(v[j]);
    keys[j] = f32_to_bf16(k[j]);
    values[j] = f32_to_bf16(v[j]);
  }
  return finite;
}

void attend(const AttentionCall& call, const Blas& blas, const cpu::FloatOps& ops, ThreadPool& pool) {
  const SegmentView& first = *call.step.segment;
  std::int64_t visible =
      first.first_position + 1 - spec::first_visible(first.first_position, call.args.window);
  std::int64_t splits = kv_splits(call.step.rows, visible, pool.size());
  std::vector<Task> tasks = plan(call, splits);
  Attention attention(call, blas, ops);
  if (splits == 1) {
    pool.for_range(static_cast<std::int64_t>(tasks.size()), 1,
                   [&](std::int64_t begin, std::int64_t end, int) {
                     for (std::int64_t i = begin; i < end; ++i) {
                       const Task& task = tasks[static_cast<std::size_t>(i)];
                       Partial whole = attention.compute(task);
                       attention.finish(task, {&whole, 1});
                     }
                   });
    return;
  }
  std::vector<Partial> parts(tasks.size(), Partial(0, 0));
  pool.for_range(static_cast<std::int64_t>(tasks.size()), 1, [&](std::int64_t begin, std::int64_t end, int) {
    for (std::int64_t i = begin; i < end; ++i) {
      parts[static_cast<std::size_t>(i)] = attention.compute(tasks[static_cast<std::size_t>(i)]);
    }
  });
  auto of_rows = static_cast<std::size_t>(splits);
  for (std::size_t i = 0; i < tasks.size(); i += of_rows) {
    attention.finish(tasks[i], std::span(parts).subspan(i, of_rows));
  }
}

}  // namespace verbatim::conventional
