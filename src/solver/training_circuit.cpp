#include "solver/training_circuit.h"

#include <utility>

namespace cipherfit {

std::unique_ptr<TrainingCircuit> training_circuit(const TrainingPlan& plan, Operations& operations,
                                                  CircuitData data) {
    operations.phase("preparation");
    return plan.solver().circuit(plan, operations, std::move(data));
}

std::unique_ptr<TrainingCircuit> training_circuit(const TrainingPlan& plan, Operations& operations,
                                                  CircuitSource source) {
    operations.phase("preparation");
    return plan.solver().circuit(plan, operations, std::move(source));
}

}  // namespace cipherfit
