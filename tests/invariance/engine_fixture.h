// An engine over a fake model of 256 tokens, which are the bytes.
#pragma once

#include <gtest/gtest.h>

#include "backend/list.h"
#include "engine/engine.h"
#include "invariance/fake_model.h"
#include "invariance/transcript.h"
#include "tokenizer/synthetic_vocabulary.h"

namespace verbatim {

class EngineTest : public ::testing::Test {
 protected:
  static EngineOptions roomy() {
    EngineOptions options;
    options.kv_pages = 40;
    return options;
  }
  std::unique_ptr<Engine> engine(const EngineOptions& options = roomy()) {
    auto made = Engine::create(model_, &tokenizer_, options);
    EXPECT_TRUE(made.ok());
    return std::move(*made);
  }

  static GenerateRequest request(std::string_view prompt, std::int64_t max_tokens) {
    GenerateRequest r;
    for (char c : prompt) r.prompt.push_back(static_cast<unsigned char>(c));
    r.max_tokens = max_tokens;
    return r;
  }
  static void finish_all(Engine& engine) {
    for (int steps = 0; !engine.idle(); ++steps) {
      engine.step();
      ASSERT_LT(steps, 100000) << "a request does not end";
    }
  }
  // The transcript of a request that has an engine for itself.
  void run_alone(const GenerateRequest& r, Transcript& into, const EngineOptions& options = roomy()) {
    auto alone = engine(options);
    ASSERT_TRUE(alone->submit(r, into).ok());
    finish_all(*alone);
    ASSERT_EQ(static_cast<std::int64_t>(into.finish.size()), r.n);
  }

  FakeModel model_{256};
  Tokenizer tokenizer_ = std::move(*Tokenizer::create(byte_level_data()));
};

}  // namespace verbatim
