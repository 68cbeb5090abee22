// What files of ciphertexts and of keys have in common.
#pragma once

#include "cipherfit/io/container.h"
#include "cipherfit/rlwe/parameters.h"

namespace cipherfit {

inline constexpr std::uint32_t tag_parameters = section_tag("PARM");

// Parameters and key, no plan and no job.
ContainerIdentity loose_identity(const Parameters& parameters, const Digest& key);

}  // namespace cipherfit
