// A release: what a set of holders is asked to open, and the shares that they answer with.
//
// The recipient gets c_0 + c_1 s + noise in the coefficients of X^0, X^gap, X^2gap, ... only: those
// of the subring that carries the message. Shares are secret to the recipient; see
// owner/multiparty/holder.h for how they are made.
#pragma once

#include "cipherfit/base/error.h"
#include "cipherfit/base/secure.h"
#include "cipherfit/rlwe/multiparty/holders.h"
#include "cipherfit/rlwe/parameters.h"
#include "cipherfit/rlwe/rns_poly.h"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace cipherfit {

// SHA-256 of the parameters' fingerprint, the level and both parts (level + 1 limbs, NTT values).
// Throws Error(invalid_argument) for parts of other shapes.
Digest ciphertext_digest(const Parameters& parameters, std::size_t level, const RnsPoly& c0,
                         const RnsPoly& c1);

struct ReleaseRequest {
    Digest charter{};
    Digest ciphertext{};
    HolderSet holders;      // the set T
    std::size_t level = 0;  // of the ciphertext: the points' level
    std::size_t gap = 1;    // a power of two dividing N
    double sigma = 0;       // of each holder's noise, in units of coefficients (flooding.h)

    // Coefficients that are opened: N / gap.
    std::size_t coefficients(const Parameters& parameters) const { return parameters.n() / gap; }
    // SHA-256 of all members, canonical: what holders and recipient mean by "this release".
    Digest digest(const Parameters& parameters) const;
};

// What charter and plan fix about the one release: a holder keeps them with its point and answers
// nothing else. A smaller sigma would not hide the error; a smaller set would leave a holder alone
// with its interpolation factor, without anybody to share zero with.
struct ReleaseTerms {
    Digest charter{};
    unsigned holders = 0;    // k
    unsigned threshold = 0;  // t
    std::size_t level = 0;
    std::size_t gap = 1;
    double sigma = 0;
};

// Throws Error(fingerprint_mismatch), which names the first value that differs, unless the request
// keeps to the terms.
void require_terms(const ReleaseRequest& request, const ReleaseTerms& terms);

// Throws Error(invalid_argument) unless the level, the gap and sigma can be served: sigma of 3.2 to
// 2^100, and t sigma below a 64th of the modulus, beyond which no message would survive.
void require_valid(const Parameters& parameters, const ReleaseRequest& request);

// One holder's answer: for each prime q_0..q_level the residues of the opened coefficients. Seals
// for the recipient hold it; it is not public.
struct ReleaseShare {
    unsigned point = 0;
    Digest request{};  // ReleaseRequest::digest
    std::vector<std::vector<std::uint64_t>> residues;
};

}  // namespace cipherfit
