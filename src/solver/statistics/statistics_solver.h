// The statistics solver: least squares from two sums over the rows, the Gram matrix of the features
// G = Xs^T Xs (d x d) and b = Xs^T (Y - 1/2) (d x c). With the linear sigmoid s(z) = 1/2 + c1 z the
// gradient of all rows is
//
//     Q = b - c1 G V
//
// so that the iterates are those of the primal solver, and neither the number of rows nor the
// sigmoid costs anything under encryption: one level an iteration, one product. A ridge lambda is a
// public coefficient of the recurrence: with the decay step * lambda, M_{t+1} takes up
// step (Q - lambda U), which is the gradient with c1 G + lambda I.
//
// The state is V (d x c) in the Gram layout (linalg/gram_layout.h) with a single lane: G is
// stored by its diagonals, and a product leaves values where the next one takes them, so that no
// mask, which would cost a level, comes between.
#pragma once

#include "cipherfit/linalg/gram_layout.h"
#include "cipherfit/solver/solver.h"

#include <cstddef>
#include <string_view>

namespace cipherfit {

// Names of messages: the diagonals of G, and b.
inline constexpr std::string_view gram_message = "gram";
inline constexpr std::string_view moments_message = "moments";

// Whether d x c values fit a ring, and their layout. Throws Error(invalid_argument) if not.
bool statistics_fit(std::size_t slots, const TrainingShape& shape) noexcept;
GramLayout statistics_layout(std::size_t slots, const TrainingShape& shape, std::size_t babies);

class StatisticsSolver : public Solver {
  public:
    explicit StatisticsSolver(const GramLayout& layout) : layout_(layout) {}

    const GramLayout& layout() const noexcept { return layout_; }
    // c1, with which products with G enter the gradient.
    static double slope(const Recipe& recipe) { return recipe.sigmoid.odd.front(); }
    // The scale of G: it leaves the state's scale, in the mean over the iterations, as it is.
    double gram_scale(const TrainingPlan& plan) const;
    // The scale of b: the first state then has the plan's scale.
    double moments_scale(const TrainingPlan& plan) const;
    // The scale of the sequence at which gradients are taken, after `iteration` >= 1 iterations.
    // Nothing but the product can bring it back to the plan's: it wanders with the updates'
    // factors, by 0.4 bits with Nesterov's at 8 iterations and 2.2 at 60, upwards, and ends where
    // it began.
    double state_scale(const TrainingPlan& plan, int iteration) const;
    // The least of these.
    double least_state_scale(const TrainingPlan& plan) const;

    const SolverKind& kind() const noexcept override;
    std::vector<SequenceShape> messages(const TrainingPlan& plan, std::size_t batch) const override;
    std::vector<SequenceShape> state(const TrainingPlan& plan, int iteration) const override;
    std::size_t state_ciphertexts() const noexcept override { return 1; }
    std::size_t state_period() const noexcept override { return layout_.slots(); }
    double capacity(const TrainingPlan& plan) const override;
    std::unique_ptr<TrainingCircuit> circuit(const TrainingPlan& plan, Operations& operations,
                                             CircuitData data) const override;
    std::shared_ptr<const Solver> least(TrainingShape& shape) const override;
    double products_per_iteration(const TrainingPlan& plan) const override;
    TrainingCounts estimate(const TrainingPlan& plan) const override;
    void add_to_json(nlohmann::json& json) const override;

  private:
    GramLayout layout_;
};

// The solver of a statistics plan. Throws Error(internal) for another.
const StatisticsSolver& statistics_solver(const TrainingPlan& plan);

}  // namespace cipherfit
