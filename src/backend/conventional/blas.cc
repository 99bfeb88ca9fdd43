#include "backend/conventional/blas.h"

#include <dlfcn.h>

#include <cstdlib>
#include <type_traits>

#include "backend/cpu/cpu_features.h"

namespace verbatim {
namespace {

constexpr int kRowMajor = 101, kAsIs = 111, kTransposed = 112;  // cblas.h

int size(std::int64_t n) { return static_cast<int>(n); }

// OpenBLAS knows processors by their model numbers, and takes one that is newer than itself for a Prescott of 2004:
// a seventh of the speed. So it is told what the processor can do, unless the user has told it already.
void name_processor() {
  cpu::CpuFeatures features = cpu::detect_cpu_features();
  if (features.avx512) {
    setenv("OPENBLAS_CORETYPE", "SkylakeX", 0);
  } else if (features.avx2) {
    setenv("OPENBLAS_CORETYPE", "Haswell", 0);
  }
}

}  // namespace

Result<Blas> Blas::load() {
  name_processor();
  void* library = dlopen("libopenblas.so.0", RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr)
    return fail(
        "OpenBLAS is missing: install libopenblas.so.0 (Debian: apt-get install libopenblas0-pthread)");
  Blas blas;
  char* (*config)() = nullptr;
  auto find = [&](const char* name, auto& function) {
    function = reinterpret_cast<std::remove_reference_t<decltype(function)>>(dlsym(library, name));
    return function != nullptr;
  };
  bool all = find("cblas_sgemm", blas.gemm_) && find("cblas_sgemv", blas.gemv_) &&
             find("openblas_set_num_threads", blas.set_num_threads_) && find("openblas_get_config", config);
  if (!all) return fail("libopenblas.so.0 lacks cblas_sgemm, cblas_sgemv or OpenBLAS's own functions");
  blas.description_ = config();
  while (blas.description_.ends_with(' ')) blas.description_.pop_back();
  blas.use_threads(1);
  return blas;
}

void Blas::multiply(const float* x, std::int64_t rows, const float* w, std::int64_t n, std::int64_t k,
                    float* y, std::int64_t stride) const {
  if (rows != 1) return gemm(x, rows, w, n, k, y, stride);
  gemv_(kRowMajor, kAsIs, size(n), size(k), 1, w, size(k), x, 1, 0, y, 1);
}

void Blas::gemm(const float* x, std::int64_t rows, const float* w, std::int64_t n, std::int64_t k, float* y,
                std::int64_t stride) const {
  gemm_(kRowMajor, kAsIs, kTransposed, size(rows), size(n), size(k), 1, x, size(k), w, size(k), 0, y,
        size(stride));
}

void Blas::accumulate(const float* x, std::int64_t rows, const float* w, std::int64_t n, std::int64_t k,
                      float* y) const {
  gemm_(kRowMajor, kAsIs, kAsIs, size(rows), size(n), size(k), 1, x, size(k), w, size(n), 1, y, size(n));
}

}  // namespace verbatim
