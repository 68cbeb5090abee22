#include "cipherfit/train/twin.h"
#include "train/twin_noise.h"

#include <algorithm>
#include <utility>

namespace cipherfit {

RowMatrix gram_matrix(const PreparedData& data) {
    return data.xs * data.xs.transpose();
}

RowMatrix model_of(const RowMatrix& coefficients, const PreparedData& data) {
    return coefficients.transpose() * data.xs;
}

DualTwinResult run_dual_twin(const PreparedData& data, const Recipe& recipe,
                             const NoiseModel* noise, const DualTwinCallback& callback) {
    const NoiseModel model = noise == nullptr ? NoiseModel{} : *noise;
    require_runnable(data, recipe, model);
    require(model.gradient_std == 0.0, ErrorCode::invalid_argument,
            "the dual has no gradient to disturb, got a deviation of {}", model.gradient_std);
    require(batch_count(recipe, static_cast<std::size_t>(data.samples())) == 1,
            ErrorCode::invalid_argument, "the dual solver takes all samples in every iteration");
    const auto disturb = [&model](RowMatrix& target, double std, Quantity quantity, int iteration) {
        add_noise(target, std, model.seed, quantity, iteration);
    };

    RowMatrix kernel = gram_matrix(data);
    RowMatrix y = data.y;
    disturb(kernel, model.features_std, Quantity::features, 0);
    disturb(y, model.labels_std, Quantity::labels, 0);

    DualTwinResult result;
    RowMatrix& main = result.main;
    RowMatrix& extrapolated = result.extrapolated;
    main = RowMatrix::Zero(data.samples(), data.classes());
    extrapolated = main;
    // In a run with bootstrappings the logits K A are what goes on, and the states' errors are
    // theirs: kept apart here, where they go through the same recurrence.
    const bool carries_logits = !model.refreshes.empty();
    RowMatrix main_error = main;
    RowMatrix extrapolated_error = main;
    const bool at_main = recipe.gradient_at == ModelSequence::main;
    for (int t = 0; t < recipe.iterations; ++t) {
        const auto index = static_cast<std::size_t>(t);
        RowMatrix z = data.z0;
        if (model.refreshes_before(t)) {
            // What the factor adds to the carried logits is an error of theirs.
            const double gain = refresh_factor(model, t) - 1.0;
            main_error += gain * (kernel * main + main_error);
            extrapolated_error += gain * (kernel * extrapolated + extrapolated_error);
            disturb(main_error, model.refresh_std, Quantity::refreshed_main, t);
            disturb(extrapolated_error, model.refresh_std, Quantity::refreshed_extrapolated, t);
        }
        if (t > 0) {
            z += kernel * (at_main ? main : extrapolated) +
                 (at_main ? main_error : extrapolated_error);
        }
        disturb(z, model.logits_std, Quantity::logits, t);
        result.max_abs_z.push_back(largest_magnitude(z));

        RowMatrix error = y - z.unaryExpr(recipe.sigmoid);
        disturb(error, model.error_std, Quantity::error, t);

        RowMatrix next = (1.0 - recipe.decay) * extrapolated + recipe.steps[index] * error;
        RowMatrix next_error = (1.0 - recipe.decay) * extrapolated_error;
        disturb(carries_logits ? next_error : next, model.state_std, Quantity::main, t);
        const double eta = recipe.etas[index];
        extrapolated = (1.0 - eta) * next + eta * main;
        extrapolated_error = (1.0 - eta) * next_error + eta * main_error;
        disturb(carries_logits ? extrapolated_error : extrapolated, model.state_std,
                Quantity::extrapolated, t);
        main = std::move(next);
        main_error = std::move(next_error);

        result.max_abs_state = std::max(
            {result.max_abs_state, largest_magnitude(main), largest_magnitude(extrapolated)});
        result.max_abs_held = std::max(result.max_abs_held, largest_held(main, extrapolated, eta));
        if (callback) {
            callback(t, main, extrapolated);
        }
    }
    return result;
}

double largest_carried_logit(const PreparedData& data, const Recipe& recipe) {
    const RowMatrix kernel = gram_matrix(data);
    double largest = 0.0;
    run_dual_twin(data, recipe, nullptr,
                  [&](int /*iteration*/, const RowMatrix& main, const RowMatrix& extrapolated) {
                      largest = std::max({largest, largest_magnitude(kernel * main),
                                          largest_magnitude(kernel * extrapolated)});
                  });
    return largest;
}

}  // namespace cipherfit
