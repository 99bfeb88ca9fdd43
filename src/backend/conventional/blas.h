// Blas: the vendor's float32 matrix products, found when they are asked for: OpenBLAS (https://www.openblas.net), of
// whichever build the machine has (Debian: libopenblas0-pthread). Nothing else of the program needs it, and a program
// that never asks for it never loads it, nor starts its threads.
//
// It is the control group's, never the contract's: which kernel it runs, and so in which order it adds, is its own
// choice for each shape.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"

namespace verbatim {

class Blas {
 public:
  // Loads the library (the second time: finds it loaded) and bids it use one thread. The error says what to install.
  // It may set the environment variable OPENBLAS_CORETYPE.  REQUIRES: no other thread reads the environment
  static Result<Blas> load();

  // "OpenBLAS 0.3.21 ... SkylakeX"
  const std::string& description() const { return description_; }

  // Threads of the library's own in each call from now on, in the whole process.  REQUIRES: no call is running
  void use_threads(int count) const { set_num_threads_(count); }

  // y = x w^T: one gemv for one row, one gemm for more, which is how every library is called.
  //   x: (rows, k), w: (n, k), y: (rows, n) with `stride` elements from row to row
  // Several threads may call at the same time.
  void multiply(const float* x, std::int64_t rows, const float* w, std::int64_t n, std::int64_t k, float* y,
                std::int64_t stride) const;
  // The same by gemm, also for one row.
  void gemm(const float* x, std::int64_t rows, const float* w, std::int64_t n, std::int64_t k, float* y,
            std::int64_t stride) const;
  // y = y + x w    x: (rows, k), w: (k, n), y: (rows, n), dense
  void accumulate(const float* x, std::int64_t rows, const float* w, std::int64_t n, std::int64_t k,
                  float* y) const;

 private:
  // cblas.h; an OpenBLAS of Debian 12 counts in 32 bits.
  using Gemm = void (*)(int order, int trans_a, int trans_b, int m, int n, int k, float alpha, const float* a,
                        int lda, const float* b, int ldb, float beta, float* c, int ldc);
  using Gemv = void (*)(int order, int trans_a, int m, int n, float alpha, const float* a, int lda,
                        const float* x, int incx, float beta, float* y, int incy);
  Blas() = default;

  Gemm gemm_ = nullptr;
  Gemv gemv_ = nullptr;
  void (*set_num_threads_)(int) = nullptr;
  std::string description_;
};

}  // namespace verbatim
