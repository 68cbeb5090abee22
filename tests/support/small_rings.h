#pragma once

#include <cstdlib>

namespace cipherfit::test {

// Whether CIPHERFIT_SMALL_RINGS asks for less, as under sanitizers, where a step takes ten times as
// long: no rings of full size, and a part of the cases that differ in their numbers alone.
inline bool small_rings() {
    return std::getenv("CIPHERFIT_SMALL_RINGS") != nullptr;
}

}  // namespace cipherfit::test
