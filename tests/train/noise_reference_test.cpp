// The circuits themselves with the error of every operation, in the clear, against the solvers'
// own models of the error and against runs under encryption.
#include "cipherfit/solver/owner/noise.h"
#include "solver/owner/model_reader.h"
#include "solver/training_circuit.h"
#include "support/noise_bounds.h"
#include "support/noisy_operations.h"
#include "support/small_rings.h"
#include "support/solvers.h"
#include "support/training_run.h"

#include <algorithm>
#include <cmath>
#include <iostream>
#include <string>
#include <utility>
#include <vector>

namespace cipherfit {
namespace {

using test::NoisyOperations;
using test::TrainingRun;

RowMatrix model_of(const TrainingRun& run, int iteration, const SlotBlocks& blocks) {
    return owner_solver(run.plan).reader(run.plan, run.prepared.xs)->model(iteration, blocks);
}

struct Models {
    RowMatrix exact, noisy;
};

// The model that the plan's circuit makes in the clear.
Models followed(const TrainingRun& run, std::uint64_t seed) {
    NoisyOperations operations(run.plan.parameters(), seed);
    CircuitData data;
    for_each_message(run.plan, run.prepared, 0, [&](const TrainingMessage& message) {
        data[message.name].push_back(operations.input(message.slots, message.level, message.scale));
    });
    const auto circuit = training_circuit(run.plan, operations, std::move(data));
    CircuitState state;
    for (int t = 0; t < run.plan.recipe().iterations; ++t) {
        state = circuit->step(state);
    }
    SlotBlocks exact;
    SlotBlocks noisy;
    for (const Handle& block : state[run.plan.solver().model_sequence(run.plan, state.iteration)]) {
        const NoisyOperations::Values& values = NoisyOperations::values(block);
        const auto real = [](const NoisyOperations::Slots& slots) {
            std::vector<double> parts(slots.size());
            std::transform(slots.begin(), slots.end(), parts.begin(),
                           [](const auto& slot) { return slot.real(); });
            return parts;
        };
        exact.push_back(real(values.exact));
        noisy.push_back(real(values.noisy));
    }
    return {model_of(run, state.iteration, exact), model_of(run, state.iteration, noisy)};
}

double distance(const RowMatrix& a, const RowMatrix& b) {
    return (a - b).cwiseAbs().maxCoeff();
}

TEST(NoiseReference, EveryOperationsErrorsAreWhatIsMeasured) {
    const TrainingShape shape{.samples = 30, .features = 12, .classes = 3};
    const int runs = test::small_rings() ? 2 : 6;
    for (const SolverKind* kind : solver_kinds()) {
        for (const int degree : {1, 3, 5, 7}) {
            if (kind->only_degree().value_or(degree) != degree) {
                continue;
            }
            SCOPED_TRACE(std::string(kind->name()) + ", degree " + std::to_string(degree));
            const Recipe recipe = standard_recipe(4, 1.8, fit_sigmoid(degree, 8));
            PlanOptions options;
            options.solver = kind->name();
            options.log_n = 9;
            options.memory_limit_bytes = 1e12;
            options.insecure_for_tests_only = true;
            options.refresh = PlanOptions::Refresh::never;
            const TrainingRun run(shape, recipe, options, 3);
            const RowMatrix twin = test::twin_model(run.plan.solver().form(), run.prepared, recipe);
            double of_operations = 0;  // sums of squares
            double measured = 0;
            double largest = 0;
            for (int seed = 1; seed <= runs; ++seed) {
                const Models models = followed(run, static_cast<std::uint64_t>(seed));
                // In numbers without errors the circuit is the twin.
                EXPECT_LT(distance(models.exact, twin), 1e-10);
                of_operations += (models.noisy - models.exact).squaredNorm();
                measured += (test::encrypted_model(run) - twin).squaredNorm();
                largest = std::max(largest, distance(models.noisy, models.exact));
            }
            const double quotient = std::sqrt(measured / of_operations);
            std::cout << kind->name() << ", degree " << degree << ": errors " << quotient
                      << " times those of the operations\n";
            EXPECT_GT(quotient, 0.5);
            EXPECT_LT(quotient, 2.0);
            const double bound = test::state_error_bound(run.plan, run.prepared);
            EXPECT_LT(largest, bound);
            EXPECT_GT(largest, bound / 32);
        }
    }
}

}  // namespace
}  // namespace cipherfit
