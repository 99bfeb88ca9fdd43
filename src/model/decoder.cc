#include "model/decoder.h"

#include <algorithm>

#include "base/aligned_buffer.h"
#include "base/check.h"
#include "model/pass.h"
#include "ops/kv_pages.h"

namespace verbatim {

// The life of a step: pages are copied and the batch is written; embedding, layers and the wanted logits are enqueued; then
// what was asked for is read.
class DecoderRunner final : public Runner {
 public:
  DecoderRunner(Decoder& model, const RunnerOptions& options)
      : model_(model),
        config_(model.config_),
        backend_(model.backend_),
        options_(options),
        cache_(backend_.memory(), model.kv_shape(), options.pages),
        step_buffer_(backend_.memory()),
        work_(config_, options.max_rows, backend_),
        wanted_x_(backend_.memory(), count(options.max_logits_rows, config_.dim)),
        wanted_normed_(backend_.make_rows(options.max_logits_rows, config_.dim)),
        logits_(backend_.memory(), count(options.max_logits_rows, config_.vocab_size)),
        no_faults_(static_cast<std::size_t>(options.max_rows)) {}

  StepResult step(const StepBatch& batch, const StepWishes& wishes) override {
    for (PageCopy copy : batch.copies) cache_.copy_page(copy);
    if (batch.rows() == 0) return {};
    CHECK(batch.rows() <= options_.max_rows && std::ssize(batch.logits_rows) <= options_.max_logits_rows,
          "a step of {} rows, {} wanted, where at most {} and {} are", batch.rows(), batch.logits_rows.size(),
          options_.max_rows, options_.max_logits_rows);
    const StepView view = step_buffer_.fill(batch);
    work_.faults.write(std::span(no_faults_).first(batch.tokens.size()));
    compute_layers(view);
    StepResult result;
    if (view.wanted > 0) {
      const FixRows hidden = compute_logits(view);
      draw(wishes, result);
      read_logits(wishes, result);
      read_hidden(hidden, wishes, result);
    }
    result.faults = read_faults(batch);
    return result;
  }

 private:
  static std::size_t count(std::int64_t rows, std::int64_t columns) {
    return static_cast<std::size_t>(rows * columns);
  }

  void compute_layers(const StepView& view) {
    const Array<double>& frequencies = model_.rope_frequencies_;
    backend_.rope_table(frequencies.data(), std::ssize(frequencies), model_.rope_mscale_, view.positions,
                        view.rows, work_.cosine.data(), work_.sine.data());
    backend_.embed(*model_.weights_.embedding, view.tokens, view.rows, work_.x.data());
    const Pass::Setting setting{config_, model_.options_, backend_, work_, view, cache_.pages()};
    for (std::int64_t layer = 0; layer < config_.layers; ++layer) {
      Pass pass(setting, layer);
      model_.architecture_.layer(pass, model_.weights_.layers[static_cast<std::size_t>(layer)]);
    }
  }

  // Only the wanted rows go through the last norm and the output matrix. Gives what the logits are made from.
  FixRows compute_logits(const StepView& view) {
    const PackedMatrix& output = *model_.weights_.output;
    const FixRows hidden = wanted_normed_.rows(view.wanted, config_.dim, row_form(output, model_.options_));
    const auto faults = [&](Place place) {
      return Faults{work_.faults.data(), site_of(config_.layers, place), view.logits_rows};
    };
    backend_.gather(work_.x.data(), view.logits_rows, view.wanted, config_.dim, wanted_x_.data());
    backend_.rms_norm_quantise(wanted_x_.data(), model_.weights_.output_norm, config_.norm_epsilon, hidden,
                               faults(Place::output_norm));
    const LinearJob job{&output, nullptr, logits_.data()};
    backend_.linear(hidden, {&job, 1});
    backend_.check_finite(logits_.data(), view.wanted, config_.vocab_size, faults(Place::logits));
    return hidden;
  }

  void draw(const StepWishes& wishes, StepResult& result) {
    if (wishes.draws.empty()) return;
    if (tokens_.size() < wishes.draws.size())
      tokens_ = Array<std::int32_t>(backend_.memory(), wishes.draws.size());
    backend_.draw(logits_.data(), config_.vocab_size, wishes.draws, tokens_.data());
    result.tokens.resize(wishes.draws.size());
    tokens_.read(result.tokens);
  }

  void read_logits(const StepWishes& wishes, StepResult& result) {
    const auto vocab = static_cast<std::size_t>(config_.vocab_size);
    if (home_.size() < wishes.logits.size() * vocab)
      home_ = AlignedBuffer<float>(wishes.logits.size() * vocab);
    const std::span home(home_.data(), wishes.logits.size() * vocab);
    for (std::size_t i = 0; i < wishes.logits.size(); ++i)
      logits_.read(home.subspan(i * vocab, vocab), static_cast<std::size_t>(wishes.logits[i]) * vocab);
    result.logits = home;
  }

  void read_hidden(const FixRows& hidden, const StepWishes& wishes, StepResult& result) {
    if (wishes.hidden.empty()) return;
    const auto dim = static_cast<std::size_t>(config_.dim);
    if (hidden_.size() == 0)
      hidden_ = Array<std::int16_t>(backend_.memory(), count(options_.max_logits_rows, config_.dim));
    backend_.unpack_rows(hidden, hidden_.data());
    std::vector<float> scale(static_cast<std::size_t>(hidden.rows));
    backend_.memory().read(reinterpret_cast<const std::byte*>(hidden.scale),
                           std::as_writable_bytes(std::span(scale)));
    for (const std::int32_t row : wishes.hidden) {
      HiddenRow& read =
          result.hidden.emplace_back(scale[static_cast<std::size_t>(row)], std::vector<std::int16_t>(dim));
      hidden_.read(read.q, static_cast<std::size_t>(row) * dim);
    }
  }

  std::vector<RowFault> read_faults(const StepBatch& batch) const {
    std::vector<std::uint32_t> sites(batch.tokens.size());
    work_.faults.read(sites);
    std::vector<RowFault> found;
    for (std::size_t row = 0; row < sites.size(); ++row)
      if (sites[row] != 0)
        found.push_back({static_cast<std::int64_t>(row), describe(sites[row], batch.positions[row])});
    return found;
  }

  Decoder& model_;
  const ModelConfig& config_;
  Backend& backend_;
  const RunnerOptions options_;
  KvCache cache_;
  StepBuffer step_buffer_;
  Workspace work_;
  // Of the wanted rows.
  Array<float> wanted_x_;
  FixStorage wanted_normed_;
  Array<float> logits_;
  Array<std::int32_t> tokens_;
  Array<std::int16_t> hidden_;  // (max_logits_rows, dim)
  AlignedBuffer<float> home_;   // the logits that came home
  const std::vector<std::uint32_t> no_faults_;
};

Decoder::Decoder(const Architecture& architecture, const ModelConfig& config, BoundWeights weights,
                 const ModelOptions& options, Backend& backend)
    : architecture_(architecture),
      config_(config),
      weights_(std::move(weights)),
      options_(options),
      backend_(backend),
      rope_frequencies_(backend.memory(),
                        spec::rope_frequencies(config.head_dim, config.rope_theta, config.rope_scaling)),
      rope_mscale_(spec::rope_mscale(config.rope_scaling)) {}

KvShape Decoder::kv_shape() const {
  const bool rotated = options_.kv == Width::bits8 || options_.activations == Width::bits8;
  return {config_.layers, config_.kv_heads, config_.head_dim, limbs_of(options_.kv), rotated};
}

std::unique_ptr<Runner> Decoder::make_runner(const RunnerOptions& options) {
  return std::make_unique<DecoderRunner>(*this, options);
}

}  // namespace verbatim
