#include "solver/primal/owner/primal_noise.h"

#include "cipherfit/train/operation_noise.h"
#include "solver/owner/sigmoid_noise.h"
#include "solver/primal/primal_solver.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <vector>

namespace cipherfit {
namespace {

// What a whole factor brings to a bootstrapping's scale may be a fraction too small. U is read at
// the scale of M: its errors are 1 - eta times as large.
double refresh_room(const TrainingPlan& plan) {
    const std::optional<RefreshPlan>& refresh = plan.refresh();
    if (!refresh) {
        return 1.0;
    }
    const double whole =
        std::floor(refresh->bootstrap.largest_message() / (plan.state_scale() * refresh->range()));
    const std::vector<double>& etas = plan.recipe().etas;
    const double least = etas.empty() ? 0.0 : *std::min_element(etas.begin(), etas.end());
    return (1.0 + 1.0 / std::max(whole, 1.0)) * std::max(1.0, 1.0 - least);
}

// Key switches that a rotated operand of a product has gone through, in the mean over the shifts:
// an outer rotation and an inner one, either of which can be the one by nothing.
double operand_switches(const PrimalSolver& solver) {
    const auto inner = static_cast<double>(solver.shifts().inner);
    return 2 - inner / static_cast<double>(solver.layout().padded_classes()) - 1 / inner;
}

}  // namespace

NoiseModel primal_noise(const TrainingPlan& plan) {
    const Parameters& parameters = plan.parameters();
    const PrimalSolver& solver = primal_solver(plan);
    const std::size_t lane_count = solver.layout().lane() / solver.layout().padded_classes();
    const auto lanes = static_cast<double>(lane_count);
    const double prime = prime_size(plan);
    const double logit_scale = least_state_scale(plan) * solver.feature_scale(plan) / prime;
    const ScaleRange logit_scales{logit_scale,
                                  plan.state_scale() * solver.feature_scale(plan) / prime};
    const double error_scale =
        plan.state_scale() * prime * least_factor(plan) / solver.feature_scale(plan);

    NoiseModel noise;
    // Baby shift h carries h switches; on average half of the largest.
    const auto babies = static_cast<double>(
        std::max(solver.shifts().forward_baby, solver.shifts().backward_baby) - 1);
    noise.features_std =
        std::hypot(fresh_error(parameters, solver.feature_scale(plan)),
                   std::sqrt(babies / 2) * switching_error(parameters, solver.feature_scale(plan)));
    noise.labels_std =
        std::hypot(std::sqrt(lanes) * fresh_error(parameters, solver.label_scale(plan)),
                   std::sqrt(lanes - 1) * switching_error(parameters, solver.label_scale(plan)));
    noise.logits_std = std::hypot(std::sqrt(lanes) * rounding_error(parameters, logit_scale),
                                  std::sqrt(lanes - 1) * switching_error(parameters, logit_scale));
    const double rotated = std::sqrt(operand_switches(solver));
    noise.operand_std = rotated * switching_error(parameters, least_state_scale(plan));
    if (plan.initial_logits()) {
        noise.initial_std = std::sqrt(lanes) * fresh_error(parameters, solver.logit_scale(plan));
    }
    set_error_noise(noise, plan, logit_scales, error_scale, lanes);
    noise.error_std =
        std::hypot(noise.error_std, rotated * switching_error(parameters, error_scale));
    noise.gradient_std = 0;
    noise.state_std = rounding_error(parameters, plan.state_scale()) / least_scale_share(plan);
    add_refreshes(noise, plan, refresh_room(plan));
    return noise;
}

}  // namespace cipherfit
