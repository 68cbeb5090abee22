#include "cipherfit/train/twin.h"

#include "cipherfit/base/parallel.h"
#include "cipherfit/train/head.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <random>

namespace cipherfit {
namespace {

// Which quantity a stream of noise is for.
enum class Quantity : std::uint32_t {
    features,
    labels,
    logits,
    error,
    gradient,
    main,
    extrapolated
};

// Adds N(0, std^2) to every entry, from a stream of its own for (seed, quantity, iteration).
// Box-Muller over the engine's raw words: the standard's distributions differ between libraries.
void add_noise(RowMatrix& target, double std, std::uint64_t seed, Quantity quantity,
               int iteration) {
    if (std == 0.0) {
        return;
    }
    std::seed_seq words{static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32U),
                        static_cast<std::uint32_t>(quantity),
                        static_cast<std::uint32_t>(iteration)};
    std::mt19937_64 engine(words);
    // (k + 1/2) / 2^53 lies strictly between 0 and 1.
    const auto uniform = [&engine] {
        return (static_cast<double>(engine() >> 11U) + 0.5) * 0x1p-53;
    };
    double* const values = target.data();
    for (Eigen::Index i = 0; i < target.size(); i += 2) {
        const double radius = std * std::sqrt(-2.0 * std::log(uniform()));
        const double angle = 2.0 * std::numbers::pi * uniform();
        values[i] += radius * std::cos(angle);
        if (i + 1 < target.size()) {
            values[i + 1] += radius * std::sin(angle);
        }
    }
}

void require_runnable(const PreparedData& data, const Recipe& recipe, const NoiseModel& noise) {
    if (const auto usable = check(recipe); !usable) {
        throw Error(usable.error());
    }
    require(data.samples() >= 1 && data.columns() >= 1 && data.classes() >= 1 &&
                data.y.rows() == data.samples() && data.z0.rows() == data.samples() &&
                data.z0.cols() == data.classes(),
            ErrorCode::invalid_argument,
            "features {} x {}, labels {} x {} and initial logits {} x {} do not belong together",
            data.xs.rows(), data.xs.cols(), data.y.rows(), data.y.cols(), data.z0.rows(),
            data.z0.cols());
    for (const double std : {noise.features_std, noise.labels_std, noise.logits_std,
                             noise.error_std, noise.gradient_std, noise.state_std}) {
        require(std >= 0.0 && std::isfinite(std), ErrorCode::invalid_argument,
                "a noise deviation of {}; it must be finite and at least 0", std);
    }
}

// The largest magnitude, NaN where there is one.
double largest_magnitude(const RowMatrix& values) {
    return values.size() == 0 ? 0.0 : values.cwiseAbs().maxCoeff<Eigen::PropagateNaN>();
}

}  // namespace

double TwinResult::largest_abs_z() const {
    double largest = 0.0;
    for (const double z : max_abs_z) {
        largest = std::isnan(z) || z > largest ? z : largest;
    }
    return largest;
}

TwinResult run_twin(const PreparedData& data, const Recipe& recipe, const NoiseModel* noise,
                    const TwinCallback& callback) {
    const NoiseModel model = noise == nullptr ? NoiseModel{} : *noise;
    require_runnable(data, recipe, model);
    const auto disturb = [&model](RowMatrix& target, double std, Quantity quantity, int iteration) {
        add_noise(target, std, model.seed, quantity, iteration);
    };

    RowMatrix xs = data.xs;
    RowMatrix y = data.y;
    disturb(xs, model.features_std, Quantity::features, 0);
    disturb(y, model.labels_std, Quantity::labels, 0);

    TwinResult result;
    RowMatrix& main = result.main;
    RowMatrix& extrapolated = result.extrapolated;
    main = RowMatrix::Zero(data.classes(), data.columns());
    extrapolated = main;
    for (int t = 0; t < recipe.iterations; ++t) {
        const auto index = static_cast<std::size_t>(t);
        RowMatrix z = data.z0;
        if (t > 0) {
            const bool at_main = recipe.gradient_at == ModelSequence::main;
            z += xs * (at_main ? main : extrapolated).transpose();
        }
        disturb(z, model.logits_std, Quantity::logits, t);
        result.max_abs_z.push_back(largest_magnitude(z));

        RowMatrix error = y - z.unaryExpr(recipe.sigmoid);
        disturb(error, model.error_std, Quantity::error, t);
        RowMatrix gradient = error.transpose() * xs;
        disturb(gradient, model.gradient_std, Quantity::gradient, t);

        RowMatrix next = extrapolated + recipe.steps[index] * gradient;
        disturb(next, model.state_std, Quantity::main, t);
        extrapolated = (1.0 - recipe.etas[index]) * next + recipe.etas[index] * main;
        disturb(extrapolated, model.state_std, Quantity::extrapolated, t);
        main = std::move(next);

        result.max_abs_state = std::max(
            {result.max_abs_state, largest_magnitude(main), largest_magnitude(extrapolated)});
        result.models.push_back(recipe.model == ModelSequence::main ? main : extrapolated);
        if (callback) {
            callback({t, main, extrapolated, result.models.back(), result.max_abs_z.back()});
        }
    }
    return result;
}

double max_deviation(const PreparedData& data, const Preprocessing& preprocessing,
                     const Recipe& recipe, const NoiseModel& noise, int runs) {
    require(runs >= 1, ErrorCode::invalid_argument, "{} noisy runs; at least 1 is needed", runs);
    const RowMatrix exact =
        finish_model(run_twin(data, recipe).model(), preprocessing, recipe).weights;
    std::vector<double> deviations(static_cast<std::size_t>(runs),
                                   std::numeric_limits<double>::infinity());
    parallel_for(0, deviations.size(), [&](std::size_t run) {
        NoiseModel model = noise;
        model.seed += run;
        const TwinResult noisy = run_twin(data, recipe, &model);
        if (noisy.model().allFinite()) {
            deviations[run] = largest_magnitude(
                finish_model(noisy.model(), preprocessing, recipe).weights - exact);
        }
    });
    return *std::max_element(deviations.begin(), deviations.end());
}

}  // namespace cipherfit
