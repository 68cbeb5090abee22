// B_e: a bound on the Euclidean norm of all errors that a release opens together, in units of
// coefficients. docs/design/multiparty.md derives it.
//
// Certain, for all rows in the charter's ranges: |V_t| and the responses of the recurrence, from
// its transfer function on [0, 1]; norms of what is multiplied by G; rounding of encodings. With a
// probability of at least 1 - 2^-64 over keys and encryptions, and under the usual model that
// roundings are uniform and independent of the secret: the norms of roundings, fresh errors and
// secrets, by the tail bound of quadratic forms of sub-Gaussian vectors (Hsu, Kakade and Zhang,
// Electronic Communications in Probability 2012).
#pragma once

#include "cipherfit/solver/joint/layout.h"
#include "cipherfit/solver/joint/recurrence.h"

#include <cstddef>
#include <vector>

namespace cipherfit {

// What the bound depends on: no key and no data.
struct JointErrorShape {
    JointLayout layout;
    std::vector<JointStep> steps;
    std::vector<double> q, p;  // primes
    std::size_t digit_size = 1;
    unsigned dealers = 1;              // t
    unsigned contributors = 1;         // at most
    double upload_scale = 1;           // of G as it is sent
    double gram_scale = 1;             // of its diagonals
    double moments_scale = 1;          // of b
    std::vector<double> state_scales;  // [t]: of V_{t+1}
};

// In coefficients at the scale of V_T. The total is their sum, and a factor for errors that meet.
struct JointErrorBound {
    double gram = 0;       // encryptions of G
    double unpacking = 0;  // key switches that take the ciphertexts apart
    double turns = 0;      // rotations of the states, and what products add
    double rounding = 0;   // rescalings
    double moments = 0;    // encryptions of b
    double encoding = 0;   // of G and b: certain
    double total = 0;
};
JointErrorBound joint_error_bound(const JointErrorShape& shape);

}  // namespace cipherfit
