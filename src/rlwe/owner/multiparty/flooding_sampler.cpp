#include "rlwe/owner/multiparty/flooding_sampler.h"

#include "cipherfit/base/error.h"

#include <algorithm>
#include <cmath>

namespace cipherfit {
namespace {

// sqrt(2 pi) / (sqrt(2) eta), eta = sqrt(ln(2 + 2^65) / pi): factors up to this times s may join.
double largest_factor(double sigma) {
    constexpr double pi = 3.14159265358979323846;
    const double eta = std::sqrt((65 * std::log(2.0) + std::log1p(std::exp2(-64))) / pi);
    return std::floor(std::sqrt(pi) * sigma / eta);
}

}  // namespace

FloodingSampler::FloodingSampler(double sigma) {
    require(sigma >= error_sigma && sigma <= std::exp2(100), ErrorCode::invalid_argument,
            "flooding noise must have a deviation of {} to 2^100, got {}", error_sigma, sigma);
    while (reached_ < sigma) {
        const double needed = std::ceil(std::sqrt(std::pow(sigma / reached_, 2) - 1));
        const double factor = std::max(1.0, std::min(largest_factor(reached_), needed));
        factors_.push_back(static_cast<std::uint64_t>(factor));
        reached_ *= std::sqrt(1 + factor * factor);
    }
}

void FloodingSampler::sample(SecretSampler& sampler, std::span<SignedWide> out) const {
    sample(sampler, factors_.size(), out);
}

void FloodingSampler::sample(SecretSampler& sampler, std::size_t stages,
                             std::span<SignedWide> out) const {
    if (stages == 0) {
        SecretVector<std::int8_t> small(out.size());
        sampler.gaussian(small.span());
        std::copy(small.span().begin(), small.span().end(), out.begin());
        return;
    }
    sample(sampler, stages - 1, out);
    SecretVector<SignedWide> second(out.size());
    sample(sampler, stages - 1, second.span());
    const auto factor = static_cast<SignedWide>(factors_[stages - 1]);
    for (std::size_t i = 0; i < out.size(); ++i) {
        out[i] += factor * second[i];
    }
}

}  // namespace cipherfit
