#include "cipherfit/train/owner/twin.h"

#include "cipherfit/train/recurrence.h"
#include "train/owner/twin_noise.h"

#include <algorithm>
#include <cmath>

namespace cipherfit {

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
    RowMatrix z0 = data.z0;
    disturb(xs, model.features_std, Quantity::features, 0);
    disturb(y, model.labels_std, Quantity::labels, 0);
    disturb(z0, model.initial_std, Quantity::initial, 0);

    const Eigen::VectorXd norms = xs.rowwise().norm();

    TwinResult result;
    result.sequence = recipe.model;
    RowMatrix& main = result.main;
    RowMatrix& extrapolated = result.extrapolated;
    main = RowMatrix::Zero(data.heads(), data.columns());
    extrapolated = main;
    const auto samples = static_cast<std::size_t>(data.samples());
    const std::size_t batches = batch_count(recipe, samples);
    const Recurrence recurrence(recipe);
    for (int t = 0; t < recipe.iterations; ++t) {
        const auto index = static_cast<std::size_t>(t);
        const BatchRows rows = batch_rows(recipe, samples, index % batches);
        const auto first = static_cast<Eigen::Index>(rows.first);
        const auto count = static_cast<Eigen::Index>(rows.count);
        const auto batch = xs.middleRows(first, count);
        if (model.refreshes_before(t)) {
            const double factor = 1.0 - model.refresh_loss;
            main *= factor;
            extrapolated *= factor;
            disturb(main, model.refresh_std, Quantity::refreshed_main, t);
            disturb(extrapolated, model.refresh_std, Quantity::refreshed_extrapolated, t);
        }
        RowMatrix z = z0.middleRows(first, count);
        if (t > 0) {
            const bool at_main = recipe.gradient_at == ModelSequence::main;
            z += batch * (at_main ? main : extrapolated).transpose();
            if (model.operand_std > 0) {
                RowMatrix rotated = RowMatrix::Zero(z.rows(), z.cols());
                disturb(rotated, model.operand_std, Quantity::operand, t);
                z += norms.segment(first, count).asDiagonal() * rotated;
            }
        }
        disturb(z, model.logits_std, Quantity::logits, t);
        result.max_abs_z.push_back(largest_magnitude(z));

        RowMatrix error = y.middleRows(first, count) - z.unaryExpr(recipe.sigmoid);
        add_error_noise(error, z, recipe, model, t);
        RowMatrix gradient = error.transpose() * batch;
        disturb(gradient, model.gradient_std, Quantity::gradient, t);
        advance(result, recurrence, t, gradient, model);
        if (callback) {
            callback({t, main, extrapolated, result.model(), result.max_abs_z.back()});
        }
    }
    return result;
}

}  // namespace cipherfit
