// The version of what this program makes of texts: how they become tokens and prompts, what constraints allow, which tokens
// are drawn. It is part of the fingerprint, as the contract's version is (spec/version.h).
//
// tests/chat/text_version_test.cc holds a golden of all of that. Where it changes on purpose, raise the version and
// write down what the test then gives: two programs that answer differently must not have one fingerprint.
#pragma once

#include <string_view>

namespace verbatim {

inline constexpr int kTextVersion = 1;
inline constexpr std::string_view kTextGolden =
    "13ceb628f8091b6b5dd6afda1c10a0df399434aaa78719c1bfedf63e1fd837ee";

}  // namespace verbatim
