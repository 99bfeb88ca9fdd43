// VERBATIM_MULTIVERSION before a function: the compiler makes it twice, for AVX2 and for the baseline, and
// the program picks one when it starts. For loops over integers and unfused float32 only (-ffp-contract=off
// is set everywhere): each operation rounds one way, so the two give the same bits and the choice cannot be
// seen. Elsewhere than GCC on x86-64 it says nothing; nor under sanitizers, whose start-up does not suit the
// selection.
#pragma once

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(__SANITIZE_ADDRESS__) && \
    !defined(__SANITIZE_THREAD__)
#define VERBATIM_MULTIVERSION [[gnu::target_clones("avx2", "default")]]
#else
#define VERBATIM_MULTIVERSION
#endif
