// Each family's description (model/architecture.h): one meaning for every name, a place for every tensor, and sentences that
// name the tensor and the layer.
#include "model/architecture.h"

#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "invariance/tiny_model.h"
#include "load/config_text.h"
#include "model/bind.h"
#include "one_step.h"

namespace verbatim {
namespace {

// Small, with an output matrix of its own, and with as many layers as the longest pattern.
ModelConfig untied_config(const Architecture& architecture) {
  ModelConfig c = tiny_config({.architecture = std::string(architecture.name)});
  c.layers = 4;
  c.tied_embeddings = false;
  return implied_by_gguf(c);
}

// Tensors of the right shapes that hold nothing: binding looks no further.
ModelWeights hollow_weights(const ModelConfig& c) {
  static const std::vector<float> nothing(1 << 10);
  ModelWeights weights;
  for (const TensorSpec& spec : expected_tensors(c)) {
    if (spec.vector) {
      weights.vectors[spec.name] = {nothing.data(), static_cast<std::size_t>(spec.columns)};
    } else {
      weights.matrices[spec.name] = {WeightKind::i16, spec.rows, spec.columns, nullptr, nullptr};
    }
  }
  return weights;
}

TEST(Architecture, EveryNameHasOneMeaning) {
  std::set<std::string_view> names, types;
  for (const Architecture* a : architectures()) {
    SCOPED_TRACE(a->name);
    EXPECT_TRUE(names.insert(a->name).second);
    EXPECT_FALSE(a->model_types.empty());
    for (const ModelType& type : a->model_types) EXPECT_TRUE(types.insert(type.name).second) << type.name;
    std::set<std::string> gguf, hugging_face;
    for (const TensorSpec& spec : expected_tensors(untied_config(*a))) {
      EXPECT_TRUE(gguf.insert(spec.name).second) << spec.name;
      EXPECT_TRUE(hugging_face.insert(spec.hugging_face).second) << spec.hugging_face;
      EXPECT_GT(spec.rows, 0) << spec.name;
      EXPECT_GT(spec.columns, 0) << spec.name;
      EXPECT_EQ(spec.vector, spec.rows == 1) << spec.name;
    }
  }
}

TEST(Architecture, EveryTensorHasAPlaceOfItsOwn) {
  for (const Architecture* a : architectures()) {
    SCOPED_TRACE(a->name);
    for (const TensorRule& rule : a->tensors) {
      EXPECT_NE(rule.to.index(), 0u) << rule.gguf << " goes nowhere";
      for (const TensorRule& other : a->tensors) {
        const bool same_kind = (rule.rows == Extent::one) == (other.rows == Extent::one);
        EXPECT_FALSE(&rule != &other && same_kind && rule.to == other.to) << rule.gguf << ", " << other.gguf;
      }
    }
  }
}

TEST(Architecture, WhatItImpliesIsAConfigurationAndImpliesItself) {
  for (const Architecture* a : architectures()) {
    const ModelConfig c = untied_config(*a);
    EXPECT_TRUE(check_config(c, "c").ok()) << check_config(c, "c").error().message;
    EXPECT_EQ(canonical_text(implied_by_gguf(c)), canonical_text(c));
  }
}

TEST(Architecture, BindingNamesWhatIsMissingOrMisshapen) {
  const std::unique_ptr<Backend> backend = *make_backend("reference", 1);
  for (const Architecture* a : architectures()) {
    const ModelConfig c = untied_config(*a);
    const ModelWeights whole = hollow_weights(c);
    ASSERT_TRUE(bind_weights(*a, c, whole, *backend).ok()) << a->name;
    for (const TensorSpec& spec : expected_tensors(c)) {
      ModelWeights missing = whole, misshapen = whole;
      if (spec.vector) {
        missing.vectors.erase(spec.name);
        misshapen.vectors[spec.name] = whole.vector(spec.name).first(1);
      } else {
        missing.matrices.erase(spec.name);
        ++misshapen.matrices[spec.name].k;
      }
      auto first = bind_weights(*a, c, missing, *backend), second = bind_weights(*a, c, misshapen, *backend);
      ASSERT_FALSE(first.ok() || second.ok()) << a->name << ": " << spec.name;
      EXPECT_EQ(first.error().message, fmt::format("tensor '{}' is missing", spec.name));
      EXPECT_EQ(second.error().message,
                spec.vector ? fmt::format("tensor '{}' has 1 elements, expected {}", spec.name, spec.columns)
                            : fmt::format("tensor '{}' has shape {} x {}, expected {} x {}", spec.name,
                                          spec.rows, spec.columns + 1, spec.rows, spec.columns));
    }
  }
}

// A gain that is no number, in each layer in turn.
TEST(Architecture, AFaultNamesItsLayer) {
  for (const Architecture* a : architectures()) {
    const TinyShape shape{.architecture = std::string(a->name)};
    const PackedWeights weights = tiny_weights(shape);
    const std::vector<float> bad(static_cast<std::size_t>(tiny_config(shape).dim), HUGE_VALF);
    auto fault_with = [&](const std::string& name) {
      PackedWeights spoilt = weights;
      spoilt.vectors.at(name) = bad;
      TinyModel tiny(shape, spoilt, "auto", 1);
      StepBatch batch;
      batch.tokens = {1, 2, 3};
      batch.positions = {0, 1, 2};
      batch.segments = {{0, 3, 0, {0}}};
      batch.logits_rows = {2};
      const std::vector<RowFault> faults = one_step(*tiny.model, batch).faults;
      return faults.empty() ? "none" : faults.back().message;
    };
    for (std::int64_t layer = 0; layer < tiny_config(shape).layers; ++layer) {
      EXPECT_EQ(fault_with(fmt::format("blk.{}.attn_norm.weight", layer)),
                fmt::format("layer {}, attention input, position 2: a value is not finite", layer));
      EXPECT_EQ(fault_with(fmt::format("blk.{}.ffn_norm.weight", layer)),
                fmt::format("layer {}, feed-forward input, position 2: a value is not finite", layer));
    }
    EXPECT_EQ(fault_with("output_norm.weight"), "output norm, position 2: a value is not finite");
  }
}

}  // namespace
}  // namespace verbatim
