// A whole encrypted training run on synthetic data: the owner's side and the twin it is compared
// with.
#pragma once

#include "cipherfit/solver/owner/training_messages.h"
#include "cipherfit/train/encrypted_trainer.h"
#include "cipherfit/train/owner/preprocess.h"
#include "cipherfit/train/owner/twin.h"
#include "cipherfit/train/plan.h"
#include "solver/owner/model_reader.h"
#include "solver/primal/owner/primal_owner.h"
#include "support/owner.h"
#include "support/solvers.h"
#include "support/training_noise.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

namespace cipherfit::test {

// Features around one centre a class, all of [0, 1.5); every class occurs where there are rows.
inline PreparedData synthetic_data(const TrainingShape& shape, const Recipe& recipe,
                                   std::uint64_t seed) {
    Random random(seed);
    const auto raw_features = static_cast<Eigen::Index>(shape.features) - 1;  // and the bias
    const auto uniform = [&random] { return static_cast<double>(random() >> 11U) * 0x1p-53; };
    RowMatrix centres(shape.classes, raw_features);
    for (double& value : centres.reshaped()) {
        value = uniform();
    }
    RowMatrix raw(shape.samples, raw_features);
    std::vector<int> labels;
    for (Eigen::Index i = 0; i < raw.rows(); ++i) {
        const auto label = static_cast<Eigen::Index>(i) % centres.rows();
        labels.push_back(static_cast<int>(label));
        for (Eigen::Index j = 0; j < raw_features; ++j) {
            raw(i, j) = centres(label, j) + 0.5 * uniform();
        }
    }
    const Preprocessing fitted = fit_preprocessing(raw, recipe.preset);
    return prepare(raw, labels, static_cast<int>(shape.classes), fitted, recipe,
                   shape.heads == 0 ? trained_heads(shape.classes, recipe) : shape.heads);
}

struct TrainingRun {
    TrainingRun(const TrainingShape& shape, const Recipe& recipe, const PlanOptions& options,
                std::uint64_t seed)
        : TrainingRun(synthetic_data(shape, recipe, seed),
                      TrainingPlan::create(shape, recipe, options)) {}
    TrainingRun(PreparedData data, TrainingPlan planned)
        : prepared(std::move(data)),
          plan(std::move(planned)),
          owner(plan.parameters()),
          keys(owner.keys(plan.keys())) {}

    // The owner's upload of a batch, encrypted afresh.
    EncryptedTrainingData upload(std::size_t batch = 0) const {
        EncryptedTrainingData data;
        for_each_message(plan, prepared, batch, [&](const TrainingMessage& message) {
            data[message.name].push_back(
                owner.encrypt(message.slots, message.level, message.scale));
        });
        return data;
    }

    // A c x d sequence, decrypted.
    std::vector<double> decrypt(const std::vector<Ciphertext>& blocks) const {
        std::vector<std::vector<double>> values;
        for (const Ciphertext& block : blocks) {
            values.push_back(owner.decrypt_real(block));
        }
        const RowMatrix states = unpack_states(plan, values);
        return {states.data(), states.data() + states.size()};
    }

    // The noise of this run for the twin: upper bounds, the largest of all iterations. Xs, Y and
    // Z_0 are fresh encryptions; Z, E and Q as in training_noise.h; a state is rescaled once, and
    // the integers that bring its parts to one scale are above 2^30, their rounding below 2^-31.
    // |Xs| is below 2 (preprocess.h).
    NoiseModel noise(const TwinResult& twin) const {
        const Parameters& ring = plan.parameters();
        const LaneLayout& layout = primal_solver(plan).layout();
        const Recipe& recipe = plan.recipe();
        const auto c = static_cast<double>(layout.padded_classes());
        const auto columns = static_cast<double>(layout.lane()) / c;
        const auto rows = static_cast<double>(layout.rows()) / c;
        const auto forward_terms = c * static_cast<double>(layout.feature_blocks());
        const auto backward_terms = c * static_cast<double>(layout.sample_blocks());
        const std::size_t forward_giants =
            layout.padded_classes() / primal_solver(plan).shifts().forward_baby;
        const std::size_t backward_giants =
            layout.padded_classes() / primal_solver(plan).shifts().backward_baby;
        const double s_x = test::message(plan, "features").scale;
        const double s_u = plan.state_scale();
        const double fresh = owner.noise.fresh();
        const double x_variance = fresh / squared(s_x);
        double logits = fresh / squared(test::message(plan, "logits").scale);
        double error = 0;
        double gradient = 0;
        double state = 0;
        for (int t = 0; t < recipe.iterations; ++t) {
            const IterationLevels& at = plan.levels()[static_cast<std::size_t>(t)];
            const auto backward = static_cast<std::size_t>(at.backward);
            const double s_e = s_u * static_cast<double>(ring.q(backward)) *
                               gradient_factor(plan.recipe(), t) / s_x;
            double s_z = test::message(plan, "logits").scale;
            if (at.forward >= 0) {
                const auto forward = static_cast<std::size_t>(at.forward);
                s_z = s_x * s_u / static_cast<double>(ring.q(forward));
                const double product = product_variance(
                    ring, forward, forward_terms, primal_solver(plan).shifts().forward_baby,
                    forward_giants, 2, s_x, x_variance, twin.max_abs_state, s_u, 0);
                logits = std::max(
                    logits, fold_variance(ring, static_cast<std::size_t>(at.sigmoid), columns, s_z,
                                          product + owner.noise.rescaling() / squared(s_z)));
            }
            double one_error = fresh / squared(test::message(plan, "labels").scale);
            if (at.sigmoid >= 0) {
                const double z = twin.max_abs_z[static_cast<std::size_t>(t)];
                one_error = odd_polynomial_variance(ring, static_cast<std::size_t>(at.sigmoid),
                                                    recipe.sigmoid.odd, s_z, z, 0, one_error, s_e);
            }
            one_error = fold_variance(ring, backward, columns, s_e, one_error);
            error = std::max(error, one_error);
            // |Y - s(z)|: bounded through the polynomial's own coefficients.
            double largest_error = 0.5;
            for (std::size_t k = 0; k < recipe.sigmoid.odd.size(); ++k) {
                largest_error += std::abs(recipe.sigmoid.odd[k]) *
                                 std::pow(twin.largest_abs_z(), 2 * static_cast<double>(k) + 1);
            }
            const double product = product_variance(
                ring, backward, backward_terms, primal_solver(plan).shifts().backward_baby,
                backward_giants, 2, s_x, x_variance, largest_error, s_e, 0);
            gradient = std::max(gradient, fold_variance(ring, backward, rows, s_x * s_e, product));
            const double ratio = 1 - recipe.etas[static_cast<std::size_t>(t)];
            const double least_scale = s_u * std::min({1.0, ratio, 1 / ratio});
            state = std::max(state, owner.noise.rescaling() / squared(least_scale) +
                                        squared(twin.max_abs_state * 0x1p-31));
        }
        return {.features_std = std::sqrt(x_variance),
                .labels_std = std::sqrt(fresh) / test::message(plan, "labels").scale,
                .logits_std = std::sqrt(logits),
                .error_std = std::sqrt(error),
                .gradient_std = std::sqrt(gradient),
                .state_std = std::sqrt(state)};
    }

    PreparedData prepared;
    TrainingPlan plan;
    Owner owner;
    EvaluationKeys keys;
};

// M_t and U_t of the twin after every iteration, and the mean squares of what the noise adds to
// them over twins that run under it.
struct TwinHistory {
    struct Entry {
        std::vector<double> main, extrapolated;
        double main_variance = 0;
        double extrapolated_variance = 0;
    };
    TwinResult result;
    std::vector<Entry> entries;

    explicit TwinHistory(const TrainingRun& run) {
        const auto values = [](const RowMatrix& m) {
            return std::vector<double>(m.data(), m.data() + m.size());
        };
        result = run_twin(run.prepared, run.plan.recipe(), nullptr, [&](const TwinIteration& i) {
            entries.push_back({values(i.main), values(i.extrapolated)});
        });
        NoiseModel noise = run.noise(result);
        constexpr int runs = 16;
        for (int seed = 1; seed <= runs; ++seed) {
            noise.seed = static_cast<std::uint64_t>(seed);
            run_twin(run.prepared, run.plan.recipe(), &noise, [&](const TwinIteration& i) {
                Entry& entry = entries[static_cast<std::size_t>(i.iteration)];
                const auto add = [](double& variance, const RowMatrix& noisy,
                                    const std::vector<double>& exact) {
                    for (std::size_t k = 0; k < exact.size(); ++k) {
                        variance += squared(noisy.data()[k] - exact[k]) /
                                    static_cast<double>(exact.size()) / runs;
                    }
                };
                add(entry.main_variance, i.main, entry.main);
                add(entry.extrapolated_variance, i.extrapolated, entry.extrapolated);
            });
        }
    }
};

// Whether a state holds what the twin has after that iteration, up to the derived noise.
inline ::testing::AssertionResult follows(const TrainingRun& run, const TwinHistory& twin,
                                          const TrainingState& state) {
    const TwinHistory::Entry& entry = twin.entries[static_cast<std::size_t>(state.iteration - 1)];
    if (state["main"].empty() && state["extrapolated"].empty()) {
        return ::testing::AssertionFailure() << "the state is empty";
    }
    if (!state["main"].empty()) {
        const auto main =
            is_at_most_noise(run.decrypt(state["main"]), entry.main, entry.main_variance);
        if (!main) {
            return ::testing::AssertionFailure()
                   << "M of iteration " << state.iteration << ": " << main.message();
        }
    }
    if (!state["extrapolated"].empty()) {
        const auto extrapolated = is_at_most_noise(run.decrypt(state["extrapolated"]),
                                                   entry.extrapolated, entry.extrapolated_variance);
        if (!extrapolated) {
            return ::testing::AssertionFailure()
                   << "U of iteration " << state.iteration << ": " << extrapolated.message();
        }
    }
    return ::testing::AssertionSuccess();
}

// The model of an encrypted run, c x d.
inline RowMatrix encrypted_model(const TrainingRun& run) {
    EncryptedTrainer trainer =
        run.plan.row_files() > 1
            ? EncryptedTrainer(run.plan, run.keys,
                               [&](std::size_t batch) { return run.upload(batch); })
            : EncryptedTrainer(run.plan, run.keys, run.upload());
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

}  // namespace cipherfit::test
