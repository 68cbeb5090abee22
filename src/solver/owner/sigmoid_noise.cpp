#include "solver/owner/sigmoid_noise.h"

#include "cipherfit/train/operation_noise.h"
#include "cipherfit/train/recurrence.h"
#include "train/refresh.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <vector>

namespace cipherfit {
namespace {

// The errors of the sigmoid's evaluation (linalg/odd_polynomial.h), for logits and errors of those
// scales. Small logits make for a small square, large ones for a small masked copy.
SigmoidNoise sigmoid_noise(const TrainingPlan& plan, const ScaleRange& logits, double error_scale) {
    const Parameters& parameters = plan.parameters();
    const std::vector<double>& odd = plan.recipe().sigmoid.odd;
    const double prime = prime_size(plan);
    const double lead = std::abs(odd.back());
    const auto square_of = [&](double logit) { return logit * logit / prime; };
    SigmoidNoise noise;
    noise.square_std = switching_error(parameters, square_of(logits.least));
    const double least = square_of(logits.least);
    const double most = square_of(logits.most);
    switch (odd.size()) {
        case 1:
            return {};
        case 2:
            // m z times W = |c3| y + c1, at the scale of y over |c3|.
            noise.masked_std = rounding_error(parameters, error_scale * prime * lead / most);
            break;
        case 3:
            // W is itself relinearised, at the scale of y^2 over |c5| and a prime.
            noise.factor_std = switching_error(parameters, least * least / (lead * prime));
            noise.masked_std =
                rounding_error(parameters, error_scale * prime * prime * lead / (most * most));
            break;
        default: {
            // m z (c5 + c7 y) times y^2, plus m z (c1 + c3 y).
            const double fourth = most * most / prime;
            noise.fourth_std = switching_error(parameters, least * least / prime);
            noise.masked_std =
                rounding_error(parameters, error_scale * prime * prime * lead / (fourth * most));
            noise.high_std = switching_error(parameters, error_scale * prime / fourth);
            noise.low_std = switching_error(
                parameters, error_scale * prime * lead / (fourth * std::abs(odd[1])));
        }
    }
    return noise;
}

// What the last step of the evaluation adds, in every slot.
double last_error(const TrainingPlan& plan, double error_scale) {
    const Parameters& parameters = plan.parameters();
    return plan.recipe().sigmoid.degree() == 1 ? rounding_error(parameters, error_scale)
                                               : switching_error(parameters, error_scale);
}

}  // namespace

double prime_size(const TrainingPlan& plan) {
    return std::ldexp(1.0, static_cast<int>(plan.scale_bits()));
}

double least_factor(const TrainingPlan& plan) {
    double factor = gradient_factor(plan.recipe(), 0);
    for (int t = 1; t < plan.recipe().iterations; ++t) {
        factor = std::min(factor, gradient_factor(plan.recipe(), t));
    }
    return factor;
}

double least_scale_share(const TrainingPlan& plan) {
    double share = 0.5;
    if (plan.recipe().gradient_at == ModelSequence::extrapolated) {
        for (const double eta : plan.recipe().etas) {
            share = std::min(share, 1.0 - eta);
        }
    }
    return share;
}

void set_error_noise(NoiseModel& noise, const TrainingPlan& plan, const ScaleRange& logits,
                     double error_scale, double copies) {
    noise.error_std =
        std::hypot(std::sqrt(copies) * last_error(plan, error_scale),
                   std::sqrt(copies - 1) * switching_error(plan.parameters(), error_scale));
    noise.sigmoid = sigmoid_noise(plan, logits, error_scale);
    noise.sigmoid.others = copies - 1;
}

double least_state_scale(const TrainingPlan& plan) {
    const std::optional<RefreshPlan>& refresh = plan.refresh();
    if (!refresh || plan.refresh_count() == 0) {
        return plan.state_scale();
    }
    const std::size_t together = refresh->bootstrap.slots() / plan.solver().state_period();
    return std::min(plan.state_scale(), static_cast<double>(together) *
                                            refresh->bootstrap.output_scale() / refresh->range());
}

void add_refreshes(NoiseModel& noise, const TrainingPlan& plan, double room) {
    const std::optional<RefreshPlan>& refresh = plan.refresh();
    if (!refresh || plan.refresh_count() == 0) {
        return;
    }
    noise.refresh_loss = refresh_loss(refresh->bootstrap);
    // That is the loss of coefficients that are small beside the largest; larger ones lose less. In
    // a slot, which is a sum of 2p coefficients with factors of size 1, what is uneven of it comes
    // to a third (few coefficients, many of them large) to four fifths (thousands, few of them
    // large) of what a coefficient of the range's size would lose: the most is counted.
    constexpr double uneven = 0.8;
    noise.refresh_std =
        refresh->range() * room *
        std::hypot(refresh_rounding_error(refresh->bootstrap, plan.solver().state_period()),
                   refresh_transform_error(refresh->bootstrap), uneven * noise.refresh_loss);
    for (std::size_t t = 0; t < plan.levels().size(); ++t) {
        if (plan.levels()[t].refresh) {
            noise.refreshes.push_back(static_cast<int>(t));
        }
    }
}

}  // namespace cipherfit
