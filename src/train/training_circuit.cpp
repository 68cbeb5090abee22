#include "train/training_circuit.h"

#include "train/dual_iteration.h"
#include "train/logit_iteration.h"
#include "train/primal_iteration.h"

#include <utility>

namespace cipherfit {

std::unique_ptr<TrainingCircuit> training_circuit(const TrainingPlan& plan, Operations& operations,
                                                  CircuitData data) {
    operations.phase("preparation");
    if (plan.solver() == Solver::primal) {
        return std::make_unique<PrimalIteration>(plan, operations, std::move(data));
    }
    if (plan.adds_up_errors()) {
        return std::make_unique<LogitIteration>(plan, operations, std::move(data));
    }
    return std::make_unique<DualIteration>(plan, operations, std::move(data));
}

std::unique_ptr<TrainingCircuit> training_circuit(const TrainingPlan& plan, Operations& operations,
                                                  CircuitSource source) {
    operations.phase("preparation");
    return std::make_unique<PrimalIteration>(plan, operations, std::move(source));
}

}  // namespace cipherfit
