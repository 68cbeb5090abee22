// The noise model against runs under encryption: the bound that decrypted models are held to lies
// above what is measured, and not far above. The domain is that of the data at hand.
#include "cipherfit/solver/owner/noise.h"

#include "solver/dual/owner/dual_twin.h"
#include "support/dual_run.h"
#include "support/noise_bounds.h"
#include "support/solvers.h"
#include "support/training_run.h"
#include "train/twin_noise.h"

#include <cmath>
#include <string>

namespace cipherfit {
namespace {

using test::TrainingRun;

PlanOptions small_options(std::string_view solver, bool refreshed) {
    PlanOptions options;
    options.solver = solver;
    options.log_n = refreshed ? 10 : 9;
    options.memory_limit_bytes = 1e12;
    options.insecure_for_tests_only = true;
    options.refresh = refreshed ? PlanOptions::Refresh::always : PlanOptions::Refresh::never;
    options.refresh_range = refreshed ? 10 : 0;
    return options;
}

// The model of an encrypted run, c x d.
RowMatrix encrypted_model(const TrainingRun& run) {
    EncryptedTrainer trainer(run.plan, run.keys, run.upload());
    TrainingState state;
    for (int t = 0; t < run.plan.recipe().iterations; ++t) {
        state = trainer.step(state);
    }
    SlotBlocks blocks;
    for (const Ciphertext& block : trainer.model(state)) {
        blocks.push_back(run.owner.decrypt_real(block));
    }
    return owner_solver(run.plan).reader(run.plan, run.prepared.xs)->model(state.iteration, blocks);
}

// Largest deviations of all states over several keys, and the largest bound.
struct Comparison {
    double measured = 0;
    double bound = 0;
};
Comparison compared(const TrainingShape& shape, const Recipe& recipe, const PlanOptions& options) {
    constexpr int keys = 4;
    Comparison result;
    for (int seed = 1; seed <= keys; ++seed) {
        const TrainingRun run(shape, recipe, options, static_cast<std::uint64_t>(seed));
        const RowMatrix twin = test::twin_model(run.plan.solver().form(), run.prepared, recipe);
        result.measured =
            std::max(result.measured, (encrypted_model(run) - twin).cwiseAbs().maxCoeff());
        result.bound = std::max(result.bound, test::state_error_bound(run.plan, run.prepared));
    }
    return result;
}

TEST(NoiseBound, LiesAboveWhatIsMeasuredAndWithinAFactorOfThirtyTwo) {
    const TrainingShape shape{.samples = 30, .features = 12, .classes = 3};
    for (const SolverKind* kind : solver_kinds()) {
        const std::string_view solver = kind->name();
        for (const int degree : {1, 3, 5, 7}) {
            if (kind->only_degree().value_or(degree) != degree) {
                continue;
            }
            const Recipe recipe = standard_recipe(4, 1.8, fit_sigmoid(degree, 8));
            const Comparison seen = compared(shape, recipe, small_options(solver, false));
            const std::string which = std::string(solver) + ", degree " + std::to_string(degree);
            EXPECT_GT(seen.bound, seen.measured) << which;
            EXPECT_LT(seen.bound, 32 * seen.measured) << which;
        }
    }
}

// The variance at one logit, by the formula of the evaluation (SigmoidNoise).
TEST(ErrorNoise, HasTheVarianceOfTheEvaluationAtTheLogit) {
    Recipe recipe = standard_recipe(1, 1.0, fit_sigmoid(7, 8));
    const std::vector<double>& c = recipe.sigmoid.odd;
    NoiseModel noise;
    noise.error_std = 0.5;
    noise.sigmoid = {.masked_std = 2,
                     .square_std = 3,
                     .factor_std = 0.25,
                     .fourth_std = 5,
                     .high_std = 0.01,
                     .low_std = 0.1,
                     .others = 3};
    for (const double z : {0.0, 0.5, -2.0, 4.0}) {
        const RowMatrix logits = RowMatrix::Constant(200, 200, z);
        RowMatrix errors = RowMatrix::Zero(200, 200);
        add_error_noise(errors, logits, recipe, noise, 2);
        // d/dz of nothing here is shared with the code: each operation's error by finite
        // differences of the polynomial in the value that it is made in.
        const auto poly = [&](double masked, double y, double fourth) {
            return masked * (c[0] + c[1] * y) + masked * (c[2] + c[3] * y) * fourth;
        };
        const double h = 1e-6;
        const double y = z * z;
        const double by_masked = (poly(z + h, y, y * y) - poly(z - h, y, y * y)) / (2 * h);
        const double by_square =
            (poly(z, y + h, (y + h) * (y + h)) - poly(z, y - h, (y - h) * (y - h))) / (2 * h);
        const double by_fourth = (poly(z, y, y * y + h) - poly(z, y, y * y - h)) / (2 * h);
        const double cleared = std::pow(2 * c[0], 2) + std::pow(0.01 * y * y, 2) + 0.01;
        const double variance = 0.25 + std::pow(2 * by_masked, 2) + std::pow(3 * by_square, 2) +
                                std::pow(0.25 * z, 2) + std::pow(5 * by_fourth, 2) +
                                std::pow(0.01 * y * y, 2) + 0.01 + 3 * cleared;
        // 40,000 draws: the sample variance is off by sqrt(2 / 40,000) = 0.7 %, five times that.
        EXPECT_NEAR(errors.squaredNorm() / 40'000 / variance, 1.0, 0.035) << z;
    }
}

// With none of the sigmoid's own errors, the noise is the constant one.
TEST(ErrorNoise, IsConstantWithoutTheSigmoids) {
    const Recipe recipe = standard_recipe(1, 1.0, fit_sigmoid(3, 8));
    NoiseModel noise;
    noise.error_std = 0.5;
    RowMatrix errors = RowMatrix::Zero(20, 3);
    RowMatrix expected = errors;
    add_error_noise(errors, RowMatrix::Constant(20, 3, 1.5), recipe, noise, 4);
    add_noise(expected, 0.5, noise.seed, Quantity::error, 4);
    EXPECT_EQ(errors, expected);
}

}  // namespace
}  // namespace cipherfit
