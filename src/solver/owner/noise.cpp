#include "cipherfit/solver/owner/noise.h"

#include "cipherfit/base/parallel.h"
#include "cipherfit/train/owner/head.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <utility>
#include <vector>

namespace cipherfit {
namespace {

using Seen = std::function<RowMatrix(const RowMatrix&)>;

// As many models as are held at once while runs are compared.
constexpr double most_model_bytes = 1 << 30;

using Deviations = std::vector<std::vector<double>>;  // [view][iteration]

// The largest deviation of `seen(model)` in noisy runs from that of the exact one, for every view
// and every iteration.
Deviations deviations_of(const PlainRun& plain, const NoiseModel& noise, int runs,
                         const std::vector<Seen>& views) {
    const PreparedData& data = plain.data();
    const Recipe& recipe = plain.recipe();
    const OwnerSolver& solver = plain.solver();
    const bool is_main = recipe.model == ModelSequence::main;
    require(runs >= 1, ErrorCode::invalid_argument, "{} noisy runs; at least 1 is needed", runs);
    const auto count = static_cast<std::size_t>(runs);
    const auto iterations = static_cast<std::size_t>(recipe.iterations);
    // A run that diverges must not pass for one without deviation.
    std::vector<std::vector<std::vector<double>>> deviations(
        count,
        {views.size(), std::vector<double>(iterations, std::numeric_limits<double>::infinity())});
    // Models that do not fit into memory together are made again, a part of the run each time.
    const double model_bytes =
        8.0 * static_cast<double>(data.heads()) * static_cast<double>(data.xs.cols());
    const int part =
        static_cast<int>(std::clamp(most_model_bytes / model_bytes, 1.0, double{max_iterations}));
    for (int begin = 1; begin <= recipe.iterations; begin += part) {
        const auto wanted = [&](int t) { return t >= begin && t - begin < part; };
        std::vector<RowMatrix> exact;
        plain.visit([&](int t, const RowMatrix& main, const RowMatrix& extrapolated) {
            if (wanted(t + 1)) {
                const RowMatrix& taken = is_main ? main : extrapolated;
                exact.push_back(solver.model(taken, data));
            }
        });
        parallel_for(0, count, [&](std::size_t run) {
            NoiseModel model = noise;
            model.seed += run;
            const auto compare = [&](int t, const RowMatrix& noisy) {
                const RowMatrix& twin = exact[static_cast<std::size_t>(t - begin)];
                for (std::size_t view = 0; view < views.size() && noisy.allFinite(); ++view) {
                    deviations[run][view][static_cast<std::size_t>(t - 1)] =
                        (views[view](noisy) - views[view](twin)).cwiseAbs().maxCoeff();
                }
            };
            visit_twin_models(solver.form(), data, recipe, wanted, compare, &model);
        });
    }
    for (std::size_t run = 1; run < count; ++run) {
        for (std::size_t view = 0; view < views.size(); ++view) {
            std::transform(deviations[run][view].begin(), deviations[run][view].end(),
                           deviations[0][view].begin(), deviations[0][view].begin(),
                           [](double a, double b) { return std::max(a, b); });
        }
    }
    return std::move(deviations[0]);
}

Seen as_weights(const Preprocessing& preprocessing, const Recipe& recipe) {
    return
        [&](const RowMatrix& model) { return finish_model(model, preprocessing, recipe).weights; };
}

RowMatrix as_states(const RowMatrix& model) {
    return model;
}

}  // namespace

NoiseModel modelled_noise(const TrainingPlan& plan) {
    return owner_solver(plan).noise(plan);
}

void visit_twin_models(std::string_view form, const PreparedData& data, const Recipe& recipe,
                       const std::function<bool(int iteration)>& wanted, const ModelVisitor& visit,
                       const NoiseModel* noise) {
    const OwnerSolver& solver = owner_solver(form);
    const bool is_main = recipe.model == ModelSequence::main;
    solver.run(data, recipe, noise,
               [&](int t, const RowMatrix& main, const RowMatrix& extrapolated) {
                   if (wanted(t + 1)) {
                       visit(t + 1, solver.model(is_main ? main : extrapolated, data));
                   }
               });
}

ErrorBounds largest_deviations(const PlainRun& exact, const NoiseModel& noise,
                               const Preprocessing& preprocessing, int runs) {
    Deviations found =
        deviations_of(exact, noise, runs, {as_states, as_weights(preprocessing, exact.recipe())});
    return {std::move(found[0]), std::move(found[1])};
}

ErrorBounds error_bounds(const TrainingPlan& plan, const PlainRun& exact,
                         const Preprocessing& preprocessing, int runs, double margin) {
    ErrorBounds bounds = largest_deviations(exact, modelled_noise(plan), preprocessing, runs);
    for (std::vector<double>* values : {&bounds.states, &bounds.weights}) {
        for (double& value : *values) {
            value *= margin;
        }
    }
    return bounds;
}

}  // namespace cipherfit
