// Mini-batches and weight decay in the clear: the rows of a batch, the recurrence against a naive
// one, the dual against the primal, the rehearsal, and what a recipe's JSON keeps.
#include "cipherfit/train/owner/rehearse.h"
#include "solver/dual/owner/dual_twin.h"
#include "support/property.h"
#include "support/stable_step.h"
#include "support/training_run.h"
#include "train/oracle/test_data.h"

#include <cmath>
#include <limits>
#include <vector>

#include <nlohmann/json.hpp>

namespace cipherfit {
namespace {

using test::holds;
using test::pick;
using test::stable_step;

TEST(BatchRows, ArePartsOfAllRowsInOrder) {
    EXPECT_TRUE(holds("batches", 500, [] {
        const auto samples = pick<std::size_t>(1, 3000);
        Recipe recipe;
        recipe.batch = *rc::gen::element(0, 1, pick(1, 40), pick(1, 3100), largest_batch);
        const auto batch = static_cast<std::size_t>(recipe.batch);
        RC_LOG() << samples << " samples in batches of " << batch << '\n';
        const std::size_t count = batch_count(recipe, samples);
        const std::size_t rows = rows_per_batch(recipe, samples);
        RC_ASSERT(count >= 1U);
        RC_ASSERT((count == 1U) == (batch == 0 || batch >= samples));
        RC_ASSERT(rows == (count == 1U ? samples : batch));
        std::size_t next = 0;
        for (std::size_t b = 0; b < count; ++b) {
            const BatchRows part = batch_rows(recipe, samples, b);
            RC_ASSERT(part.first == next);
            RC_ASSERT(part.count >= 1U);
            // All are full but the last.
            RC_ASSERT(part.count == rows || (b + 1 == count && part.count < rows));
            next += part.count;
        }
        RC_ASSERT(next == samples);
    }));
}

using Table = std::vector<std::vector<double>>;

// The recurrence of recipe.h in the unscaled coordinates, W with B in place of the change of
// variable, number by number: W_0 and the way from it, which decays.
struct Naive {
    Table main, extrapolated;
};
Naive naive_run(const PreparedData& data, const Recipe& recipe) {
    const auto n = static_cast<std::size_t>(data.samples());
    const auto d = static_cast<std::size_t>(data.columns());
    const auto c = static_cast<std::size_t>(data.heads());
    const auto at = [](const RowMatrix& m, std::size_t i, std::size_t j) {
        return m(static_cast<Eigen::Index>(i), static_cast<Eigen::Index>(j));
    };
    const auto scale = [&](std::size_t j) {
        return data.column_scale[static_cast<Eigen::Index>(j)];
    };
    const double w0 = recipe.initial_weight;
    const Table start(c, std::vector<double>(d, w0));
    Naive run{start, start};
    const std::size_t size = recipe.batch == 0 ? n : static_cast<std::size_t>(recipe.batch);
    std::size_t first = 0;
    for (std::size_t t = 0; t < static_cast<std::size_t>(recipe.iterations); ++t) {
        const std::size_t end = std::min(first + size, n);
        const Table& point =
            recipe.gradient_at == ModelSequence::main ? run.main : run.extrapolated;
        Table gradient(c, std::vector<double>(d, 0.0));
        for (std::size_t i = first; i < end; ++i) {
            for (std::size_t k = 0; k < c; ++k) {
                double z = 0;
                for (std::size_t j = 0; j < d; ++j) {
                    z += point[k][j] * at(data.xs, i, j) / scale(j);
                }
                double probability = 0.5;
                double power = z;
                for (const double coefficient : recipe.sigmoid.odd) {
                    probability += coefficient * power;
                    power *= z * z;
                }
                for (std::size_t j = 0; j < d; ++j) {
                    gradient[k][j] +=
                        (at(data.y, i, k) - probability) * at(data.xs, i, j) / scale(j);
                }
            }
        }
        for (std::size_t k = 0; k < c; ++k) {
            for (std::size_t j = 0; j < d; ++j) {
                const double before = run.main[k][j];
                run.main[k][j] = w0 + (1 - recipe.decay) * (run.extrapolated[k][j] - w0) +
                                 recipe.steps[t] * scale(j) * scale(j) * gradient[k][j];
                run.extrapolated[k][j] =
                    (1 - recipe.etas[t]) * run.main[k][j] + recipe.etas[t] * before;
            }
        }
        first = end == n ? 0 : end;
    }
    return run;
}

std::vector<Recipe> decayed_recipes(int iterations) {
    std::vector<Recipe> result;
    for (const double decay : {0.0, 0.02, 0.5}) {
        for (const int batch : {0, 7, 20}) {
            for (Recipe recipe :
                 {standard_recipe(iterations, stable_step, fit_sigmoid(3, 8)),
                  standard_recipe(iterations, stable_step, fit_sigmoid(5, 12), Momentum::none),
                  chiang2023_recipe(iterations, 40)}) {
                recipe.decay = decay;
                recipe.batch = batch;
                result.push_back(recipe);
            }
        }
    }
    return result;
}

// Of the twin's rounding: every iteration adds a few hundred terms of relative error 2^-53 to
// entries of at most the largest state, and stable iterations amplify nothing. A column's scale
// relates the naive coordinates' rounding, of numbers up to W_0 and the states, to the twin's.
double rounding_bound(const PreparedData& data, const Recipe& recipe, double largest_state) {
    const double largest = std::max(1.0, largest_state) +
                           std::abs(recipe.initial_weight) / data.column_scale.minCoeff();
    return recipe.iterations * 300 * 0x1p-53 * largest;
}

TEST(DecayAndBatches, TwinsFollowTheNaiveRecurrence) {
    for (const Recipe& recipe : decayed_recipes(50)) {
        SCOPED_TRACE(fmt::format("{}, momentum {}, decay {}, batch {}", name(recipe.preset),
                                 has_momentum(recipe), recipe.decay, recipe.batch));
        const PreparedData data =
            test::synthetic_data({.samples = 40, .features = 9, .classes = 3}, recipe, 7);
        const TwinResult twin = run_twin(data, recipe);
        const Naive naive = naive_run(data, recipe);
        const double bound = rounding_bound(data, recipe, twin.max_abs_state);
        for (const auto& [state, table] : {std::pair(&twin.main, &naive.main),
                                           std::pair(&twin.extrapolated, &naive.extrapolated)}) {
            for (Eigen::Index k = 0; k < state->rows(); ++k) {
                for (Eigen::Index j = 0; j < state->cols(); ++j) {
                    const double w =
                        table->at(static_cast<std::size_t>(k))[static_cast<std::size_t>(j)];
                    ASSERT_NEAR((*state)(k, j), (w - recipe.initial_weight) / data.column_scale[j],
                                bound);
                }
            }
        }
    }
}

// As DualTwin.IsThePrimalTwinInOtherCoordinates: every update lies in the row space of Xs, with
// decay as without.
TEST(DecayAndBatches, DualIsThePrimalInOtherCoordinates) {
    for (const Recipe& recipe : decayed_recipes(200)) {
        if (recipe.batch != 0) {
            continue;  // the dual takes all rows
        }
        SCOPED_TRACE(fmt::format("{}, decay {}", name(recipe.preset), recipe.decay));
        const PreparedData data =
            test::synthetic_data({.samples = 40, .features = 60, .classes = 4}, recipe, 7);
        const TwinResult primal = run_twin(data, recipe);
        const StateRun dual = run_dual_twin(data, recipe);
        const double bound = rounding_bound(data, recipe, dual.max_abs_state);
        EXPECT_LT((primal.main - model_of(dual.main, data)).cwiseAbs().maxCoeff(), bound);
        EXPECT_LT((primal.extrapolated - model_of(dual.extrapolated, data)).cwiseAbs().maxCoeff(),
                  bound);
        Recipe other = recipe;
        other.decay = recipe.decay == 0.0 ? 0.01 : 0.0;
        EXPECT_GT((primal.main - run_twin(data, other).main).cwiseAbs().maxCoeff(), 1e-3);
    }
}

TEST(RehearseWithDecay, TriesWhatWillBeTrained) {
    const test::Dataset data = test::synthetic(60, 30, 4, 1.0, 3);
    const auto run = [&](double decay) {
        return rehearse(data.features, data.labels, data.classes,
                        {.iterations = 8, .decay = decay});
    };
    const Rehearsal without = run(0.0);
    const Rehearsal with = run(0.1);
    EXPECT_EQ(without.recipe.decay, 0.0);
    EXPECT_EQ(with.recipe.decay, 0.1);
    ASSERT_EQ(with.candidates.size(), without.candidates.size());
    for (std::size_t i = 0; i < with.candidates.size(); ++i) {
        EXPECT_EQ(with.candidates[i].step, without.candidates[i].step);
        EXPECT_EQ(with.candidates[i].range, without.candidates[i].range);
        EXPECT_NE(with.candidates[i].loss, without.candidates[i].loss) << i;
    }
    // Decay pulls the logits towards zero where nothing diverges.
    EXPECT_LT(with.candidates.front().max_abs_z, without.candidates.front().max_abs_z);
    // The run on all rows is one of those rehearsed.
    const Preprocessing fitted = fit_preprocessing(data.features, with.recipe.preset);
    const PreparedData prepared =
        prepare(data.features, data.labels, data.classes, fitted, with.recipe);
    EXPECT_LE(run_twin(prepared, with.recipe).largest_abs_z(), with.chosen.max_abs_z + 1e-9);
    EXPECT_THROW(run(-0.1), Error);
    EXPECT_THROW(run(0.6), Error);
}

TEST(RecipeWithDecayAndBatch, JsonKeepsBothAndRefusesWhatIsOutOfRange) {
    const Recipe good = standard_recipe(3, stable_step, fit_sigmoid(3, 8));
    for (const double decay : {0.0, std::numeric_limits<double>::denorm_min(), 0.1, 1.0 / 3, 0.5}) {
        for (const int batch : {0, 1, 777, largest_batch}) {
            Recipe recipe = good;
            recipe.decay = decay;
            recipe.batch = batch;
            const auto read = recipe_from_json(nlohmann::json::parse(to_json(recipe).dump()));
            ASSERT_TRUE(read.has_value()) << read.error().message;
            EXPECT_EQ(*read, recipe);
            EXPECT_EQ(read->decay, decay);
            EXPECT_EQ(read->batch, batch);
        }
    }
    const auto refused = [&](const char* key, const nlohmann::json& value) {
        nlohmann::json json = to_json(good);
        json[key] = value;
        const auto read = recipe_from_json(json);
        ASSERT_FALSE(read.has_value()) << key << " " << value.dump();
        EXPECT_EQ(read.error().code, ErrorCode::corrupt_data) << key << " " << value.dump();
    };
    for (const double decay : {-1e-300, std::nextafter(0.5, 1.0), 1.0, 1e300,
                               std::numeric_limits<double>::infinity(), std::nan("")}) {
        refused("decay", decay);
        Recipe recipe = good;
        recipe.decay = decay;
        const auto usable = check(recipe);
        ASSERT_FALSE(usable.has_value()) << decay;
        EXPECT_NE(usable.error().message.find("weight decay"), std::string::npos);
    }
    for (const int batch : {-1, largest_batch + 1, std::numeric_limits<int>::max(),
                            std::numeric_limits<int>::min()}) {
        refused("batch", batch);
        Recipe recipe = good;
        recipe.batch = batch;
        EXPECT_FALSE(check(recipe).has_value()) << batch;
    }
    for (const nlohmann::json& batch :
         {nlohmann::json(4.0), nlohmann::json(4294967296), nlohmann::json("4"), nlohmann::json()}) {
        refused("batch", batch);
    }
}

}  // namespace
}  // namespace cipherfit
