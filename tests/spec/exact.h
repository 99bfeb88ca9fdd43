// exact: how far a float or double is from the true value of a function, by MPFR at 160 bits.
#pragma once

#include <mpfr.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace verbatim::spec {

class Real {
 public:
  Real() { mpfr_init2(value_, 160); }
  explicit Real(double x) : Real() { mpfr_set_d(value_, x, MPFR_RNDN); }
  Real(const Real&) = delete;
  Real& operator=(const Real&) = delete;
  ~Real() { mpfr_clear(value_); }
  operator mpfr_ptr() { return value_; }
  operator mpfr_srcptr() const { return value_; }

 private:
  mpfr_t value_;
};

// |got - exact| in units of the last place of a T at exact. An infinity is 0 away where exact rounds to it,
// infinitely far elsewhere.
template <typename T>
double error_in_ulps(const Real& exact, T got) {
  using Limits = std::numeric_limits<T>;
  if (mpfr_zero_p(static_cast<mpfr_srcptr>(exact)))
    return got == 0 ? 0 : std::numeric_limits<double>::infinity();
  long exponent = std::max<long>(mpfr_get_exp(static_cast<mpfr_srcptr>(exact)), Limits::min_exponent);
  if (std::isinf(got) || exponent > Limits::max_exponent) {
    Real limit(static_cast<double>(Limits::max()));  // values from max + half a last place round to infinity
    Real half_ulp;
    mpfr_set_ui_2exp(half_ulp, 1, Limits::max_exponent - Limits::digits - 1, MPFR_RNDN);
    mpfr_add(limit, limit, half_ulp, MPFR_RNDN);
    bool overflows = mpfr_cmpabs(exact, limit) >= 0;
    return overflows && std::isinf(got) ? 0 : std::numeric_limits<double>::infinity();
  }
  Real error;
  mpfr_sub_d(error, exact, static_cast<double>(got), MPFR_RNDN);
  mpfr_mul_2si(error, error, Limits::digits - exponent, MPFR_RNDN);
  return std::fabs(mpfr_get_d(error, MPFR_RNDN));
}

using Function = int (*)(mpfr_ptr, mpfr_srcptr, mpfr_rnd_t);

template <typename T>
double error_in_ulps(Function function, T x, T got) {
  Real exact;
  function(exact, Real(static_cast<double>(x)), MPFR_RNDN);
  return error_in_ulps(exact, got);
}

}  // namespace verbatim::spec
