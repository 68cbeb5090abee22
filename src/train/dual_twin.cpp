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
    for (int t = 0; t < recipe.iterations; ++t) {
        const auto index = static_cast<std::size_t>(t);
        RowMatrix z = data.z0;
        if (t > 0) {
            const bool at_main = recipe.gradient_at == ModelSequence::main;
            z += kernel * (at_main ? main : extrapolated);
        }
        disturb(z, model.logits_std, Quantity::logits, t);
        result.max_abs_z.push_back(largest_magnitude(z));

        RowMatrix error = y - z.unaryExpr(recipe.sigmoid);
        disturb(error, model.error_std, Quantity::error, t);

        RowMatrix next = extrapolated + recipe.steps[index] * error;
        disturb(next, model.state_std, Quantity::main, t);
        extrapolated = (1.0 - recipe.etas[index]) * next + recipe.etas[index] * main;
        disturb(extrapolated, model.state_std, Quantity::extrapolated, t);
        main = std::move(next);

        result.max_abs_state = std::max(
            {result.max_abs_state, largest_magnitude(main), largest_magnitude(extrapolated)});
        if (callback) {
            callback(t, main, extrapolated);
        }
    }
    return result;
}

}  // namespace cipherfit
