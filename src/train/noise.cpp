#include "cipherfit/train/noise.h"

#include <algorithm>
#include <bit>
#include <cmath>

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

NoiseModel modelled_noise(const TrainingPlan& plan) {
    const Parameters& parameters = plan.parameters();
    const SigmoidPolynomial& sigmoid = plan.recipe().sigmoid;
    const double lanes =
        static_cast<double>(plan.layout().lane() / plan.layout().padded_classes());
    // Where no operation intervenes, a prime is close enough to 2^scale_bits.
    const double prime = std::ldexp(1.0, static_cast<int>(plan.scale_bits()));
    const double logit_scale = plan.state_scale() * plan.feature_scale() / prime;
    const double error_scale =
        plan.state_scale() * prime * plan.gradient_factor(0) / plan.feature_scale();

    NoiseModel noise;
    // Baby shift h carries h roundings; on average half of the largest.
    const auto babies = static_cast<double>(
        std::max(plan.shifts().forward_baby, plan.shifts().backward_baby) - 1);
    noise.features_std =
        std::hypot(fresh_error(parameters, plan.feature_scale()),
                   std::sqrt(babies / 2) * rounding_error(parameters, plan.feature_scale()));
    noise.labels_std = fresh_error(parameters, plan.label_scale());
    const double logit_rounding = rounding_error(parameters, logit_scale);
    noise.logits_std = logit_rounding * std::sqrt(2 * lanes - 1);

    // The masked copy of z has the scale that makes up for the leading coefficient; its rounding
    // reaches the errors through the slope of the polynomial. The square of z has its own, through
    // the rest of the slope.
    const double square_scale = logit_scale * logit_scale / prime;
    const double largest_slope = std::abs(sigmoid.odd.front());
    double higher = 0;
    for (std::size_t k = 1; k < sigmoid.odd.size(); ++k) {
        higher += std::abs(sigmoid.odd[k]) *
                  std::pow(sigmoid.range, 2.0 * static_cast<double>(k) - 1);
    }
    const double masked_scale =
        error_scale * prime * std::abs(sigmoid.odd.back()) /
        (sigmoid.degree() == 1 ? prime : square_scale);
    const double folds = static_cast<double>(
        std::bit_width(static_cast<std::size_t>(lanes)) - 1);
    const double own = rounding_error(parameters, error_scale);
    const double masked =
        sigmoid.degree() == 1 ? 0.0 : largest_slope * rounding_error(parameters, masked_scale);
    const double squared =
        sigmoid.degree() == 1 ? 0.0 : higher * rounding_error(parameters, square_scale);
    noise.error_std = std::sqrt((folds + 1) * own * own + masked * masked + squared * squared);
    noise.gradient_std = 0;
    noise.state_std = rounding_error(parameters, plan.state_scale());
    return noise;
}

double weight_error_bound(const TrainingPlan& plan, const PreparedData& data,
                          const Preprocessing& preprocessing, int runs, double margin) {
    return margin *
           max_deviation(data, preprocessing, plan.recipe(), modelled_noise(plan), runs);
}

}  // namespace cipherfit
