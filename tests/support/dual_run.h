// What a dual training run is compared with: the dual twin, and derived noise.
#pragma once

#include "solver/dual/owner/dual_twin.h"
#include "support/training_run.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace cipherfit::test {

// Upper bounds, the largest of all iterations. K, Y, Z_0 and the first errors are fresh
// encryptions. Z, before its fold over lanes: in each of the n'/L products a state's rotation, one
// key switch at the states' scale, times |K| <= 4; a relinearisation with rescaling and a rotation
// a giant. E: training_noise.h, then its replication, which sums L slots. A state: one rescaling,
// and the integers that bring its parts to one scale, above 2^30.
inline NoiseModel dual_noise(const TrainingRun& run, const StateRun& twin) {
    const TrainingPlan& plan = run.plan;
    const Parameters& ring = plan.parameters();
    const Recipe& recipe = plan.recipe();
    const RingNoise& noise = run.owner.noise;
    const auto lanes = static_cast<double>(dual_solver(plan).layout().lanes());
    const auto blocks = static_cast<double>(dual_solver(plan).layout().gram_blocks());
    const auto giants = static_cast<double>(dual_solver(plan).layout().giants());
    constexpr double largest_gram = 4;
    const double s_k = test::gradient_solver(plan).product_scale(plan);
    const double s_a = plan.state_scale();
    double logits =
        plan.initial_logits() ? noise.fresh() / squared(test::message(plan, "logits").scale) : 0;
    double error = 0;
    double state = 0;
    for (int t = 0; t < recipe.iterations; ++t) {
        const IterationLevels& at = plan.levels()[static_cast<std::size_t>(t)];
        const double s_e = test::gradient_solver(plan).error_scale(plan, t);
        if (at.sigmoid < 0) {
            error = std::max(error, noise.fresh() / squared(s_e));
        } else {
            double s_z = test::message(plan, "logits").scale;
            if (t > 0) {
                const auto forward = static_cast<std::size_t>(at.forward);
                s_z = s_a * s_k / static_cast<double>(ring.q(forward));
                const double product =
                    blocks * squared(largest_gram) * noise.key_switching(forward) / squared(s_a) +
                    giants *
                        (noise.key_switching_rescaling(forward) +
                         noise.key_switching(forward - 1)) /
                        squared(s_z);
                logits = std::max(logits, fold_variance(ring, forward - 1, lanes, s_z, product));
            }
            const double z = twin.max_abs_z[static_cast<std::size_t>(t)];
            const double one = odd_polynomial_variance(
                ring, static_cast<std::size_t>(at.sigmoid), recipe.sigmoid.odd, s_z, z, 0,
                noise.fresh() / squared(test::message(plan, "labels").scale), s_e);
            error = std::max(
                error, fold_variance(ring, static_cast<std::size_t>(at.backward), lanes, s_e, one));
        }
        const double ratio = 1 - recipe.etas[static_cast<std::size_t>(t)];
        const double least_scale = s_a * std::min({1.0, ratio, 1 / ratio});
        state = std::max(state, noise.rescaling() / squared(least_scale) +
                                    squared(twin.max_abs_state * 0x1p-30));
    }
    double gram = noise.fresh() / squared(s_k);
    if (dual_solver(plan).source() == GramSource::server) {
        // As in gram_product_test.cpp, with |x_i|^2 <= 4 for a row of Xs and K below 4.
        const std::size_t level = test::message(plan, "features").level;
        const double s_x = test::message(plan, "features").scale;
        const auto classes = static_cast<double>(dual_solver(plan).layout().padded_classes());
        const double s_product = s_x * s_x / static_cast<double>(ring.q(level));
        const double folded =
            fold_variance(ring, level - 1, classes, s_product,
                          noise.key_switching_rescaling(level) / squared(s_product));
        const double masked = 8 * (noise.fresh() + noise.key_switching(level)) / squared(s_x) +
                              folded + noise.rescaling() / squared(s_k) +
                              squared(2 * largest_gram) * noise.encoding() /
                                  squared(s_k * static_cast<double>(ring.q(level - 1)) / s_product);
        gram = fold_variance(ring, level - 2, classes, s_k,
                             masked + noise.key_switching(level - 2) / squared(s_k));
    }
    return {.features_std = std::sqrt(gram),
            .labels_std = std::sqrt(noise.fresh()) / test::message(plan, "labels").scale,
            .logits_std = std::sqrt(logits),
            .error_std = std::sqrt(error),
            .gradient_std = 0,
            .state_std = std::sqrt(state)};
}

// The coefficients of M_t and U_t after every iteration, and the mean squares of what the noise
// adds to them over twins that run under it.
struct DualHistory {
    struct Entry {
        RowMatrix main, extrapolated;
        double main_variance = 0;
        double extrapolated_variance = 0;
    };
    StateRun result;
    std::vector<Entry> entries;

    explicit DualHistory(const TrainingRun& run) {
        const Recipe& recipe = run.plan.recipe();
        result = run_dual_twin(run.prepared, recipe, nullptr,
                               [&](int, const RowMatrix& main, const RowMatrix& extrapolated) {
                                   entries.push_back({main, extrapolated});
                               });
        NoiseModel noise = dual_noise(run, result);
        constexpr int runs = 16;
        for (int seed = 1; seed <= runs; ++seed) {
            noise.seed = static_cast<std::uint64_t>(seed);
            run_dual_twin(run.prepared, recipe, &noise,
                          [&](int t, const RowMatrix& main, const RowMatrix& extrapolated) {
                              Entry& entry = entries[static_cast<std::size_t>(t)];
                              entry.main_variance += mean_square(main - entry.main) / runs;
                              entry.extrapolated_variance +=
                                  mean_square(extrapolated - entry.extrapolated) / runs;
                          });
        }
    }

    static double mean_square(const RowMatrix& m) {
        return m.squaredNorm() / static_cast<double>(m.size());
    }
};

// A state's sequence, decrypted: n x c, row-major.
inline std::vector<double> decrypt_coefficients(const TrainingRun& run,
                                                const std::vector<Ciphertext>& blocks) {
    return dual_solver(run.plan).layout().unpack_replicas(run.owner.decrypt_real(blocks.at(0)));
}

// Whether a state holds what the twin has after that iteration, up to the derived noise.
inline ::testing::AssertionResult follows(const TrainingRun& run, const DualHistory& twin,
                                          const TrainingState& state) {
    const DualHistory::Entry& entry = twin.entries[static_cast<std::size_t>(state.iteration - 1)];
    if (state["main"].empty() && state["extrapolated"].empty()) {
        return ::testing::AssertionFailure() << "the state is empty";
    }
    const auto check = [&](const char* name, const std::vector<Ciphertext>& blocks,
                           const RowMatrix& expected,
                           double variance) -> ::testing::AssertionResult {
        if (blocks.empty()) {
            return ::testing::AssertionSuccess();
        }
        const auto right = is_at_most_noise(
            decrypt_coefficients(run, blocks),
            std::vector<double>(expected.data(), expected.data() + expected.size()), variance);
        if (!right) {
            return ::testing::AssertionFailure()
                   << name << " of iteration " << state.iteration << ": " << right.message();
        }
        return ::testing::AssertionSuccess();
    };
    if (const auto main = check("M", state["main"], entry.main, entry.main_variance); !main) {
        return main;
    }
    return check("U", state["extrapolated"], entry.extrapolated, entry.extrapolated_variance);
}

}  // namespace cipherfit::test
