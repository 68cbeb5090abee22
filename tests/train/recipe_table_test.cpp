// A table of recipes, shapes and solvers: what is planned for each, which keys it asks for, where
// its levels go and what it counts. The values in tests/train/fixtures/recipe_table.json were
// written by the version before the circuits were recorded, whose derivations were made by hand: a
// change that is meant to change nothing leaves them alone. A change that is meant to change some
// writes the table again, with CIPHERFIT_WRITE_FIXTURES=1, and its commit says why. So far: the
// last iteration of a bootstrapped dual run was counted with a product that it does not do, and the
// key of forward babies was made for the level of a first mini-batch that has none; two classes are
// one head, and blocks of states go through one bootstrapping together; plans of the dual with the
// owner's Gram matrix do not name the number of features.
#include "cipherfit/train/cost.h"
#include "cipherfit/train/plan.h"
#include "support/errors.h"
#include "support/small_rings.h"

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace cipherfit {
namespace {

struct Row {
    std::string name;
    TrainingShape shape;
    Recipe recipe;
    PlanOptions options = {};
};

PlanOptions solver_options(std::string_view solver, GramSource gram = GramSource::owner) {
    PlanOptions options;
    options.solver = solver;
    options.gram = gram;
    return options;
}

PlanOptions small_ring(std::string_view solver, unsigned log_n, bool refreshed) {
    PlanOptions options = solver_options(solver);
    options.log_n = log_n;
    options.memory_limit_bytes = 1e12;
    options.insecure_for_tests_only = true;
    options.refresh = refreshed ? PlanOptions::Refresh::always : PlanOptions::Refresh::never;
    options.refresh_range = refreshed ? 10 : 0;
    return options;
}

PlanOptions with_models(PlanOptions options, int every) {
    options.models_every = every;
    return options;
}

Recipe with(Recipe recipe, double decay, int batch, double initial_weight = 0.0) {
    recipe.decay = decay;
    recipe.batch = batch;
    recipe.initial_weight = initial_weight;
    return recipe;
}

// Coefficients that no fit decides, so that the table does not depend on one's last bits.
SigmoidPolynomial sigmoid(int degree) {
    const std::vector<double> odd{0.2159198015, -0.0082176259, 0.0001825597, -0.0000018848};
    return {{odd.begin(), odd.begin() + (degree + 1) / 2}, 8.0};
}

Recipe table_recipe(int iterations, int degree, Momentum momentum = Momentum::nesterov) {
    return standard_recipe(iterations, 1.8, sigmoid(degree), momentum);
}

std::vector<Row> rows() {
    const TrainingShape digits{.samples = 1437, .features = 65, .classes = 10};
    const TrainingShape pictures{.samples = 128, .features = 401, .classes = 10};
    const TrainingShape mnist{.samples = 11982, .features = 197, .classes = 2};
    const TrainingShape small{.samples = 60, .features = 20, .classes = 4};
    const TrainingShape classes40{.samples = 60, .features = 20, .classes = 40};
    return {
        {"primal, degree 1", digits, table_recipe(4, 1), solver_options("primal")},
        {"primal, degree 3", digits, table_recipe(4, 3), solver_options("primal")},
        {"primal, degree 5", digits, table_recipe(3, 5), solver_options("primal")},
        {"primal, degree 7", digits, table_recipe(3, 7), solver_options("primal")},
        {"primal, one iteration", digits, table_recipe(1, 3), solver_options("primal")},
        {"primal, no momentum", digits, table_recipe(4, 3, Momentum::none),
         solver_options("primal")},
        {"primal, preset", pictures, chiang2023_recipe(2, 128), solver_options("primal")},
        {"primal, two classes", mnist, table_recipe(3, 3), solver_options("primal")},
        {"primal, mini-batches", mnist, with(table_recipe(4, 3), 0, 4096),
         solver_options("primal")},
        {"primal, mini-batches and preset", digits,
         with(chiang2023_recipe(4, 1437), 0.01, 400, 0.0128), solver_options("primal")},
        {"primal, 150 classes",
         {.samples = 900, .features = 33, .classes = 150},
         table_recipe(3, 3),
         solver_options("primal")},
        {"dual, degree 1", pictures, table_recipe(6, 1), solver_options("dual")},
        {"dual, degree 3", pictures, table_recipe(6, 3), solver_options("dual")},
        {"dual, degree 5", pictures, table_recipe(5, 5), solver_options("dual")},
        {"dual, degree 7", pictures, table_recipe(5, 7), solver_options("dual")},
        {"dual, no momentum", pictures, table_recipe(6, 3, Momentum::none), solver_options("dual")},
        {"dual, preset", pictures, chiang2023_recipe(3, 128), solver_options("dual")},
        {"dual, server's Gram matrix",
         {.samples = 60, .features = 30, .classes = 3},
         table_recipe(3, 3),
         solver_options("dual", GramSource::server)},
        {"dual, server's Gram matrix and preset",
         {.samples = 60, .features = 30, .classes = 3},
         chiang2023_recipe(3, 60),
         solver_options("dual", GramSource::server)},
        {"the planner's choice", pictures, table_recipe(8, 3)},
        {"bootstrapped primal", digits, table_recipe(60, 3), solver_options("primal")},
        {"bootstrapped dual", pictures, table_recipe(60, 3), solver_options("dual")},
        {"small bootstrapped primal", small, with(table_recipe(8, 3), 0.02, 0),
         small_ring("primal", 10, true)},
        {"small bootstrapped primal, groups of classes", classes40,
         table_recipe(8, 3, Momentum::none), small_ring("primal", 10, true)},
        {"small bootstrapped primal, mini-batches", small, with(table_recipe(9, 5), 0, 16),
         small_ring("primal", 10, true)},
        {"small bootstrapped primal, preset", small, chiang2023_recipe(8, 60),
         small_ring("primal", 10, true)},
        {"small bootstrapped dual", small, table_recipe(9, 3),
         with_models(small_ring("dual", 10, true), 2)},
        {"small bootstrapped dual, preset", small, chiang2023_recipe(8, 60),
         small_ring("dual", 10, true)},
        {"small primal, groups of classes", classes40, chiang2023_recipe(3, 60),
         small_ring("primal", 9, false)},
        {"small dual", small, with(table_recipe(4, 7, Momentum::none), 0.1, 0),
         small_ring("dual", 9, false)},
    };
}

nlohmann::json described(const TrainingPlan& plan) {
    nlohmann::json levels = nlohmann::json::array();
    for (const IterationLevels& at : plan.levels()) {
        levels.push_back(fmt::format("{}{} {} {} {} {}", at.refresh ? "r " : "", at.start,
                                     at.forward, at.sigmoid, at.backward, at.end));
    }
    std::string keys;
    const KeyRequest request = plan.keys();
    for (const auto& [id, level] : request.levels()) {
        keys += fmt::format("{}@{} ", id.code, level);
    }
    nlohmann::json counts = nlohmann::json::array();
    const TrainingCounts all = count_operations(plan);
    const auto count = [&](const OperationCounts& c) {
        counts.push_back(fmt::format("{} {} {}", c.decompositions, c.switches, c.products));
    };
    count(all.preparation);
    std::for_each(all.iterations.begin(), all.iterations.end(), count);
    return {{"hash", to_hex(plan.hash())},
            {"solver", plan.solver().name()},
            {"log_n", plan.parameters().log_n()},
            {"levels", levels},
            {"keys", keys},
            {"counts", counts}};
}

std::string fixture() {
    return CIPHERFIT_TEST_SOURCES "/train/fixtures/recipe_table.json";
}

TEST(RecipeTable, PlansKeysLevelsAndCountsAreThoseOfTheTable) {
    if (test::small_rings()) {
        GTEST_SKIP() << "plans of full size are left out: CIPHERFIT_SMALL_RINGS is set";
    }
    nlohmann::json table;
    for (const Row& row : rows()) {
        table[row.name] = described(TrainingPlan::create(row.shape, row.recipe, row.options));
    }
    if (std::getenv("CIPHERFIT_WRITE_FIXTURES") != nullptr) {
        std::ofstream(fixture()) << table.dump(1) << '\n';
        GTEST_SKIP() << "the table was written again";
    }
    const nlohmann::json expected = nlohmann::json::parse(std::ifstream(fixture()));
    EXPECT_EQ(table.size(), expected.size());
    for (const auto& [name, row] : table.items()) {
        ASSERT_TRUE(expected.contains(name)) << name;
        for (const auto& [member, value] : row.items()) {
            EXPECT_EQ(value, expected[name][member]) << name << ": " << member;
        }
    }
}

}  // namespace
}  // namespace cipherfit
