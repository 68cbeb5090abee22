// The three terms of a holder's answer, one by one. Holder::release() adds them up and is what
// programs call; the tests leave one out to show what it is for.
#pragma once

#include "cipherfit/rlwe/owner/multiparty/holder.h"

#include <map>
#include <vector>

namespace cipherfit {

using Residues = std::vector<std::vector<std::uint64_t>>;  // [prime][opened coefficient]

// lambda_j S_j c_1.
Residues interpolated_share(const Parameters& parameters, const ReleaseRequest& request,
                            const ReleasePoint& point, const RnsPoly& c1);
// += E_j.
void add_flooding(const Parameters& parameters, const ReleaseRequest& request, unsigned point,
                  const Seed& noise_seed, Residues& share);
// += Z_j.
void add_zero_share(const Parameters& parameters, const ReleaseRequest& request, unsigned point,
                    const std::map<unsigned, Seed>& pair_secrets, Residues& share);

}  // namespace cipherfit
