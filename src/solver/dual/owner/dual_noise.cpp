#include "solver/dual/owner/dual_noise.h"

#include "cipherfit/train/operation_noise.h"
#include "solver/dual/dual_solver.h"
#include "solver/owner/sigmoid_noise.h"

#include <algorithm>
#include <cmath>

namespace cipherfit {
namespace {

// The error of an entry of K.
double gram_error(const TrainingPlan& plan) {
    const DualSolver& solver = dual_solver(plan);
    const Parameters& parameters = plan.parameters();
    const double scale = solver.feature_scale(plan);
    if (solver.source() == GramSource::owner) {
        return fresh_error(parameters, scale);
    }
    // x_i . x_j with an error in both, |x_i|^2 = K_ii <= 4; the fold of c' rounded products; and
    // the replication, which sums c' slots, each with the mask's rounding and a rotation's error,
    // on top of its own rotations.
    const auto classes = static_cast<double>(solver.layout().padded_classes());
    const double product = scale * scale / prime_size(plan);
    return std::hypot(
        std::sqrt(8.0) *
            std::hypot(fresh_error(parameters, scale), switching_error(parameters, scale)),
        std::sqrt(2 * classes - 1) * switching_error(parameters, product),
        std::sqrt(3 * classes - 1) * switching_error(parameters, solver.product_scale(plan)));
}

}  // namespace

NoiseModel dual_noise(const TrainingPlan& plan) {
    const DualSolver& solver = dual_solver(plan);
    const Parameters& parameters = plan.parameters();
    const auto lanes = static_cast<double>(solver.layout().lanes());
    const auto giants = static_cast<double>(solver.layout().giants());
    const bool carries_logits = plan.refresh_count() > 0;
    // The scales of the logits as they are made, and as they enter the sigmoid.
    const double product_scale =
        carries_logits ? plan.state_scale()
                       : plan.state_scale() * solver.product_scale(plan) / prime_size(plan);
    ScaleRange logit_scales{product_scale, product_scale};
    if (carries_logits) {
        // Those of the first iteration come from the owner.
        logit_scales.least = std::min(least_state_scale(plan), solver.logit_scale(plan));
    }
    const double error_scale =
        plan.state_scale() * least_factor(plan) *
        (carries_logits ? prime_size(plan) / solver.product_scale(plan) : 1.0);
    // The largest eigenvalue of K, hence the largest norm of a row (preprocess.h).
    constexpr double largest_row = 4;

    NoiseModel noise;
    noise.features_std = gram_error(plan);
    // The replication of E adds up the errors of one copy for each lane.
    noise.labels_std = std::sqrt(lanes) * fresh_error(parameters, solver.label_scale(plan));
    const double product_error =
        std::hypot(std::sqrt(lanes * (2 * giants - 1)) * switching_error(parameters, product_scale),
                   std::sqrt(lanes - 1) * switching_error(parameters, product_scale),
                   largest_row * switching_error(parameters, carries_logits ? error_scale
                                                                            : plan.state_scale()));
    set_error_noise(noise, plan, logit_scales, error_scale, lanes);
    const double state_error =
        rounding_error(parameters, plan.state_scale()) / least_scale_share(plan);
    // The product's errors are those of the logits, or of the states where these are logits.
    noise.logits_std = carries_logits ? 0.0 : product_error;
    if (plan.initial_logits()) {
        // Z_0 joins the product before its fold; or logits that are carried, after a rescaling.
        noise.initial_std = fresh_error(parameters, solver.logit_scale(plan));
        if (carries_logits) {
            noise.logits_std = rounding_error(parameters, least_state_scale(plan));
        } else {
            noise.initial_std *= std::sqrt(lanes);
        }
    }
    noise.state_std = carries_logits ? std::hypot(2 * product_error, state_error) : state_error;
    // The mask brings messages to the largest scale that there is.
    add_refreshes(noise, plan, 1.0);
    return noise;
}

}  // namespace cipherfit
