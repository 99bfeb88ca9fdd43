// linear: every weight kind, limb count and shape, several jobs at once, with and without bias.
#include "conform/conform.h"
#include "random_codes.h"

namespace verbatim::conform {
namespace {

class Linear : public Conform {
 protected:
  struct Job {
    Weights w;
    std::vector<float> bias, expected, actual;
  };

  // The same rows and jobs on both backends.
  void expect_same(std::int64_t rows, std::int64_t k, int limbs, std::vector<Job>& jobs) {
    const std::vector<float> values = make_matrix(random(), all_values(), 0, rows, k);
    for (Side* side : {&reference(), &backend()}) {
      const Array<float> x = side->put(values);
      const FixStorage storage = (*side)->make_rows(rows, k);
      const FaultLog faults(*side, rows);
      std::vector<PlacedMatrix> placed;
      std::vector<Array<float>> biases, results;
      for (const Job& job : jobs) {
        placed.push_back(side->place(job.w));
        biases.push_back(side->put(job.bias));
        results.push_back(side->floats(rows * job.w.matrix().n));
      }
      for (bool rotated : {false, true}) {
        std::vector<LinearJob> list;
        for (std::size_t i = 0; i < jobs.size(); ++i)
          if (is_rotated(placed[i].matrix.kind) == rotated)
            list.push_back({&placed[i].matrix, biases[i].data(), results[i].data()});
        if (list.empty()) continue;
        const FixRows q = storage.rows(rows, k, {limbs, rotated});
        (*side)->quantise(x.data(), q, faults.at(1));
        (*side)->linear(q, list);
      }
      for (std::size_t i = 0; i < jobs.size(); ++i)
        (side == &backend() ? jobs[i].actual : jobs[i].expected) = Side::get(results[i]);
    }
    for (std::size_t i = 0; i < jobs.size(); ++i) {
      const PackedMatrix& w = jobs[i].w.matrix();
      EXPECT_TRUE(same_bits("linear", jobs[i].expected, jobs[i].actual, w.n))
          << "job " << i << ": " << name_of(w.kind) << ", n " << w.n << ", k " << k << ", rows " << rows
          << ", limbs " << limbs << (jobs[i].bias.empty() ? "" : ", bias");
    }
  }

  Job make_job(WeightKind kind, std::int64_t n, std::int64_t k, bool bias) {
    Job job{Weights(random(), kind, n, k), {}, {}, {}};
    if (bias) job.bias = make_matrix(random(), finite_values(), 0, 1, n);
    return job;
  }
};
INSTANTIATE_TEST_SUITE_P(EveryBackend, Linear, every_backend(), backend_case_name);

const std::vector<WeightKind> kKinds = every_kind();

TEST_P(Linear, EveryShape) {
  for (std::int64_t k : {1, 4, 31, 64, 65, 200, 384}) {
    for (std::int64_t n : {1, 16, 17, 50}) {
      for (std::int64_t rows : {1, 2, 7, 17, 33}) {
        for (WeightKind kind : kKinds) {
          std::vector<Job> jobs;
          jobs.push_back(make_job(kind, n, k, rows % 2 == 1));
          expect_same(rows, k, static_cast<int>(1 + (n + rows) % 2), jobs);
        }
      }
    }
  }
}

// Rows around the tiles of devices, panels that are full and that are not.
TEST_P(Linear, ManyRows) {
  for (WeightKind kind :
       {WeightKind::i8, WeightKind::i16, WeightKind::i8r, WeightKind::i16r, WeightKind::c4z}) {
    for (int limbs : {1, 2}) {
      for (std::int64_t rows : {8, 9, 16, 32, 64, 65, 128, 129, 257, 300}) {
        std::vector<Job> jobs;
        for (std::int64_t n : {64, 131}) jobs.push_back(make_job(kind, n, 200, n == 64));
        expect_same(rows, 200, limbs, jobs);
      }
    }
  }
}

TEST_P(Linear, JobsOfDifferentKindsShareTheThreads) {
  for (int limbs : {1, 2}) {
    std::vector<Job> jobs;
    for (WeightKind kind : kKinds) {
      jobs.push_back(make_job(kind, 100, 512, true));
      jobs.push_back(make_job(kind, 5, 512, false));
      jobs.push_back(make_job(kind, 160, 512, false));
    }
    for (std::int64_t rows : {1, 40}) expect_same(rows, 512, limbs, jobs);
  }
}

TEST_P(Linear, LargestSums) {
  constexpr std::int64_t k = 16384;  // 16384 products of 16319^2: far beyond 2^32
  for (WeightKind kind : kKinds) {
    std::vector<Job> jobs;
    jobs.push_back(make_job(kind, 32, k, false));
    for (int limbs : {1, 2}) expect_same(13, k, limbs, jobs);
  }
}

}  // namespace
}  // namespace verbatim::conform
