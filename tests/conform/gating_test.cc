// gate_quantise: every form of gating, over the whole range of the functions in them.
#include <array>

#include "conform/conform.h"

namespace verbatim::conform {
namespace {

class GateOps : public Conform {};
INSTANTIATE_TEST_SUITE_P(EveryBackend, GateOps, every_backend(), backend_case_name);

using spec::GatingForm;
constexpr spec::Gating kGatings[] = {{GatingForm::swiglu, {}},
                                     {GatingForm::geglu_tanh, {}},
                                     {GatingForm::geglu_erf, {}},
                                     {GatingForm::clamped_swiglu, {}},
                                     {GatingForm::clamped_swiglu, {1, 0.25f}}};

testing::Message describe_gating(const spec::Gating& gating) {
  constexpr std::array names = {"swiglu", "geglu_tanh", "geglu_erf", "clamped_swiglu"};
  return testing::Message() << names[static_cast<std::size_t>(gating.form)] << ", limit "
                            << gating.clamped.limit;
}

// Gates over the whole range of exp and of the tail of the normal distribution, their ends and the places where a result is
// subnormal, overflows or meets a limit.
void fill_gates(Random& random, std::span<float> row) {
  constexpr float kEdges[] = {88.72283f,  88.72284f, 89.0f,     -87.33655f, -88.0f,    -103.97f,
                              103.97208f, 104.0f,    -1e30f,    1e30f,      -14.42f,   -10.1f,
                              7.0f,       7.00001f,  -7.00001f, 0.25f,      0x1p-149f, -0.0f};
  for (float& x : row)
    x = random() % 4 == 0 ? kEdges[random() % std::size(kEdges)]
        : random() % 2    ? uniform(random, -110, 110)
                          : uniform(random, -8, 8);
}

TEST_P(GateOps, EveryShape) {
  std::vector<Values> values = all_values();
  values.push_back({"gates", fill_gates});
  for (const spec::Gating& gating : kGatings) {
    for (std::int64_t k : {1, 3, 16, 17, 63, 64, 65, 100, 129, 576}) {
      for (std::int64_t rows : {1, 36}) {
        std::vector<float> gate = make_matrix(random(), values, static_cast<std::size_t>(k), rows, k);
        const std::vector<float> up =
            make_matrix(random(), all_values(), static_cast<std::size_t>(rows), rows, k);
        for (std::int64_t r = 0; r < rows; r += 2)
          fill_gates(random(),
                     std::span(gate).subspan(static_cast<std::size_t>(r * k), static_cast<std::size_t>(k)));
        for (FixForm form : {FixForm{1, false}, FixForm{2, false}, FixForm{1, true}, FixForm{2, true}}) {
          SCOPED_TRACE(describe_gating(gating) << ", " << rows << " x " << k << ", " << name_of(form));
          expect_same_fix("gate_quantise", rows, k, form, [&](Side& side, const FixRows& out, Faults faults) {
            const Array<float> gates = side.put(gate), ups = side.put(up);
            side->gate_quantise(gating, gates.data(), ups.data(), out, faults);
          });
        }
      }
    }
  }
}

// Quantisation hides the last bits of a gate: one value a row is the row's scale times Q, so it shows them.
TEST_P(GateOps, EveryGate) {
  constexpr std::int64_t kRows = 4096;
  for (const spec::Gating& gating : kGatings) {
    SCOPED_TRACE(describe_gating(gating));
    std::vector<float> gate(kRows), up = make_matrix(random(), finite_values(), 0, 1, kRows);
    fill_gates(random(), gate);
    expect_same_fix("gate_quantise", kRows, 1, {}, [&](Side& side, const FixRows& out, Faults faults) {
      const Array<float> gates = side.put(gate), ups = side.put(up);
      side->gate_quantise(gating, gates.data(), ups.data(), out, faults);
    });
  }
}

}  // namespace
}  // namespace verbatim::conform
