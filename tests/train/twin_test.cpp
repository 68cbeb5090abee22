#include "cipherfit/train/owner/twin.h"

#include "cipherfit/base/parallel.h"
#include "cipherfit/solver/owner/noise.h"
#include "cipherfit/train/owner/head.h"
#include "solver/dual/owner/dual_twin.h"
#include "support/json_matrix.h"
#include "support/noise_bounds.h"
#include "train/oracle/test_data.h"

#include <array>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <unistd.h>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace cipherfit {
namespace {

using nlohmann::json;
using test::Dataset;
using test::synthetic;

json rows_of(const RowMatrix& values) {
    json rows = json::array();
    for (const auto& row : values.rowwise()) {
        rows.push_back(std::vector<double>(row.begin(), row.end()));
    }
    return rows;
}

Recipe recipe_of_json(const json& c) {
    return c["preset"] == "standard"
               ? standard_recipe(c["iterations"], c["step"], fit_sigmoid(c["degree"], c["range"]))
               : chiang2023_recipe(c["iterations"],
                                   static_cast<Eigen::Index>(c["features"].size()));
}

void expect_as_oracle(const json& c, const json& expected) {
    const Recipe recipe = recipe_of_json(c);
    const RowMatrix features = test::matrix_of(c["features"]);
    const Preprocessing fitted = fit_preprocessing(features, recipe.preset);
    const auto labels = c["labels"].get<std::vector<int>>();
    const TwinResult twin =
        run_twin(prepare(features, labels, c["classes"], fitted, recipe, c["classes"]), recipe);
    const RowMatrix weights = test::matrix_of(expected["weights"]);
    const RowMatrix scores = test::matrix_of(expected["scores"]);
    const auto near = [&c](const RowMatrix& ours, const RowMatrix& theirs) {
        const double tolerance = 1e-10 * std::max(1.0, theirs.cwiseAbs().maxCoeff());
        EXPECT_LT((ours - theirs).cwiseAbs().maxCoeff(), tolerance) << c["preset"];
    };
    near(unscaled_weights(twin.model(), fitted, recipe), weights);
    near(finish_model(twin.model(), fitted, recipe).scores(test::matrix_of(c["test"])), scores);
    const auto largest = expected["max_abs_z"].get<std::vector<double>>();
    ASSERT_EQ(twin.max_abs_z.size(), largest.size());
    for (std::size_t t = 0; t < largest.size(); ++t) {
        EXPECT_NEAR(twin.max_abs_z[t], largest[t], 1e-10 * std::max(1.0, largest[t]));
    }
}

TEST(Twin, AgreesWithTheCommittedReference) {
    std::ifstream file(test::oracle_directory() / "reference.json");
    const json cases = json::parse(file);
    ASSERT_GE(cases.size(), 6U);
    for (const json& c : cases) {
        expect_as_oracle(c, c["expected"]);
    }
}

json random_case(int n, int features, int classes, std::uint32_t seed) {
    const Dataset all = synthetic(n + 3, features, classes, 0.7, seed);
    const Dataset training = test::rows(all, 0, n);
    return {{"classes", classes},
            {"features", rows_of(training.features)},
            {"labels", training.labels},
            {"test", rows_of(all.features.bottomRows(3))}};
}

TEST(Twin, AgreesWithTheNumpyOracleOnRandomData) {
    const char* python = "/usr/bin/python3";
    if (std::system((std::string(python) + " -c 'import numpy' 2>/dev/null").c_str()) != 0) {
        GTEST_SKIP() << python << " with NumPy is not at hand";
    }
    json cases = json::array();
    const std::vector<std::array<int, 3>> shapes{{5, 3, 2},  {12, 1, 2},     {16, 40, 10},
                                                 {64, 8, 4}, {128, 100, 10}, {3, 17, 3}};
    std::uint32_t seed = 100;
    for (const auto& [n, features, classes] : shapes) {
        json c = random_case(n, features, classes, ++seed);
        c.update({{"preset", "chiang2023"}, {"iterations", 1 + seed % 12}});
        cases.push_back(c);
        for (const int degree : {1, 3, 5, 7}) {
            c.update({{"preset", "standard"},
                      {"iterations", 1 + (seed + degree) % 9},
                      {"step", 1.5 + degree},
                      {"degree", degree},
                      {"range", 7.5 + degree}});
            cases.push_back(c);
        }
    }
    const auto directory =
        std::filesystem::temp_directory_path() / ("cipherfit_oracle_" + std::to_string(::getpid()));
    std::filesystem::create_directories(directory);
    std::ofstream(directory / "cases.json") << cases;
    const std::string command =
        std::string(python) + " '" + (test::oracle_directory() / "oracle.py").string() + "' '" +
        (directory / "cases.json").string() + "' '" + (directory / "results.json").string() + "'";
    ASSERT_EQ(std::system(command.c_str()), 0);
    std::ifstream file(directory / "results.json");
    const json results = json::parse(file);
    std::filesystem::remove_all(directory);
    ASSERT_EQ(results.size(), cases.size());
    for (std::size_t i = 0; i < cases.size(); ++i) {
        expect_as_oracle(cases[i], results[i]);
    }
}

int correct(const Head& head, const Dataset& data) {
    return static_cast<int>(std::lround(head.accuracy(data.features, data.labels) *
                                        static_cast<double>(data.labels.size())));
}

TEST(Twin, ReproducesThePaperOnItsFeatures) {
    const auto all = test::shared_csv();
    if (!all) {
        GTEST_SKIP() << test::no_shared_csv;
    }
    const Dataset training = test::rows(*all, 0, 128);
    const Dataset test = test::rows(*all, 128, 128);
    const Recipe recipe = chiang2023_recipe(200, 128);
    const Preprocessing fitted = fit_preprocessing(training.features, recipe.preset);
    std::vector<RowMatrix> models;
    const TwinResult twin =
        run_twin(prepare(training.features, training.labels, 10, fitted, recipe), recipe, nullptr,
                 [&](const TwinIteration& i) { models.push_back(i.model); });
    struct Golden {
        int iterations;
        int correct;
        double largest;
        double weight_3_7;
    };
    for (const Golden& golden :
         {Golden{1, 27, 0.0127689181, 0.0126703393}, Golden{2, 29, 0.0145355097, 0.00480120103},
          Golden{8, 49, 0.0883686717, -0.0294889117}, Golden{50, 104, 1.38966346, -0.0242931274},
          Golden{200, 105, 4.17692813, -0.165807887}}) {
        const RowMatrix& state = models[static_cast<std::size_t>(golden.iterations - 1)];
        const RowMatrix w = unscaled_weights(state, fitted, recipe);
        // Half a unit of the ninth digit.
        EXPECT_NEAR(w.cwiseAbs().maxCoeff() / golden.largest, 1.0, 5e-9) << golden.iterations;
        EXPECT_NEAR(w(3, 7) / golden.weight_3_7, 1.0, 5e-9) << golden.iterations;
        EXPECT_EQ(correct(finish_model(state, fitted, recipe), test), golden.correct);
    }
    EXPECT_LT(twin.largest_abs_z(), 8.9);
}

TEST(Twin, ReproducesTheSimulatedTableOfTheStandardPreset) {
    const auto all = test::shared_csv();
    if (!all) {
        GTEST_SKIP() << test::no_shared_csv;
    }
    const Dataset training = test::rows(*all, 0, 128);
    const Dataset test = test::rows(*all, 128, 128);
    const Preprocessing fitted = fit_preprocessing(training.features, Preset::standard);
    using Row = std::array<int, 5>;  // after 1, 2, 4, 8 and 20 iterations
    const std::map<std::array<int, 3>, Row> table{
        {{1, 8, 8}, {84, 89, 100, 104, 106}},  {{1, 8, 16}, {84, 98, 102, 105, 106}},
        {{3, 8, 8}, {84, 93, 100, 106, 106}},  {{3, 8, 16}, {84, 103, 103, 106, 104}},
        {{3, 12, 8}, {84, 89, 100, 103, 107}}, {{3, 12, 16}, {84, 99, 103, 107, 107}},
        {{5, 8, 8}, {84, 97, 102, 107, 106}},  {{5, 8, 16}, {84, 103, 102, 106, 107}},
        {{5, 12, 8}, {84, 93, 100, 105, 107}}, {{5, 12, 16}, {84, 102, 103, 107, 106}}};
    for (const auto& [key, expected] : table) {
        const auto [degree, range, step] = key;
        const Recipe recipe = standard_recipe(20, step, fit_sigmoid(degree, range));
        Row counts{};
        const std::array<int, 5> iterations{1, 2, 4, 8, 20};
        std::size_t next = 0;
        run_twin(prepare(training.features, training.labels, 10, fitted, recipe), recipe, nullptr,
                 [&](const TwinIteration& i) {
                     if (i.iteration + 1 == iterations[next]) {
                         counts[next++] = correct(finish_model(i.model, fitted, recipe), test);
                     }
                 });
        EXPECT_EQ(counts, expected) << degree << " on " << range << ", step " << step;
    }
}

struct Problem {
    Recipe recipe = standard_recipe(3, 6.0, fit_sigmoid(3, 12.0));
    Dataset data = synthetic(30, 60, 4, 0.6, 9);
    Preprocessing fitted = fit_preprocessing(data.features, Preset::standard);
    PreparedData prepared = prepare(data.features, data.labels, 4, fitted, recipe);
};

TEST(Twin, ShowsEveryIterationToTheCallback) {
    const Problem s;
    std::vector<int> seen;
    const TwinResult twin = run_twin(s.prepared, s.recipe, nullptr, [&](const TwinIteration& i) {
        seen.push_back(i.iteration);
        EXPECT_EQ(i.model, i.main);
    });
    EXPECT_EQ(seen, (std::vector<int>{0, 1, 2}));
    EXPECT_EQ(twin.model(), twin.main);
    EXPECT_EQ(twin.max_abs_z[0], 0.0);
    EXPECT_GE(twin.max_abs_state, twin.main.cwiseAbs().maxCoeff());
}

TEST(Twin, ShowsTheModelsThatAreWantedAndKeepsNone) {
    for (const ModelSequence sequence : {ModelSequence::main, ModelSequence::extrapolated}) {
        Problem s;
        s.recipe.model = sequence;
        std::vector<RowMatrix> primal;
        run_twin(s.prepared, s.recipe, nullptr,
                 [&](const TwinIteration& i) { primal.push_back(i.model); });
        std::vector<RowMatrix> dual;
        run_dual_twin(s.prepared, s.recipe, nullptr,
                      [&](int, const RowMatrix& main, const RowMatrix& extrapolated) {
                          dual.push_back(model_of(
                              sequence == ModelSequence::main ? main : extrapolated, s.prepared));
                      });
        for (const std::string_view solver : {"primal", "dual"}) {
            const std::vector<RowMatrix>& all = solver == "primal" ? primal : dual;
            std::vector<int> seen;
            visit_twin_models(
                solver, s.prepared, s.recipe, [](int iteration) { return iteration != 2; },
                [&](int iteration, const RowMatrix& model) {
                    seen.push_back(iteration);
                    EXPECT_EQ(model, all[static_cast<std::size_t>(iteration - 1)]);
                });
            EXPECT_EQ(seen, (std::vector<int>{1, 3}));
            EXPECT_EQ(test::twin_model(solver, s.prepared, s.recipe), all.back());
        }
        EXPECT_EQ(run_twin(s.prepared, s.recipe).model(), primal.back());
    }
}

// U at the scale of M: U / (1 - eta) = M' + eta / (1 - eta) M.
TEST(Twin, LargestHeldCountsTheFactorOfPositiveEtas) {
    Problem s;
    s.recipe.etas = {0.9, -0.5, 0.75};
    const std::vector<double> factors{10, 1, 4};
    double primal = 0;
    const TwinResult twin = run_twin(s.prepared, s.recipe, nullptr, [&](const TwinIteration& i) {
        const double factor = factors[static_cast<std::size_t>(i.iteration)];
        primal = std::max(
            {primal, i.main.cwiseAbs().maxCoeff(), factor * i.extrapolated.cwiseAbs().maxCoeff()});
    });
    EXPECT_NEAR(twin.max_abs_held, primal, 1e-12 * primal);
    EXPECT_GT(twin.max_abs_held, 1.5 * twin.max_abs_state);
    double dual = 0;
    const StateRun of_dual =
        run_dual_twin(s.prepared, s.recipe, nullptr,
                      [&](int t, const RowMatrix& main, const RowMatrix& extrapolated) {
                          const double factor = factors[static_cast<std::size_t>(t)];
                          dual = std::max({dual, main.cwiseAbs().maxCoeff(),
                                           factor * extrapolated.cwiseAbs().maxCoeff()});
                      });
    EXPECT_NEAR(of_dual.max_abs_held, dual, 1e-12 * dual);
    // Nesterov's are negative after the first, at which U / (1 - eta) is M.
    const Problem usual;
    const TwinResult nesterov = run_twin(usual.prepared, usual.recipe);
    EXPECT_EQ(nesterov.max_abs_held, nesterov.max_abs_state);
}

TEST(Twin, NoiseIsAFunctionOfItsSeed) {
    const Problem s;
    const NoiseModel noise{.features_std = 1e-3,
                           .labels_std = 1e-3,
                           .initial_std = 1e-3,
                           .logits_std = 1e-3,
                           .operand_std = 1e-3,
                           .error_std = 1e-3,
                           .gradient_std = 1e-3,
                           .state_std = 1e-3,
                           .seed = 7};
    NoiseModel other = noise;
    other.seed = 8;
    const RowMatrix first = run_twin(s.prepared, s.recipe, &noise).model();
    EXPECT_EQ(first, run_twin(s.prepared, s.recipe, &noise).model());
    EXPECT_NE(first, run_twin(s.prepared, s.recipe, &other).model());
    const NoiseModel none;
    EXPECT_EQ(run_twin(s.prepared, s.recipe, &none).model(),
              run_twin(s.prepared, s.recipe).model());
}

// One iteration from zero: M_1 = step (Y - 1/2)^T Xs plus what the noise adds.
TEST(Twin, NoiseHasTheDeviationAskedFor) {
    Problem s;
    s.recipe = standard_recipe(1, 6.0, fit_sigmoid(3, 12.0));
    const RowMatrix exact = run_twin(s.prepared, s.recipe).main;
    const double count = static_cast<double>(exact.size());
    // The mean of `count` squares of standard normals is 1 with deviation sqrt(2 / count); six of
    // them fail once in 10^9.
    const double tolerance = 6.0 * std::sqrt(2.0 / count);
    const auto spread = [&](const NoiseModel& noise) {
        return (run_twin(s.prepared, s.recipe, &noise).main - exact).squaredNorm() / count;
    };
    EXPECT_NEAR(spread({.state_std = 1e-3}) / 1e-6, 1.0, tolerance);
    EXPECT_NEAR(spread({.gradient_std = 1e-3}) / 36e-6, 1.0, tolerance);

    // Noise N of labels, errors or logits (times s'(0)) enters as step N^T Xs: given Xs, column j
    // has deviation step std |xs_j|, and whole rows are correlated. E |.|^2 = step^2 std^2 c
    // |Xs|^2, with variance 2 step^4 std^4 c |Xs^T Xs|^2.
    const double mean = 36e-6 * 4.0 * s.prepared.xs.squaredNorm();
    const RowMatrix gram = s.prepared.xs * s.prepared.xs.transpose();
    const double deviation = 36e-6 * std::sqrt(2.0 * 4.0) * gram.norm();
    EXPECT_NEAR(spread({.labels_std = 1e-3}) * count, mean, 6.0 * deviation);
    EXPECT_NEAR(spread({.error_std = 1e-3}) * count, mean, 6.0 * deviation);
    const double slope = s.recipe.sigmoid.derivative(0.0);
    EXPECT_NEAR(spread({.logits_std = 1e-3}) * count / (slope * slope), mean, 6.0 * deviation);
    EXPECT_NEAR(spread({.initial_std = 1e-3}) * count / (slope * slope), mean, 6.0 * deviation);
    // No product has rotations here.
    EXPECT_EQ(spread({.operand_std = 1e-3}), 0.0);
    // Noise of the features: step (Y - 1/2)^T N, |Y - 1/2|^2 = n c / 4; the c rows share N.
    const RowMatrix error = s.prepared.y.array() - 0.5;
    const RowMatrix error_gram = error.transpose() * error;
    const double d = static_cast<double>(s.prepared.columns());
    EXPECT_NEAR(spread({.features_std = 1e-3}) * count, 36e-6 * d * error.squaredNorm(),
                6.0 * 36e-6 * std::sqrt(2.0 * d) * error_gram.norm());
}

// The second iteration's product: entry (i, k) of Z has the operand's deviation times |x_i|. With a
// sigmoid of degree 1 that enters M_2 as step c1 (D N)^T Xs, D = diag(|x_i|): the mean of the
// square is that of tr(Xs^T D^2 Xs), and its deviation is as above.
TEST(Twin, NoiseOfRotationsGrowsWithTheNormOfTheRow) {
    Problem s;
    s.recipe = standard_recipe(2, 6.0, fit_sigmoid(1, 12.0));
    const RowMatrix exact = run_twin(s.prepared, s.recipe).main;
    const NoiseModel noise{.operand_std = 1e-3};
    const double measured = (run_twin(s.prepared, s.recipe, &noise).main - exact).squaredNorm();
    const RowMatrix scaled = s.prepared.xs.rowwise().norm().asDiagonal() * s.prepared.xs;
    const RowMatrix gram = scaled * scaled.transpose();
    const double factor = 36e-6 * std::pow(s.recipe.sigmoid.odd.at(0), 2);
    EXPECT_NEAR(measured, factor * 4.0 * scaled.squaredNorm(),
                6.0 * factor * std::sqrt(2.0 * 4.0) * gram.norm());
}

TEST(Twin, DeviationIsThatOfTheWorstRun) {
    const Problem s;
    const NoiseModel noise{.logits_std = 1e-6, .state_std = 1e-6, .seed = 5};
    const RowMatrix exact =
        finish_model(run_twin(s.prepared, s.recipe).model(), s.fitted, s.recipe).weights;
    double worst = 0.0;
    for (std::uint64_t seed = 5; seed < 9; ++seed) {
        NoiseModel one = noise;
        one.seed = seed;
        const RowMatrix weights =
            finish_model(run_twin(s.prepared, s.recipe, &one).model(), s.fitted, s.recipe).weights;
        worst = std::max(worst, (weights - exact).cwiseAbs().maxCoeff());
    }
    EXPECT_GT(worst, 0.0);
    set_thread_count(1);
    EXPECT_EQ(test::max_deviation("primal", s.prepared, s.fitted, s.recipe, noise, 4), worst);
    set_thread_count(0);
    EXPECT_EQ(test::max_deviation("primal", s.prepared, s.fitted, s.recipe, noise, 4), worst);
    EXPECT_EQ(test::max_deviation("primal", s.prepared, s.fitted, s.recipe, NoiseModel{}, 2), 0.0);
}

TEST(Twin, DivergenceShowsInTheWeights) {
    Problem s;
    s.recipe = standard_recipe(300, 60.0, fit_sigmoid(3, 8.0));
    const TwinResult twin = run_twin(s.prepared, s.recipe);
    EXPECT_FALSE(twin.model().allFinite());
    EXPECT_FALSE(std::isfinite(twin.largest_abs_z()));
    EXPECT_THROW(finish_model(twin.model(), s.fitted, s.recipe), Error);
}

TEST(Twin, RefusesWhatDoesNotFit) {
    Problem s;
    const NoiseModel negative{.logits_std = -1.0};
    EXPECT_THROW(run_twin(s.prepared, s.recipe, &negative), Error);
    EXPECT_THROW(test::max_deviation("primal", s.prepared, s.fitted, s.recipe, NoiseModel{}, 0),
                 Error);
    Recipe recipe = s.recipe;
    recipe.etas.pop_back();
    EXPECT_THROW(run_twin(s.prepared, recipe), Error);
    s.prepared.y.conservativeResize(29, 4);
    EXPECT_THROW(run_twin(s.prepared, s.recipe), Error);
}

}  // namespace
}  // namespace cipherfit
