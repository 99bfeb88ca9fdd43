#include "model/pass.h"

#include <algorithm>

namespace verbatim {

void Workspace::reserve(std::int64_t rows_wanted, const ModelConfig& config, Backend& backend) {
  if (rows_wanted > rows) {
    auto floats = [&](std::int64_t columns) {
      return AlignedBuffer<float>(static_cast<std::size_t>(rows_wanted * columns));
    };
    std::int64_t q_dim = config.heads * config.head_dim, kv_dim = config.kv_heads * config.head_dim;
    *this = {};  // free the smaller buffers first
    x = floats(config.dim);
    y = floats(config.dim);
    q = floats(q_dim);
    k = floats(kv_dim);
    v = floats(kv_dim);
    attention = floats(q_dim);
    gate = floats(config.hidden_dim);
    up = floats(config.hidden_dim);
    for (FixRows& form : normed) form = backend.make_rows(rows_wanted, config.dim);
    attended = backend.make_rows(rows_wanted, q_dim);
    hidden = backend.make_rows(rows_wanted, config.hidden_dim);
    faults = AlignedBuffer<std::uint32_t>(static_cast<std::size_t>(rows_wanted));
    rows = rows_wanted;
  }
  std::fill_n(faults.data(), rows_wanted, 0u);
}

void Pass::normalise(const Norm& norm, std::initializer_list<Projection> readers) {
  for (bool rotated : {false, true}) {
    const auto* reader =
        std::ranges::find(readers, rotated, [](Projection p) { return is_rotated(p.w->kind); });
    if (reader == readers.end()) continue;
    backend_.rms_norm_quantise(work_.x.data(), norm.gain, config_.norm_epsilon, batch_.rows(), config_.dim,
                               row_form(*reader->w, options_), work_.normed[rotated], faults(norm.place));
  }
}

void Pass::linear_of_normed(std::span<LinearJob> jobs) {
  const auto rotated =
      std::ranges::partition(jobs, [](const LinearJob& job) { return !is_rotated(job.w->kind); });
  const std::span plain(jobs.begin(), rotated.begin());
  if (!plain.empty()) backend_.linear(work_.normed[false], plain);
  if (!rotated.empty()) backend_.linear(work_.normed[true], rotated);
}

void Pass::project(const Projection& q, const Projection& k, const Projection& v) {
  LinearJob jobs[] = {
      {q.w, q.bias, work_.q.data()}, {k.w, k.bias, work_.k.data()}, {v.w, v.bias, work_.v.data()}};
  linear_of_normed(jobs);
}

void Pass::normalise_heads(const float* q_gain, const float* k_gain) {
  std::int64_t rows = batch_.rows(), d = config_.head_dim;
  backend_.rms_norm(work_.q.data(), q_gain, config_.norm_epsilon, rows * config_.heads, d);
  backend_.rms_norm(work_.k.data(), k_gain, config_.norm_epsilon, rows * config_.kv_heads, d);
}

void Pass::rotate() {
  const std::vector<std::int32_t>& positions = batch_.positions;
  std::int64_t last = *std::max_element(positions.begin(), positions.end());
  RopeArgs args = rope_.covering(last, config_.heads);
  backend_.rope(args, positions, work_.q.data());
  args.heads = config_.kv_heads;
  backend_.rope(args, positions, work_.k.data());
}

void Pass::attend() {
  backend_.store_kv(work_.k.data(), work_.v.data(), batch_, layer_, pages_, faults(Place::keys_values));
  AttentionArgs args{config_.heads, config_.sliding_window, options_.activation_limbs, layer_};
  backend_.attention(args, work_.q.data(), batch_, pages_, work_.attention.data(), faults(Place::attention));
}

void Pass::add_projection(const Projection& w) {
  std::int64_t rows = batch_.rows();
  backend_.quantise(work_.attention.data(), rows, w.w->k, row_form(*w.w, options_), work_.attended,
                    faults(Place::attention_output));
  const LinearJob job{w.w, w.bias, work_.y.data()};
  backend_.linear(work_.attended, {&job, 1});
  backend_.add(work_.x.data(), work_.y.data(), rows * config_.dim);
}

void Pass::add_feed_forward(const Projection& gate, const Projection& up, const Projection& down) {
  std::int64_t rows = batch_.rows();
  LinearJob jobs[] = {{gate.w, gate.bias, work_.gate.data()}, {up.w, up.bias, work_.up.data()}};
  linear_of_normed(jobs);
  backend_.swiglu_quantise(work_.gate.data(), work_.up.data(), rows, config_.hidden_dim,
                           row_form(*down.w, options_), work_.hidden, faults(Place::feed_forward));
  const LinearJob job{down.w, down.bias, work_.y.data()};
  backend_.linear(work_.hidden, {&job, 1});
  backend_.add(work_.x.data(), work_.y.data(), rows * config_.dim);
}

}  // namespace verbatim
