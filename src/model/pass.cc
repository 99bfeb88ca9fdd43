#include "model/pass.h"

#include <algorithm>

namespace verbatim {

void Pass::normalise(const Norm& norm, std::initializer_list<Projection> readers) {
  for (bool rotated : {false, true}) {
    const auto* reader =
        std::ranges::find(readers, rotated, [](Projection p) { return is_rotated(p.w->kind); });
    if (reader == readers.end()) continue;
    backend_.rms_norm_quantise(work_.x.data(), norm.gain, config_.norm_epsilon,
                               rows_for(*reader->w, work_.normed[rotated]), faults(norm.place));
  }
}

void Pass::linear_of_normed(std::span<LinearJob> jobs) {
  const auto rotated =
      std::ranges::partition(jobs, [](const LinearJob& job) { return !is_rotated(job.w->kind); });
  for (std::span some : {std::span(jobs.begin(), rotated.begin()), std::span(rotated)}) {
    if (some.empty()) continue;
    const PackedMatrix& w = *some.front().w;
    backend_.linear(rows_for(w, work_.normed[is_rotated(w.kind)]), some);
  }
}

void Pass::project(const Projection& q, const Projection& k, const Projection& v) {
  LinearJob jobs[] = {
      {q.w, q.bias, work_.q.data()}, {k.w, k.bias, work_.k.data()}, {v.w, v.bias, work_.v.data()}};
  linear_of_normed(jobs);
}

void Pass::normalise_heads(const float* q_gain, const float* k_gain) {
  const std::int64_t rows = step_.rows, d = config_.head_dim;
  backend_.rms_norm(work_.q.data(), q_gain, config_.norm_epsilon, rows * config_.heads, d);
  backend_.rms_norm(work_.k.data(), k_gain, config_.norm_epsilon, rows * config_.kv_heads, d);
}

void Pass::rotate() {
  RopeArgs args{config_.heads,       config_.head_dim,
                config_.head_dim,    config_.rope_layout == RopeLayout::interleaved,
                work_.cosine.data(), work_.sine.data()};
  backend_.rope(args, step_.rows, work_.q.data());
  args.heads = config_.kv_heads;
  backend_.rope(args, step_.rows, work_.k.data());
}

void Pass::attend() {
  backend_.store_kv(work_.k.data(), work_.v.data(), step_, layer_, pages_, faults(Place::keys_values));
  const AttentionArgs args{.heads = config_.heads,
                           .window = config_.sliding_window,
                           .limbs = limbs_of(options_.activations),
                           .layer = layer_};
  backend_.attention(args, work_.q.data(), step_, pages_, work_.attention.data(), faults(Place::attention));
}

void Pass::add_projection(const Projection& w) {
  const FixRows attended = rows_for(*w.w, work_.attended);
  backend_.quantise(work_.attention.data(), attended, faults(Place::attention_output));
  const LinearJob job{w.w, w.bias, work_.y.data()};
  backend_.linear(attended, {&job, 1});
  backend_.add(work_.x.data(), work_.y.data(), 1, step_.rows * config_.dim);
}

void Pass::add_feed_forward(const Projection& gate, const Projection& up, const Projection& down) {
  LinearJob jobs[] = {{gate.w, gate.bias, work_.gate.data()}, {up.w, up.bias, work_.up.data()}};
  linear_of_normed(jobs);
  const FixRows hidden = rows_for(*down.w, work_.hidden);
  backend_.gate_quantise({}, work_.gate.data(), work_.up.data(), hidden, faults(Place::feed_forward));
  const LinearJob job{down.w, down.bias, work_.y.data()};
  backend_.linear(hidden, {&job, 1});
  backend_.add(work_.x.data(), work_.y.data(), 1, step_.rows * config_.dim);
}

}  // namespace verbatim
