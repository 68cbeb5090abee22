// The dual solver in a run with bootstrappings: what goes from one iteration to the next are the
// logits of the samples, and the model's coefficients are added up beside them (logit_iteration.h).
#pragma once

#include "solver/dual/dual_solver.h"

#include <cstddef>
#include <string_view>
#include <vector>

namespace cipherfit {

// The level of the sum of errors that becomes the model, before its rescaling.
inline constexpr std::size_t coefficient_level = 2;

// Sums of errors beside the states: of the run's model, and of the segment at hand (segments.h).
inline constexpr std::string_view coefficients_sequence = "coefficients";
inline constexpr std::string_view segment_sequence = "segment";

class DualLogitsSolver : public DualSolver {
  public:
    explicit DualLogitsSolver(const GramLayout& layout) : DualSolver(layout, GramSource::owner) {}

    std::string_view form() const noexcept override { return "dual_logits"; }
    bool ends_with_product() const noexcept override { return true; }
    double capacity(const TrainingPlan& plan) const override;
    std::vector<SequenceShape> state(const TrainingPlan& plan, int iteration) const override;
    std::string_view model_sequence(const TrainingPlan& plan, int iteration) const override;
    int models_every(const TrainingPlan& plan) const override;
    bool joins_models() const noexcept override { return true; }
    int variant(const TrainingPlan& plan, int t) const override;
    std::unique_ptr<TrainingCircuit> circuit(const TrainingPlan& plan, Operations& operations,
                                             CircuitData data) const override;
    std::shared_ptr<const Solver> least(TrainingShape& shape) const override;

    // The scale of the coefficients that are added up, at coefficient_level. That is a level above
    // the model, whose scale is the states'.
    double coefficient_scale(const TrainingPlan& plan) const noexcept;
    // The largest coefficient, as a polynomial, of the sums of segments that the owner can decode.
    double segment_capacity(const TrainingPlan& plan) const noexcept;
    // Ciphertexts of a state's sums over its segment: of M and, with momentum, of U; none in the
    // first state, and none after the last boundary before the end.
    std::size_t segment_ciphertexts(const TrainingPlan& plan, int iteration) const;

  protected:
    bool logits_join_sigmoid() const noexcept override { return true; }
};

// The solver of such a plan. Throws Error(internal) for another.
const DualLogitsSolver& dual_logits_solver(const TrainingPlan& plan);

}  // namespace cipherfit
