// An iteration of the dual solver in a run with bootstrappings. The coefficients A grow to
// thousands over hundreds of iterations, the logits that they stand for do not: so it is D = K A,
// the logits less Z_0, that goes from one iteration to the next, and through bootstrappings,
//
//     E = Y - s(Z_0 + D_S),   D_M' = (1 - decay) D_U + step K E,   D_U' = (1 - eta) D_M' + eta D_M
//
// and the model's coefficients, a sum of all E with public weights, are added up on the side; so
// are those of models in between, segment by segment (segments.h).
#pragma once

#include "cipherfit/circuit/operations.h"
#include "cipherfit/linalg/gram_product.h"
#include "solver/dual_logits/dual_logits_solver.h"
#include "solver/dual_logits/segments.h"
#include "solver/state_refresh.h"
#include "solver/training_circuit.h"

#include <vector>

namespace cipherfit {

class LogitIteration : public TrainingCircuit {
  public:
    // Data that was checked against the plan; plan and operations must outlive this object.
    LogitIteration(const TrainingPlan& plan, Operations& operations, CircuitData data);
    CircuitState step(const CircuitState& state) override;

  private:
    // E_t as replicas.
    Handle errors(const CircuitState& state) const;
    // D + Z_0.
    Handle logits(const Handle& d) const;
    // weight E_t, and what was added up before.
    Handle add_up(const Handle& e, double weight, const Handle* so_far) const;
    // The sums of the segment that iteration t is in, with E_t.
    std::vector<Handle> segment(const Handle& e, std::size_t t,
                                const std::vector<Handle>& so_far) const;

    const TrainingPlan& plan_;
    const DualLogitsSolver& solver_;
    Operations& operations_;
    StateRefresh refresh_;
    EncryptedGram gram_;  // refers to operations_
    std::vector<double> mask_;
    std::vector<double> weights_;
    SegmentWeights segment_weights_;
    std::vector<Handle> labels_, logits_, start_;
};

}  // namespace cipherfit
