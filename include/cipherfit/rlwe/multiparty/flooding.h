// How much noise a release needs.
//
// Whoever sees a CKKS decryption m + e and its ciphertext can solve for the secret key (Li and
// Micciancio, EUROCRYPT 2021, ePrint 2020/1533). Adding Gaussian noise of standard deviation
//     sigma = sqrt(12 tau) 2^(kappa/2) B
// hides e (Li, Micciancio, Schultz and Sorrell, CRYPTO 2022, ePrint 2022/816): tau is the number of
// releases under one key and B bounds the Euclidean norm of all errors released at once. Shifting
// the noise by e changes it by a Kullback-Leibler divergence of |e|^2 / (2 sigma^2), over all tau
// releases at most 2^-kappa / 24, and by a statistical distance of at most
// sqrt(2^-kappa / 48), which is 2^-17.8 at kappa = 30.
// B must hold in the worst case for all inputs that the charter admits: sizes taken from typical
// errors were broken (Guo, Nabokov, Suvanto and Johansson, USENIX Security 2024).
#pragma once

namespace cipherfit {

inline constexpr double smallest_kappa = 30;

struct FloodingRule {
    double kappa = smallest_kappa;  // bits; at least 30
    unsigned releases = 1;          // tau: at least 1, and see possible_releases()
    double error_norm = 0;          // B, in units of coefficients; positive
};

// How many releases t - 1 colluders and whoever carries the messages can complete although every
// honest holder answers one request: they can show each honest holder a request of its own, with
// themselves as the rest of its set. k - t + 1; with kappa fixed it costs log2 of its root in bits.
// Throws Error(invalid_argument) as require_threshold().
unsigned possible_releases(unsigned holders, unsigned threshold);

// sigma. Throws Error(invalid_argument) for values out of range.
double flooding_sigma(const FloodingRule& rule);

// The bound on the statistical distance above: sqrt(2^-kappa / 48).
double flooding_distance(double kappa);

}  // namespace cipherfit
