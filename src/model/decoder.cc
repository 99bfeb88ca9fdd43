#include "model/decoder.h"

#include <algorithm>
#include <cstring>
#include <iterator>
#include <span>

#include "base/row_scan.h"
#include "load/architecture.h"

namespace verbatim {
namespace {

// By Place.
constexpr std::string_view kPlaceNames[] = {
    "attention input",    "keys and values", "attention",   "attention output",
    "feed-forward input", "feed-forward",    "output norm", "logits"};
constexpr auto kPlaces = static_cast<std::uint32_t>(std::size(kPlaceNames));

constexpr std::uint32_t site_of(std::int64_t layer, Place place) {
  return static_cast<std::uint32_t>(1 + layer * kPlaces + static_cast<int>(place));
}

std::string describe(std::uint32_t site, std::int64_t position) {
  std::uint32_t layer = (site - 1) / kPlaces, place = (site - 1) % kPlaces;
  std::string where = place >= static_cast<std::uint32_t>(Place::output_norm)
                          ? std::string(kPlaceNames[place])
                          : fmt::format("layer {}, {}", layer, kPlaceNames[place]);
  return fmt::format("{}, position {}: a value is not finite", where, position);
}

}  // namespace

Result<const PackedMatrix*> Decoder::matrix(const std::string& name, std::int64_t n, std::int64_t k) const {
  const PackedMatrix* found = weights_.matrix(name);
  if (found == nullptr) return fail("tensor '{}' is missing", name);
  if (found->n != n || found->k != k) {
    return fail("tensor '{}' has shape {} x {}, expected {} x {}", name, found->n, found->k, n, k);
  }
  return found;
}

Result<const float*> Decoder::vector(const std::string& name, std::int64_t n) const {
  std::span<const float> found = weights_.vector(name);
  if (found.empty()) return fail("tensor '{}' is missing", name);
  if (static_cast<std::int64_t>(found.size()) != n) {
    return fail("tensor '{}' has {} elements, expected {}", name, found.size(), n);
  }
  return found.data();
}

Status Decoder::bind(const ModelConfig& config, PackedWeights weights, const ModelOptions& options,
                     Backend& backend) {
  config_ = config;
  weights_ = std::move(weights);
  options_ = options;
  backend_ = &backend;

  auto embedding = matrix("token_embd.weight", config.vocab_size, config.dim);
  if (!embedding) return embedding.error();
  auto output = config.tied_embeddings ? embedding : matrix("output.weight", config.vocab_size, config.dim);
  if (!output) return output.error();
  auto norm = vector("output_norm.weight", config.dim);
  if (!norm) return norm.error();
  embedding_ = *embedding;
  output_ = *output;
  output_norm_ = *norm;

  for (std::int64_t index = 0; index < config.layers; ++index) {
    if (Status bound = bind_layer(index); !bound) return bound;
  }
  rope_ = std::make_unique<RopeTable>(config_);
  return {};
}

Status Decoder::bind_layer(std::int64_t index) {
  const Architecture& traits = *find_architecture(config_.architecture);
  LayerWeights w;
  std::int64_t d = config_.head_dim, q_dim = config_.heads * d, kv_dim = config_.kv_heads * d;
  struct Matrix {
    const char* name;
    Projection& to;
    std::int64_t n, k;
    bool bias;
  };
  struct Vector {
    const char* name;
    const float*& to;
    std::int64_t n;
    bool present;
  };
  const Matrix matrices[] = {
      {"attn_q", w.q, q_dim, config_.dim, traits.qkv_bias},
      {"attn_k", w.k, kv_dim, config_.dim, traits.qkv_bias},
      {"attn_v", w.v, kv_dim, config_.dim, traits.qkv_bias},
      {"attn_output", w.attention_output, config_.dim, q_dim, false},
      {"ffn_gate", w.gate, config_.hidden_dim, config_.dim, false},
      {"ffn_up", w.up, config_.hidden_dim, config_.dim, false},
      {"ffn_down", w.down, config_.dim, config_.hidden_dim, false},
  };
  const Vector vectors[] = {
      {"attn_norm", w.attention_norm.gain, config_.dim, true},
      {"ffn_norm", w.feed_forward_norm.gain, config_.dim, true},
      {"attn_q_norm", w.q_norm, d, traits.qk_norm},
      {"attn_k_norm", w.k_norm, d, traits.qk_norm},
  };
  auto named = [&](const char* name, const char* part) {
    return fmt::format("blk.{}.{}.{}", index, name, part);
  };
  for (const Matrix& m : matrices) {
    auto found = matrix(named(m.name, "weight"), m.n, m.k);
    if (!found) return found.error();
    m.to.w = *found;
    if (!m.bias) continue;
    auto bias = vector(named(m.name, "bias"), m.n);
    if (!bias) return bias.error();
    m.to.bias = *bias;
  }
  for (const Vector& v : vectors) {
    if (!v.present) continue;
    auto found = vector(named(v.name, "weight"), v.n);
    if (!found) return found.error();
    v.to = *found;
  }
  for (const Projection& reader : {w.q, w.k, w.v}) w.attention_norm.wanted[is_rotated(reader.w->kind)] = true;
  for (const Projection& reader : {w.gate, w.up})
    w.feed_forward_norm.wanted[is_rotated(reader.w->kind)] = true;
  layers_.push_back(w);
  return {};
}

KvShape Decoder::kv_shape() const {
  const bool rotated = options_.kv_limbs == 1 || options_.activation_limbs == 1;
  return {config_.layers, config_.kv_heads, config_.head_dim, options_.kv_limbs, rotated};
}

void Decoder::reserve(std::int64_t rows) {
  if (rows > work_.rows) {
    auto floats = [&](std::int64_t columns) {
      return AlignedBuffer<float>(static_cast<std::size_t>(rows * columns));
    };
    std::int64_t q_dim = config_.heads * config_.head_dim, kv_dim = config_.kv_heads * config_.head_dim;
    work_ = {};  // free the smaller buffers first
    work_.x = floats(config_.dim);
    work_.y = floats(config_.dim);
    work_.q = floats(q_dim);
    work_.k = floats(kv_dim);
    work_.v = floats(kv_dim);
    work_.attention = floats(q_dim);
    work_.gate = floats(config_.hidden_dim);
    work_.up = floats(config_.hidden_dim);
    for (FixRows& normed : work_.normed) normed = backend_->make_rows(rows, config_.dim);
    work_.attended = backend_->make_rows(rows, q_dim);
    work_.hidden = backend_->make_rows(rows, config_.hidden_dim);
    work_.faults = AlignedBuffer<std::uint32_t>(static_cast<std::size_t>(rows));
    work_.rows = rows;
  }
  std::fill_n(work_.faults.data(), rows, 0u);
}

Faults Decoder::faults(Place place) { return {work_.faults.data(), site_of(step_.layer, place)}; }

void Decoder::normalise(const Norm& norm) {
  for (bool rotated : {false, true}) {
    if (!norm.wanted[rotated]) continue;
    backend_->rms_norm_quantise(work_.x.data(), norm.gain, config_.norm_epsilon, step_.batch->rows(),
                                config_.dim, form(rotated), work_.normed[rotated], faults(norm.place));
  }
}

// What a matrix reads: codes and i16 all 16 bits, rotated matrices a rotated row as wide as activations are.
FixForm Decoder::form(bool rotated) const {
  return rotated ? FixForm{options_.activation_limbs, true} : FixForm{};
}

void Decoder::linear_of_normed(std::span<LinearJob> jobs) {
  const auto rotated =
      std::ranges::partition(jobs, [](const LinearJob& job) { return !is_rotated(job.w->kind); });
  const std::span plain(jobs.begin(), rotated.begin());
  if (!plain.empty()) backend_->linear(work_.normed[false], plain);
  if (!rotated.empty()) backend_->linear(work_.normed[true], rotated);
}

void Decoder::project(const Projection& q, const Projection& k, const Projection& v) {
  LinearJob jobs[] = {
      {q.w, q.bias, work_.q.data()}, {k.w, k.bias, work_.k.data()}, {v.w, v.bias, work_.v.data()}};
  linear_of_normed(jobs);
}

void Decoder::normalise_heads(const float* q_gain, const float* k_gain) {
  std::int64_t rows = step_.batch->rows(), d = config_.head_dim;
  backend_->rms_norm(work_.q.data(), q_gain, config_.norm_epsilon, rows * config_.heads, d);
  backend_->rms_norm(work_.k.data(), k_gain, config_.norm_epsilon, rows * config_.kv_heads, d);
}

void Decoder::rotate() {
  const std::vector<std::int32_t>& positions = step_.batch->positions;
  std::int64_t last = *std::max_element(positions.begin(), positions.end());
  RopeArgs args = rope_->covering(last, config_.heads);
  backend_->rope(args, positions, work_.q.data());
  args.heads = config_.kv_heads;
  backend_->rope(args, positions, work_.k.data());
}

void Decoder::attend() {
  backend_->store_kv(work_.k.data(), work_.v.data(), *step_.batch, step_.layer, *step_.pages,
                     faults(Place::keys_values));
  AttentionArgs args{config_.heads, config_.sliding_window, options_.activation_limbs, step_.layer};
  backend_->attention(args, work_.q.data(), *step_.batch, *step_.pages, work_.attention.data(),
                      faults(Place::attention));
}

void Decoder::add_projection(const Projection& w) {
  std::int64_t rows = step_.batch->rows();
  backend_->quantise(work_.attention.data(), rows, w.w->k, form(is_rotated(w.w->kind)), work_.attended,
                     faults(Place::attention_output));
  const LinearJob job{w.w, w.bias, work_.y.data()};
  backend_->linear(work_.attended, {&job, 1});
  backend_->add(work_.x.data(), work_.y.data(), rows * config_.dim);
}

void Decoder::add_feed_forward(const Projection& gate, const Projection& up, const Projection& down) {
  std::int64_t rows = step_.batch->rows();
  LinearJob jobs[] = {{gate.w, gate.bias, work_.gate.data()}, {up.w, up.bias, work_.up.data()}};
  linear_of_normed(jobs);
  backend_->swiglu_quantise(work_.gate.data(), work_.up.data(), rows, config_.hidden_dim,
                            form(is_rotated(down.w->kind)), work_.hidden, faults(Place::feed_forward));
  const LinearJob job{down.w, down.bias, work_.y.data()};
  backend_->linear(work_.hidden, {&job, 1});
  backend_->add(work_.x.data(), work_.y.data(), rows * config_.dim);
}

std::vector<RowFault> Decoder::forward(const StepBatch& batch, KvPages& pages, float* logits) {
  reserve(batch.rows());
  step_ = {&batch, &pages, 0};
  backend_->embed(*embedding_, batch.tokens, work_.x.data());
  for (step_.layer = 0; step_.layer < config_.layers; ++step_.layer) {
    layer(layers_[static_cast<std::size_t>(step_.layer)]);
  }
  compute_logits(batch, logits);
  step_ = {};
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
    w.normed = backend_->make_rows(rows, config_.dim);
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
  backend_->rms_norm_quantise(w.x.data(), output_norm_, config_.norm_epsilon, rows, config_.dim,
                              form(is_rotated(output_->kind)), w.normed,
                              {w.faults.data(), faults(Place::output_norm).site});
  const LinearJob job{output_, nullptr, logits};
  backend_->linear(w.normed, {&job, 1});

  for (std::int64_t i = 0; i < rows; ++i) {
    const std::span<const float> z(logits + i * config_.vocab_size,
                                   static_cast<std::size_t>(config_.vocab_size));
    if (!all_finite(z)) Faults{w.faults.data(), faults(Place::logits).site}.set(i);
    work_.faults[static_cast<std::size_t>(batch.logits_rows[static_cast<std::size_t>(i)])] =
        w.faults[static_cast<std::size_t>(i)];
  }
}

HiddenRow Decoder::hidden_row(std::int64_t i) const {
  const FixRows& rows = logits_work_.normed;
  CHECK(i >= 0 && i < rows.rows, "row {} of {} wanted ones", i, rows.rows);
  HiddenRow row{rows.scale[static_cast<std::size_t>(i)],
                std::vector<std::int16_t>(static_cast<std::size_t>(rows.k))};
  backend_->read_row(rows, i, row.q.data());
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
