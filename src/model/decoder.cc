#include "model/decoder.h"

#include <cstring>
#include <span>

#include "base/check.h"
#include "base/row_scan.h"

namespace verbatim {

KvShape Decoder::kv_shape() const {
  const bool rotated = options_.kv_limbs == 1 || options_.activation_limbs == 1;
  return {config_.layers, config_.kv_heads, config_.head_dim, options_.kv_limbs, rotated};
}

std::vector<RowFault> Decoder::forward(const StepBatch& batch, KvPages& pages, float* logits) {
  work_.reserve(batch.rows(), config_, backend_);
  backend_.embed(*weights_.embedding, batch.tokens, work_.x.data());
  const Pass::Setting setting{config_, options_, backend_, rope_, work_};
  for (std::int64_t layer = 0; layer < config_.layers; ++layer) {
    Pass pass(setting, batch, pages, layer);
    architecture_.layer(pass, weights_.layers[static_cast<std::size_t>(layer)]);
  }
  compute_logits(batch, logits);
  return collect_faults(batch);
}

// Only the wanted rows go through the last norm and the output matrix.
void Decoder::compute_logits(const StepBatch& batch, float* logits) {
  auto rows = static_cast<std::int64_t>(batch.logits_rows.size());
  if (rows == 0) return;
  LogitsWorkspace& w = logits_work_;
  if (rows > w.rows) {
    w = {};
    w.x = AlignedBuffer<float>(static_cast<std::size_t>(rows * config_.dim));
    w.normed = backend_.make_rows(rows, config_.dim);
    w.faults = AlignedBuffer<std::uint32_t>(static_cast<std::size_t>(rows));
    w.rows = rows;
  }
  for (std::int64_t i = 0; i < rows; ++i) {
    std::int64_t row = batch.logits_rows[static_cast<std::size_t>(i)];
    std::memcpy(&w.x[static_cast<std::size_t>(i * config_.dim)],
                &work_.x[static_cast<std::size_t>(row * config_.dim)],
                static_cast<std::size_t>(config_.dim) * sizeof(float));
    w.faults[static_cast<std::size_t>(i)] = work_.faults[static_cast<std::size_t>(row)];
  }
  backend_.rms_norm_quantise(w.x.data(), weights_.output_norm, config_.norm_epsilon, rows, config_.dim,
                             row_form(*weights_.output, options_), w.normed,
                             {w.faults.data(), site_of(config_.layers, Place::output_norm)});
  const LinearJob job{weights_.output, nullptr, logits};
  backend_.linear(w.normed, {&job, 1});

  for (std::int64_t i = 0; i < rows; ++i) {
    const std::span<const float> z(logits + i * config_.vocab_size,
                                   static_cast<std::size_t>(config_.vocab_size));
    if (!all_finite(z)) Faults{w.faults.data(), site_of(config_.layers, Place::logits)}.set(i);
    work_.faults[static_cast<std::size_t>(batch.logits_rows[static_cast<std::size_t>(i)])] =
        w.faults[static_cast<std::size_t>(i)];
  }
}

HiddenRow Decoder::hidden_row(std::int64_t i) const {
  const FixRows& rows = logits_work_.normed;
  CHECK(i >= 0 && i < rows.rows, "row {} of {} wanted ones", i, rows.rows);
  HiddenRow row{rows.scale[static_cast<std::size_t>(i)],
                std::vector<std::int16_t>(static_cast<std::size_t>(rows.k))};
  backend_.read_row(rows, i, row.q.data());
  return row;
}

std::vector<RowFault> Decoder::collect_faults(const StepBatch& batch) const {
  std::vector<RowFault> found;
  for (std::int64_t row = 0; row < batch.rows(); ++row) {
    std::uint32_t site = work_.faults[static_cast<std::size_t>(row)];
    if (site != 0) found.push_back({row, describe(site, batch.positions[static_cast<std::size_t>(row)])});
  }
  return found;
}

}  // namespace verbatim
