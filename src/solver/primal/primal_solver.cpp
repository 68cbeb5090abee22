#include "solver/primal/primal_solver.h"

#include "cipherfit/train/cost.h"
#include "solver/primal/primal_iteration.h"
#include "train/training_trace.h"
#include "train/work_estimate.h"

#include <algorithm>
#include <utility>

#include <nlohmann/json.hpp>

namespace cipherfit {

// So that the first state of a run from zero has the scale of all later ones.
double PrimalSolver::label_scale(const TrainingPlan& plan) const noexcept {
    return error_scale(plan, 0);
}

std::size_t PrimalSolver::feature_ciphertexts(const TrainingShape& /*shape*/) const noexcept {
    return layout_.sample_blocks() * layout_.feature_blocks();
}

std::size_t PrimalSolver::label_ciphertexts() const noexcept {
    return class_groups() * layout_.sample_blocks();
}

std::size_t PrimalSolver::state_ciphertexts() const noexcept {
    return class_groups() * layout_.feature_blocks();
}

double PrimalSolver::capacity(const TrainingPlan& plan) const {
    // What is bootstrapped is held to its range as a polynomial, and no entry is larger than the
    // sum of its 2 n coefficients.
    return plan.refresh_count() > 0
               ? 2 * static_cast<double>(state_period()) * plan.refresh().value().range()
               : plan.lowest_capacity();
}

std::unique_ptr<TrainingCircuit> PrimalSolver::circuit(const TrainingPlan& plan,
                                                       Operations& operations,
                                                       CircuitData data) const {
    return std::make_unique<PrimalIteration>(plan, operations, std::move(data));
}

std::unique_ptr<TrainingCircuit> PrimalSolver::circuit(const TrainingPlan& plan,
                                                       Operations& operations,
                                                       CircuitSource source) const {
    return std::make_unique<PrimalIteration>(plan, operations, std::move(source));
}

// The plan of one block of samples and features, and one group of classes: more of them are
// treated alike.
std::shared_ptr<const Solver> PrimalSolver::least(TrainingShape& shape) const {
    shape.classes = layout_.classes();
    shape.heads = layout_.classes();
    return std::make_shared<PrimalSolver>(
        LaneLayout::create(
            layout_.slots(), layout_.lane(), std::min(layout_.samples(), layout_.rows()),
            std::min(layout_.features(), layout_.features_per_block()), layout_.classes()),
        shifts_, shape.heads);
}

double PrimalSolver::products_per_iteration(const TrainingPlan& plan) const {
    return static_cast<double>(feature_ciphertexts(plan.shape())) *
           static_cast<double>(layout_.padded_classes()) * static_cast<double>(class_groups()) *
           static_cast<double>(plan.files_of(0).count);
}

double PrimalSolver::kept_copies() const noexcept {
    return static_cast<double>(shifts_.forward_baby + shifts_.backward_baby);
}

TrainingCounts PrimalSolver::estimate(const TrainingPlan& plan) const {
    const RingShape ring = full_ring(plan.parameters());
    const auto babies = [&](std::size_t batch, bool with_forward) {
        return count_babies(layout_, shifts_, ring, static_cast<int>(feature_level(plan, batch)),
                            with_forward);
    };
    TrainingCounts counts;
    if (plan.row_files() == 1) {
        counts.preparation = babies(0, plan.recipe().iterations > 1);
    }
    for (int t = 0; t < plan.recipe().iterations; ++t) {
        const IterationLevels& at = plan.levels()[static_cast<std::size_t>(t)];
        OperationCounts& own = counts.iterations.emplace_back(
            count_iteration(layout_, shifts_, plan.recipe().sigmoid.degree(), ring, at));
        const TrainingPlan::Files files = plan.files_of(t);
        const std::size_t times = class_groups() * files.count;
        own.decompositions *= times;
        own.switches *= times;
        own.products *= times;
        own.limb_transforms *= static_cast<double>(times);
        for (std::size_t file = 0; file < files.count && plan.row_files() > 1; ++file) {
            own += babies(files.first + file, at.forward >= 0);
        }
    }
    return counts;
}

void PrimalSolver::add_to_json(nlohmann::json& json) const {
    json["class_group"] = layout_.classes();
    json["lane"] = layout_.lane();
    json["forward_baby"] = shifts_.forward_baby;
    json["backward_baby"] = shifts_.backward_baby;
    json["inner"] = shifts_.inner;
}

const PrimalSolver& primal_solver(const TrainingPlan& plan) {
    const auto* solver = dynamic_cast<const PrimalSolver*>(&plan.solver());
    require(solver != nullptr, ErrorCode::internal, "a plan of the {} solver is no primal one",
            plan.solver().name());
    return *solver;
}

}  // namespace cipherfit
