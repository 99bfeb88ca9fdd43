// Operations in which every element is its own: add, scale, softcap.
#include "conform/conform.h"

namespace verbatim::conform {
namespace {

class Elementwise : public Conform {};
INSTANTIATE_TEST_SUITE_P(EveryBackend, Elementwise, every_backend(), backend_case_name);

constexpr std::int64_t kCounts[] = {1, 15, 16, 17, 1000, 70001};

TEST_P(Elementwise, Add) {
  std::size_t which = 0;
  for (std::int64_t count : kCounts) {
    for (float factor : {1.0f, 0.22f, -3e30f, 0x1p-140f}) {
      const std::vector<float> x = make_matrix(random(), all_values(), ++which, 1, count);
      const std::vector<float> y = make_matrix(random(), finite_values(), which / 2, 1, count);
      EXPECT_TRUE(same_results("add", count,
                               [&](Side& side) {
                                 const Array<float> sum = side.put(x), added = side.put(y);
                                 side->add(sum.data(), added.data(), factor, count);
                                 return Side::get(sum);
                               }))
          << count << " times " << factor;
    }
  }
}

// By 1 the product is exact: what is added is added as it is.
TEST_P(Elementwise, AddOfFactorOneIsAnAddition) {
  const std::int64_t count = 3001;
  const std::vector<float> x = make_matrix(random(), finite_values(), 3, 1, count),
                           y = make_matrix(random(), finite_values(), 10, 1, count);
  std::vector<float> expected(x.size());
  for (std::size_t i = 0; i < x.size(); ++i) expected[i] = x[i] + y[i];
  const Array<float> sum = backend().put(x), added = backend().put(y);
  backend()->add(sum.data(), added.data(), 1, count);
  EXPECT_TRUE(same_bits("add", expected, Side::get(sum), count));
}

TEST_P(Elementwise, Scale) {
  std::size_t which = 0;
  for (std::int64_t count : kCounts) {
    for (float factor : {1.0f, 12.0f, -0.7f, 1e-30f}) {
      const std::vector<float> x = make_matrix(random(), all_values(), ++which, 1, count);
      EXPECT_TRUE(same_results("scale", count,
                               [&](Side& side) {
                                 const Array<float> y = side.put(x);
                                 side->scale(y.data(), factor, count);
                                 return Side::get(y);
                               }))
          << count << " times " << factor;
    }
  }
}

TEST_P(Elementwise, Softcap) {
  std::size_t which = 0;
  for (std::int64_t count : kCounts) {
    for (float cap : {1.0f, 30.0f, 50.0f, 1e-30f, 1e30f}) {
      const std::vector<float> x = make_matrix(random(), all_values(), ++which, 1, count);
      EXPECT_TRUE(same_results("softcap", count,
                               [&](Side& side) {
                                 const Array<float> y = side.put(x);
                                 side->softcap(y.data(), cap, count);
                                 return Side::get(y);
                               }))
          << count << ", cap " << cap;
    }
  }
}

}  // namespace
}  // namespace verbatim::conform
