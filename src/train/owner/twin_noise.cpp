#include "train/owner/twin_noise.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <random>
#include <vector>

namespace cipherfit {

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

void add_error_noise(RowMatrix& error, const RowMatrix& z, const Recipe& recipe,
                     const NoiseModel& noise, int iteration) {
    const SigmoidNoise& made = noise.sigmoid;
    if (made.masked_std == 0.0) {
        add_noise(error, noise.error_std, noise.seed, Quantity::error, iteration);
        return;
    }
    std::vector<double> odd = recipe.sigmoid.odd;
    odd.resize(4);
    const auto squared = [](double x) { return x * x; };
    // The variance at one logit of what the mask lets through.
    const auto own = [&](double value) {
        const double y = value * value;
        const double w = odd[0] + y * (odd[1] + y * (odd[2] + y * odd[3]));
        const double slope = odd[1] + y * (2 * odd[2] + 3 * y * odd[3]);
        return squared(made.masked_std * w) + squared(made.square_std * value * slope) +
               squared(made.factor_std * value) +
               squared(made.fourth_std * value * (odd[2] + y * odd[3])) +
               squared(made.high_std * y * y) + squared(made.low_std);
    };
    // What a slot has that the mask clears; W falls with y as far as a sigmoid's fit is one.
    const double largest = largest_magnitude(z);
    const double cleared = squared(made.masked_std * odd[0]) +
                           squared(made.high_std * squared(squared(largest))) +
                           squared(made.low_std);
    RowMatrix drawn = RowMatrix::Zero(error.rows(), error.cols());
    add_noise(drawn, 1.0, noise.seed, Quantity::error, iteration);
    const double constant = squared(noise.error_std) + made.others * cleared;
    for (Eigen::Index i = 0; i < error.size(); ++i) {
        error.data()[i] += std::sqrt(constant + own(z.data()[i])) * drawn.data()[i];
    }
}

double drawn(double std, std::uint64_t seed, Quantity quantity, int iteration) {
    RowMatrix value = RowMatrix::Zero(1, 1);
    add_noise(value, std, seed, quantity, iteration);
    return value(0, 0);
}

void require_runnable(const PreparedData& data, const Recipe& recipe, const NoiseModel& noise) {
    if (const auto usable = check(recipe); !usable) {
        throw Error(usable.error());
    }
    require(data.samples() >= 1 && data.columns() >= 1 && data.heads() >= 1 &&
                data.y.rows() == data.samples() && data.z0.rows() == data.samples() &&
                data.z0.cols() == data.heads(),
            ErrorCode::invalid_argument,
            "features {} x {}, labels {} x {} and initial logits {} x {} do not belong together",
            data.xs.rows(), data.xs.cols(), data.y.rows(), data.y.cols(), data.z0.rows(),
            data.z0.cols());
    for (const double std :
         {noise.features_std, noise.labels_std, noise.initial_std, noise.logits_std,
          noise.operand_std, noise.error_std, noise.gradient_std, noise.state_std,
          noise.refresh_std, noise.refresh_loss, noise.weights_std, noise.sigmoid.masked_std,
          noise.sigmoid.square_std, noise.sigmoid.factor_std, noise.sigmoid.fourth_std,
          noise.sigmoid.high_std, noise.sigmoid.low_std, noise.sigmoid.others}) {
        require(std >= 0.0 && std::isfinite(std), ErrorCode::invalid_argument,
                "a noise deviation of {}; it must be finite and at least 0", std);
    }
    require(noise.segment_length >= 0, ErrorCode::invalid_argument,
            "segments of {} iterations; it must be 0 or more", noise.segment_length);
}

double largest_held(const RowMatrix& main, const RowMatrix& extrapolated, double eta) {
    // At eta = 1 there is no such factor, and no encrypted run either.
    const double factor = eta > 0 && eta < 1 ? 1 / (1 - eta) : 1.0;
    return std::max(largest_magnitude(main), factor * largest_magnitude(extrapolated));
}

double largest_magnitude(const RowMatrix& values) {
    return values.size() == 0 ? 0.0 : values.cwiseAbs().maxCoeff<Eigen::PropagateNaN>();
}

}  // namespace cipherfit
