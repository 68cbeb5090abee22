#include "solver/dual/dual_solver.h"

#include "cipherfit/train/cost.h"
#include "solver/dual/dual_iteration.h"
#include "train/training_trace.h"
#include "train/work_estimate.h"

#include <cmath>
#include <utility>

#include <nlohmann/json.hpp>

namespace cipherfit {

std::size_t least_padded_heads(GramSource source) noexcept {
    return source == GramSource::server ? 2 : 1;
}

GramLayout gram_layout(std::size_t slots, const TrainingShape& shape, std::size_t babies,
                       GramSource source) {
    return GramLayout::create(slots, shape.samples, shape.heads, babies,
                              least_padded_heads(source));
}

// Features of which a Gram matrix is made are multiplied with each other and rescaled.
double DualSolver::feature_scale(const TrainingPlan& plan) const noexcept {
    return source_ == GramSource::server ? std::exp2(static_cast<double>(plan.scale_bits()))
                                         : product_scale(plan);
}

double DualSolver::label_scale(const TrainingPlan& plan) const noexcept {
    return std::exp2(static_cast<double>(plan.scale_bits()));
}

std::size_t DualSolver::feature_level(const TrainingPlan& plan, std::size_t batch) const noexcept {
    return source_ == GramSource::server ? plan.parameters().max_level()
                                         : GradientSolver::feature_level(plan, batch);
}

std::size_t DualSolver::feature_ciphertexts(const TrainingShape& shape) const noexcept {
    return source_ == GramSource::owner ? layout_.gram_blocks()
                                        : 2 * layout_.feature_chunks(shape.features);
}

double DualSolver::capacity(const TrainingPlan& plan) const {
    return plan.lowest_capacity();
}

std::unique_ptr<TrainingCircuit> DualSolver::circuit(const TrainingPlan& plan,
                                                     Operations& operations,
                                                     CircuitData data) const {
    return std::make_unique<DualIteration>(plan, operations, std::move(data));
}

// The plan of one chunk of features: more of them are treated alike.
std::shared_ptr<const Solver> DualSolver::least(TrainingShape& shape) const {
    shape.features = 1;
    return std::make_shared<DualSolver>(layout_, source_);
}

// These products take less of a tape than the primal's.
double DualSolver::products_per_iteration(const TrainingPlan& plan) const {
    return static_cast<double>(feature_ciphertexts(plan.shape())) *
           static_cast<double>(layout_.gram_blocks()) / 16;
}

TrainingCounts DualSolver::estimate(const TrainingPlan& plan) const {
    const RingShape ring = full_ring(plan.parameters());
    TrainingCounts counts;
    if (source_ == GramSource::server) {
        counts.preparation =
            count_gram(layout_, layout_.feature_chunks(plan.shape().features), ring);
    }
    for (const IterationLevels& at : plan.levels()) {
        counts.iterations.push_back(count_iteration(layout_, plan.recipe().sigmoid.degree(), ring,
                                                    at, &at == &plan.levels().back()));
    }
    return counts;
}

void DualSolver::add_to_json(nlohmann::json& json) const {
    json["babies"] = layout_.babies();
    json["kernel"] = cipherfit::name(source_);
}

const DualSolver& dual_solver(const TrainingPlan& plan) {
    const auto* solver = dynamic_cast<const DualSolver*>(&plan.solver());
    require(solver != nullptr, ErrorCode::internal, "a plan of the {} solver is no dual one",
            plan.solver().name());
    return *solver;
}

}  // namespace cipherfit
