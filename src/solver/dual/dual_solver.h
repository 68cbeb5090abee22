// The dual solver: the model's coefficients A, U = A^T Xs (n x c), with the n x n Gram matrix
// K = Xs Xs^T and one product an iteration in the Gram layout. Few samples; one chain.
#pragma once

#include "cipherfit/linalg/gram_layout.h"
#include "solver/gradient_solver.h"

#include <cstddef>

namespace cipherfit {

// Levels that the server spends on making the Gram matrix.
inline constexpr std::size_t gram_levels = 2;

// The layout of the Gram matrix: one that the server makes has two heads at least, which halves the
// features' ciphertexts.
std::size_t least_padded_heads(GramSource source) noexcept;
GramLayout gram_layout(std::size_t slots, const TrainingShape& shape, std::size_t babies,
                       GramSource source);

class DualSolver : public GradientSolver {
  public:
    DualSolver(const GramLayout& layout, GramSource source) : layout_(layout), source_(source) {}

    const GramLayout& layout() const noexcept { return layout_; }
    GramSource source() const noexcept { return source_; }

    const SolverKind& kind() const noexcept override;
    double feature_scale(const TrainingPlan& plan) const noexcept override;
    double label_scale(const TrainingPlan& plan) const noexcept override;
    bool ends_with_product() const noexcept override { return false; }
    std::size_t feature_ciphertexts(const TrainingShape& shape) const noexcept override;
    std::size_t label_ciphertexts() const noexcept override { return 1; }
    std::size_t start_ciphertexts() const noexcept override { return 1; }
    std::size_t state_ciphertexts() const noexcept override { return 1; }
    std::size_t state_period() const noexcept override { return layout_.slots(); }
    std::size_t extra_levels() const noexcept override {
        return source_ == GramSource::server ? gram_levels : 0;
    }
    double capacity(const TrainingPlan& plan) const override;
    bool tells_features() const noexcept override { return source_ == GramSource::server; }
    std::unique_ptr<TrainingCircuit> circuit(const TrainingPlan& plan, Operations& operations,
                                             CircuitData data) const override;
    std::shared_ptr<const Solver> least(TrainingShape& shape) const override;
    double products_per_iteration(const TrainingPlan& plan) const override;
    TrainingCounts estimate(const TrainingPlan& plan) const override;
    void add_to_json(nlohmann::json& json) const override;

  protected:
    std::size_t feature_level(const TrainingPlan& plan, std::size_t batch) const noexcept override;

  private:
    GramLayout layout_;
    GramSource source_;
};

// The solver of a dual plan, in one chain or with bootstrappings. Throws Error(internal) for
// another.
const DualSolver& dual_solver(const TrainingPlan& plan);

}  // namespace cipherfit
