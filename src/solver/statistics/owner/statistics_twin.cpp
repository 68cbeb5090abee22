#include "solver/statistics/owner/statistics_twin.h"

#include "cipherfit/train/operation_noise.h"
#include "cipherfit/train/recurrence.h"
#include "solver/owner/sigmoid_noise.h"
#include "solver/statistics/statistics_solver.h"
#include "train/owner/twin_noise.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace cipherfit {

Statistics statistics_of(const PreparedData& data) {
    const RowMatrix labels = data.y.array() - 0.5;
    return {data.xs.transpose() * data.xs, data.xs.transpose() * labels};
}

StateRun run_statistics_twin(const PreparedData& data, const Recipe& recipe,
                             const NoiseModel* noise, const StateVisitor& visit) {
    const NoiseModel model = noise == nullptr ? NoiseModel{} : *noise;
    require_runnable(data, recipe, model);
    require(recipe.sigmoid.degree() == 1 && data.zero_start() &&
                batch_count(recipe, static_cast<std::size_t>(data.samples())) == 1,
            ErrorCode::invalid_argument,
            "statistics are for a sigmoid of degree 1, a start from zero and all samples at once");
    const auto disturb = [&model](RowMatrix& target, double std, Quantity quantity, int iteration) {
        add_noise(target, std, model.seed, quantity, iteration);
    };
    auto [gram, moments] = statistics_of(data);
    disturb(gram, model.features_std, Quantity::features, 0);
    disturb(moments, model.labels_std, Quantity::labels, 0);

    StateRun result;
    RowMatrix& main = result.main;
    RowMatrix& extrapolated = result.extrapolated;
    main = RowMatrix::Zero(data.heads(), data.columns());
    extrapolated = main;
    const double slope = StatisticsSolver::slope(recipe);
    const Recurrence recurrence(recipe);
    for (int t = 0; t < recipe.iterations; ++t) {
        RowMatrix gradient = moments.transpose();
        if (t > 0) {
            const bool at_main = recipe.gradient_at == ModelSequence::main;
            gradient -= slope * (at_main ? main : extrapolated) * gram.transpose();
            disturb(gradient, model.gradient_std, Quantity::gradient, t);
        }
        advance(result, recurrence, t, gradient, model);
        if (visit) {
            visit(t, main, extrapolated);
        }
    }
    return result;
}

NoiseModel statistics_noise(const TrainingPlan& plan) {
    const Parameters& parameters = plan.parameters();
    const StatisticsSolver& solver = statistics_solver(plan);
    const auto giants = static_cast<double>(solver.layout().giants());
    const double state_scale = solver.least_state_scale(plan);
    const double product_scale = state_scale * solver.gram_scale(plan) / prime_size(plan);
    // The largest eigenvalue of G, hence the largest norm of a row.
    constexpr double largest_row = 4;
    NoiseModel noise;
    noise.features_std = fresh_error(parameters, solver.gram_scale(plan));
    noise.labels_std = fresh_error(parameters, solver.moments_scale(plan));
    noise.gradient_std =
        StatisticsSolver::slope(plan.recipe()) *
        std::hypot(std::sqrt(2 * giants - 1) * switching_error(parameters, product_scale),
                   largest_row * switching_error(parameters, state_scale));
    noise.state_std = rounding_error(parameters, state_scale) / least_scale_share(plan);
    return noise;
}

}  // namespace cipherfit
