// ForwardingModel: another model, step for step: what tests derive theirs from.
#pragma once

#include <memory>

#include "model/model.h"

namespace verbatim {

class ForwardingModel : public Model {
 public:
  explicit ForwardingModel(Model& inner) : inner_(inner) {}

  const ModelConfig& config() const override { return inner_.config(); }
  KvShape kv_shape() const override { return inner_.kv_shape(); }
  std::string_view backend_name() const override { return inner_.backend_name(); }
  LogitsMath& logits_math() override { return inner_.logits_math(); }
  std::unique_ptr<Runner> make_runner(const RunnerOptions& options) override {
    return std::make_unique<ForwardingRunner>(*this, inner_.make_runner(options));
  }

 protected:
  virtual StepResult step(Runner& runner, const StepBatch& batch, const StepWishes& wishes) {
    return runner.step(batch, wishes);
  }

 private:
  class ForwardingRunner final : public Runner {
   public:
    ForwardingRunner(ForwardingModel& model, std::unique_ptr<Runner> inner)
        : model_(model), inner_(std::move(inner)) {}
    StepResult step(const StepBatch& batch, const StepWishes& wishes) override {
      return model_.step(*inner_, batch, wishes);
    }

   private:
    ForwardingModel& model_;
    std::unique_ptr<Runner> inner_;
  };

  Model& inner_;
};

}  // namespace verbatim
