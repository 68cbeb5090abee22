// A key holder's part in a release, and the recipient's.
//
// Holder j of T answers, modulo each release prime and for the opened coefficients only,
//     d_j = lambda_j S_j c_1 + E_j + Z_j
// where S_j is its point, lambda_j the interpolation factor for T, E_j a discrete Gaussian of the
// full deviation sigma, whatever the others add, and Z_j its part of a sharing of zero within T:
//     Z_j = sum over m in T, m > j, of F_jm - sum over m < j of F_mj,
// F_jm the stream of a key that only j and m know, bound to the request (charter, ciphertext,
// T, level, gap, sigma). So sum_j d_j = c_1 s + sum_j E_j, and fewer than all of them are uniform.
// Without Z, t - 1 colluders of whom some are outside T would read the message through the
// interpolation factors: their points and one honest d_j give lambda' (m + e) + E_j with |lambda'|
// up to 2,400 for k = 8 and t = 5, and if lambda' is a fraction, m + e modulo its denominator.
#pragma once

#include "cipherfit/base/secure.h"
#include "cipherfit/rlwe/multiparty/release.h"
#include "cipherfit/rlwe/owner/multiparty/dealer.h"

#include <map>
#include <span>

namespace cipherfit {

// What a holder keeps. Move-only; wiped when it goes.
class Holder {
  public:
    // `noise_seed`: 32 secret bytes, drawn once and stored with the point. All noise is derived
    // from it and from the request, so that one request has one answer, byte for byte.
    // Throws Error(invalid_argument) for a point of another level than the terms'.
    Holder(const Parameters& parameters, const ReleaseTerms& terms, ReleasePoint point,
           const Seed& noise_seed);
    ~Holder();
    Holder(Holder&&) noexcept = default;
    Holder& operator=(Holder&&) = delete;
    Holder(const Holder&) = delete;
    Holder& operator=(const Holder&) = delete;

    unsigned point() const noexcept { return point_.point(); }

    // d_j. `pair_secrets` has 32 secret bytes shared with each other member of T, by point.
    // `verified` is the digest of the ciphertext that this holder has recomputed itself or that t
    // holders attest. Throws Error(invalid_argument) where this holder is not asked or a pair's
    // secret is missing, Error(fingerprint_mismatch) where the request does not keep to the terms,
    // or the ciphertext given is not the one verified or not the one requested.
    ReleaseShare release(const ReleaseRequest& request, const RnsPoly& c0, const RnsPoly& c1,
                         const Digest& verified,
                         const std::map<unsigned, Seed>& pair_secrets) const;

  private:
    Parameters parameters_;
    ReleaseTerms terms_;
    ReleasePoint point_;
    Seed noise_seed_{};
};

// Adds up: c_0 + sum_j d_j as NTT values modulo q_0..q_level, zero in the coefficients that were
// not opened. It is the message: keep it as such. Throws Error(corrupt_data), naming the holder,
// for a share of another request, of a holder outside T or given twice, of a wrong size, or with a
// residue that is not below its prime; Error(bad_input) where a holder's share is missing.
RnsPoly combine_release(const Parameters& parameters, const ReleaseRequest& request,
                        const RnsPoly& c0, std::span<const ReleaseShare> shares);

}  // namespace cipherfit
