// The version of the numerics contract: part of every fingerprint, raised by any change that moves a bit.
#pragma once

namespace verbatim::spec {

inline constexpr int kContractVersion = 2;

}  // namespace verbatim::spec
