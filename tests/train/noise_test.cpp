// The noise model against runs under encryption: the bound that decrypted models are held to lies
// above what is measured, and not far above. The domain is that of the data at hand.
#include "cipherfit/solver/owner/noise.h"

#include "cipherfit/solver/owner/refresh_range.h"
#include "solver/dual/dual_solver.h"
#include "solver/primal/primal_solver.h"
#include "solver/statistics/statistics_solver.h"
#include "support/noise_bounds.h"
#include "support/small_rings.h"
#include "support/solvers.h"
#include "support/training_run.h"
#include "train/owner/twin_noise.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <iostream>
#include <string>
#include <utility>
#include <vector>

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

// Planned as an owner does: the range of bootstrappings is what the twin needs.
TrainingRun planned_run(const TrainingShape& shape, const Recipe& recipe,
                        const PlanOptions& options, int seed) {
    PreparedData data = test::synthetic_data(shape, recipe, static_cast<std::uint64_t>(seed));
    TrainingPlan plan = TrainingPlan::create(shape, recipe, options);
    if (plan.refresh_count() > 0) {
        plan = plan.with_refresh_range(largest_refreshed_coefficient(plan, data));
    }
    return {std::move(data), std::move(plan)};
}

// The largest share of the bound that runs under so many keys reach, and how many reach all of it.
// Every key has data of its own.
struct Shares {
    double largest = 0;
    int above_bound = 0;
};
Shares shares_of_bound(const TrainingShape& shape, const Recipe& recipe, const PlanOptions& options,
                       int keys) {
    Shares result;
    for (int seed = 1; seed <= keys; ++seed) {
        const TrainingRun run = planned_run(shape, recipe, options, seed);
        const RowMatrix twin = test::twin_model(run.plan.solver().form(), run.prepared, recipe);
        const double measured = (test::encrypted_model(run) - twin).cwiseAbs().maxCoeff();
        const double share = measured / test::state_error_bound(run.plan, run.prepared);
        result.largest = std::max(result.largest, share);
        result.above_bound += share < 1 ? 0 : 1;
    }
    return result;
}

// Every run lies below its bound, and the worst of them within 2^5 of it.
void expect_within(const TrainingShape& shape, int iterations, const SolverKind& kind,
                   bool refreshed, int keys) {
    const std::string_view solver = kind.name();
    for (const int degree : {1, 3, 5, 7}) {
        if (kind.only_degree().value_or(degree) != degree) {
            continue;
        }
        const Recipe recipe = standard_recipe(iterations, 1.8, fit_sigmoid(degree, 8));
        const Shares seen = shares_of_bound(shape, recipe, small_options(solver, refreshed), keys);
        const std::string which = std::string(solver) + (refreshed ? " with bootstrappings" : "") +
                                  ", degree " + std::to_string(degree);
        EXPECT_EQ(seen.above_bound, 0) << which;
        EXPECT_GT(seen.largest, 1.0 / 32) << which;
        std::cout << which << ": up to 1/" << 1 / seen.largest << " of the bound, " << keys
                  << " keys\n";
    }
}

// A hundred in ./test.sh --full, fewer in the daily suite. Sanitizers look for other defects.
int number_of_keys(int daily) {
    if (test::small_rings()) {
        return std::min(daily, 3);
    }
    return std::getenv("CIPHERFIT_FULL") != nullptr ? 100 : daily;
}

TEST(NoiseBound, LiesAboveTheRunsOfManyKeysAndWithinAFactorOfThirtyTwo) {
    for (const SolverKind* kind : solver_kinds()) {
        expect_within({.samples = 30, .features = 12, .classes = 3}, 4, *kind, false,
                      number_of_keys(20));
    }
}

TEST(NoiseBound, LiesAboveRunsWithBootstrappingsAndWithinAFactorOfThirtyTwo) {
    for (const SolverKind* kind : solver_kinds()) {
        if (!kind->can_refresh({})) {
            continue;
        }
        expect_within({.samples = 30, .features = 12, .classes = 3}, 4, *kind, true,
                      number_of_keys(2));
    }
}

// What the runs above have not: other data from the owner, other ways through the rows, layouts in
// which no fold hides a product's rotations.
struct Variant {
    std::string name;
    TrainingShape shape;
    Recipe recipe;
    std::string_view solver = "primal";
    bool refreshed = false;
    KernelSource kernel = KernelSource::owner;
    // Of its layout, if that is the point.
    std::size_t lanes = 0;
};

Recipe with(Recipe recipe, double decay, int batch = 0, int parts = 1) {
    recipe.decay = decay;
    recipe.batch = batch;
    recipe.parts = parts;
    return recipe;
}

std::vector<Variant> variants() {
    const TrainingShape small{.samples = 20, .features = 9, .classes = 3};
    const TrainingShape classes{.samples = 40, .features = 12, .classes = 20};
    // n' c' = 256 slots, those of the ring; and d' c'.
    const TrainingShape rows{.samples = 64, .features = 12, .classes = 3};
    const TrainingShape columns{.samples = 30, .features = 64, .classes = 3};
    const TrainingShape narrow{.samples = 30, .features = 5, .classes = 3};
    const Recipe cubic = standard_recipe(4, 1.8, fit_sigmoid(3, 8));
    const Recipe linear = standard_recipe(4, 1.8, fit_sigmoid(1, 8));
    return {
        {"server's Gram matrix", small, cubic, "dual", false, KernelSource::server},
        {"server's Gram matrix, 2 classes",
         {.samples = 30, .features = 20, .classes = 2},
         cubic,
         "dual",
         false,
         KernelSource::server},
        {"primal, initial logits", small, chiang2023_recipe(4, 20)},
        {"dual, initial logits", small, chiang2023_recipe(4, 20), "dual"},
        {"bootstrapped dual, initial logits", small, chiang2023_recipe(8, 20), "dual", true},
        {"mini-batches", small, with(cubic, 0, 8)},
        {"parts", small, with(cubic, 0, 0, 3)},
        {"groups of classes", classes, standard_recipe(2, 1.8, fit_sigmoid(3, 8))},
        {"primal, decay", small, with(cubic, 0.05)},
        {"dual, decay", small, with(cubic, 0.05), "dual"},
        {"statistics, decay", small, with(linear, 0.05), "statistics"},
        {"primal, two lanes", narrow, cubic, "primal", false, KernelSource::owner, 2},
        {"dual, one lane", rows, cubic, "dual", false, KernelSource::owner, 1},
        {"statistics, one lane", columns, linear, "statistics", false, KernelSource::owner, 1},
    };
}

std::size_t lanes_of(const TrainingPlan& plan, std::string_view solver) {
    if (solver == "primal") {
        const LaneLayout& layout = primal_solver(plan).layout();
        return layout.lane() / layout.padded_classes();
    }
    return solver == "dual" ? dual_solver(plan).layout().lanes()
                            : statistics_solver(plan).layout().lanes();
}

TEST(NoiseBound, LiesAboveRunsOfEveryKindAndWithinAFactorOfThirtyTwo) {
    for (const Variant& v : variants()) {
        SCOPED_TRACE(v.name);
        PlanOptions options = small_options(v.solver, v.refreshed);
        options.kernel = v.kernel;
        if (v.lanes > 0) {
            EXPECT_EQ(lanes_of(TrainingPlan::create(v.shape, v.recipe, options), v.solver),
                      v.lanes);
        }
        const int keys = number_of_keys(v.refreshed ? 2 : 5);
        const Shares seen = shares_of_bound(v.shape, v.recipe, options, keys);
        EXPECT_EQ(seen.above_bound, 0);
        EXPECT_GT(seen.largest, 1.0 / 32);
        std::cout << v.name << ": up to 1/" << 1 / seen.largest << " of the bound, " << keys
                  << " keys\n";
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
