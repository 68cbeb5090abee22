// Discrete Gaussians of large deviation, without floating point in what is drawn.
//
// A rounded product of a double and a large sigma has zeros in its low bits, which would show the
// low bits of what it should hide. Instead, small samples are joined (Micciancio and Walter, CRYPTO
// 2017, ePrint 2017/259): x + k y of independent x, y with deviation s is close to a discrete
// Gaussian with deviation s sqrt(1 + k^2), as long as sqrt(2 pi) s >= sqrt(2) k eta, where eta is
// the smoothing parameter of the integers (3.79 for a distance of 2^-64). Starting from the
// sampler of errors (3.2), the deviations that can be reached grow as 4.5, 10, 42, 793, 2.9e5, ...
#pragma once

#include "math/wide.h"
#include "rlwe/owner/sampling.h"

#include <span>
#include <vector>

namespace cipherfit {

__extension__ typedef __int128 SignedWide;

// A plan to draw with a deviation of at least the one asked for. The same plan for every holder:
// it depends on sigma alone.
class FloodingSampler {
  public:
    // 3.2 <= sigma <= 2^100; throws Error(invalid_argument).
    explicit FloodingSampler(double sigma);
    // The deviation that it draws with: at least sigma, and at most twice that.
    double sigma() const noexcept { return reached_; }
    std::span<const std::uint64_t> factors() const noexcept { return factors_; }
    // Fills `out`, whose number of elements is arbitrary. Constant-time but for the count.
    void sample(SecretSampler& sampler, std::span<SignedWide> out) const;

  private:
    void sample(SecretSampler& sampler, std::size_t stages, std::span<SignedWide> out) const;
    std::vector<std::uint64_t> factors_;
    double reached_ = error_sigma;
};

}  // namespace cipherfit
