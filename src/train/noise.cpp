#include "cipherfit/train/noise.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace cipherfit {
namespace {

constexpr double error_sigma = 3.2;

double slot_scale(const Parameters& parameters) {
    return std::sqrt(static_cast<double>(parameters.n()) / 2);
}

}  // namespace

double fresh_error(const Parameters& parameters, double scale) {
    return slot_scale(parameters) * std::sqrt(error_sigma * error_sigma + 1.0 / 12) / scale;
}

double rounding_error(const Parameters& parameters, double scale) {
    const double secret_weight = 2.0 * static_cast<double>(parameters.n()) / 3;
    return slot_scale(parameters) * std::sqrt((1 + secret_weight) / 12) / scale;
}

double switching_error(const Parameters& parameters, double scale) {
    double log_p = 0;
    for (std::size_t i = 0; i < parameters.special_primes(); ++i) {
        log_p += std::log2(static_cast<double>(parameters.p(i)));
    }
    double ratios = 0;
    const std::size_t size = parameters.digit_size();
    for (std::size_t first = 0; first <= parameters.max_level(); first += size) {
        double log_digit = 0;
        for (std::size_t i = first; i < std::min(first + size, parameters.max_level() + 1); ++i) {
            log_digit += std::log2(static_cast<double>(parameters.q(i)));
        }
        ratios += std::exp2(2 * (log_digit - log_p));
    }
    return rounding_error(parameters, scale) *
           std::sqrt(1 + 1.5 * error_sigma * error_sigma * ratios);
}

NoiseModel modelled_noise(const TrainingPlan& plan) {
    const Parameters& parameters = plan.parameters();
    const Recipe& recipe = plan.recipe();
    const SigmoidPolynomial& sigmoid = recipe.sigmoid;
    const double lanes = static_cast<double>(plan.layout().lane() / plan.layout().padded_classes());
    // Any prime of the chain but the first is close enough to 2^scale_bits.
    const double prime = std::ldexp(1.0, static_cast<int>(plan.scale_bits()));
    const double logit_scale = plan.state_scale() * plan.feature_scale() / prime;
    // The smallest factor gives the errors their smallest scale.
    double factor = plan.gradient_factor(0);
    for (int t = 1; t < recipe.iterations; ++t) {
        factor = std::min(factor, plan.gradient_factor(t));
    }
    const double error_scale = plan.state_scale() * prime * factor / plan.feature_scale();

    NoiseModel noise;
    // Baby shift h carries h switches; on average half of the largest.
    const auto babies =
        static_cast<double>(std::max(plan.shifts().forward_baby, plan.shifts().backward_baby) - 1);
    noise.features_std =
        std::hypot(fresh_error(parameters, plan.feature_scale()),
                   std::sqrt(babies / 2) * switching_error(parameters, plan.feature_scale()));
    noise.labels_std =
        std::hypot(std::sqrt(lanes) * fresh_error(parameters, plan.label_scale()),
                   std::sqrt(lanes - 1) * switching_error(parameters, plan.label_scale()));
    noise.logits_std = std::hypot(std::sqrt(lanes) * rounding_error(parameters, logit_scale),
                                  std::sqrt(lanes - 1) * switching_error(parameters, logit_scale));

    double own = rounding_error(parameters, error_scale);
    if (sigmoid.degree() > 1) {
        // The masked copy of z has the scale that makes up for the leading coefficient; its
        // rounding reaches the errors through the polynomial's steepness. The square of z has its
        // own, through the higher terms.
        double higher = 0;
        for (std::size_t k = 1; k < sigmoid.odd.size(); ++k) {
            higher += std::abs(sigmoid.odd[k]) *
                      std::pow(sigmoid.range, 2.0 * static_cast<double>(k) - 1);
        }
        const double square_scale = logit_scale * logit_scale / prime;
        const double masked_scale =
            error_scale * prime * std::abs(sigmoid.odd.back()) / square_scale;
        own = std::hypot(switching_error(parameters, error_scale),
                         std::abs(sigmoid.odd.front()) * rounding_error(parameters, masked_scale),
                         higher * switching_error(parameters, square_scale));
    }
    noise.error_std = std::hypot(std::sqrt(lanes) * own,
                                 std::sqrt(lanes - 1) * switching_error(parameters, error_scale));
    noise.gradient_std = 0;
    // The other sequence's scale is down to half of the plan's.
    noise.state_std = 2 * rounding_error(parameters, plan.state_scale());
    return noise;
}

double state_error_bound(const TrainingPlan& plan, const PreparedData& data, int runs,
                         double margin) {
    const TwinResult clean = run_twin(data, plan.recipe());
    NoiseModel noise = modelled_noise(plan);
    double largest = 0;
    for (int run = 0; run < runs; ++run, ++noise.seed) {
        const TwinResult noisy = run_twin(data, plan.recipe(), &noise);
        const double deviation = (noisy.model() - clean.model()).cwiseAbs().maxCoeff();
        // A run that diverges must not pass for one without deviation.
        largest = std::isfinite(deviation) ? std::max(largest, deviation)
                                           : std::numeric_limits<double>::infinity();
    }
    return margin * largest;
}

double weight_error_bound(const TrainingPlan& plan, const PreparedData& data,
                          const Preprocessing& preprocessing, int runs, double margin) {
    return margin * max_deviation(data, preprocessing, plan.recipe(), modelled_noise(plan), runs);
}

}  // namespace cipherfit
