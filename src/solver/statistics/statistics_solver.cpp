#include "solver/statistics/statistics_solver.h"

#include "cipherfit/train/cost.h"
#include "cipherfit/train/plan.h"
#include "cipherfit/train/recurrence.h"
#include "solver/gradient_solver.h"
#include "solver/statistics/statistics_cost.h"
#include "solver/statistics/statistics_iteration.h"
#include "solver/training_circuit.h"
#include "train/training_trace.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <utility>

#include <nlohmann/json.hpp>

namespace cipherfit {
namespace {

// log2 of what a product divides the state's scale by, before the scale of G, in iteration t >= 1.
double log_factor(const TrainingPlan& plan, int t) {
    const int level = plan.levels()[static_cast<std::size_t>(t)].forward;
    const auto prime = static_cast<double>(plan.parameters().q(static_cast<std::size_t>(level)));
    return std::log2(prime * gradient_factor(plan.recipe(), t) *
                     StatisticsSolver::slope(plan.recipe()));
}

}  // namespace

bool statistics_fit(std::size_t slots, const TrainingShape& shape) noexcept {
    return KernelLayout::fits(slots, shape.features, shape.heads);
}

KernelLayout statistics_layout(std::size_t slots, const TrainingShape& shape, std::size_t babies) {
    // As many heads as leave no room for a second lane.
    const std::size_t rows = std::bit_ceil(std::max<std::size_t>(shape.features, 1));
    return KernelLayout::create(slots, shape.features, shape.heads, babies,
                                std::max<std::size_t>(slots / rows, 1));
}

double StatisticsSolver::gram_scale(const TrainingPlan& plan) const {
    double sum = 0;
    const int iterations = plan.recipe().iterations;
    for (int t = 1; t < iterations; ++t) {
        sum += log_factor(plan, t);
    }
    return std::exp2(sum / (iterations - 1));
}

double StatisticsSolver::moments_scale(const TrainingPlan& plan) const {
    return plan.state_scale() * gradient_factor(plan.recipe(), 0);
}

// Step by step as the iterations do it, to the last bit or nearly.
double StatisticsSolver::state_scale(const TrainingPlan& plan, int iteration) const {
    double scale = plan.state_scale();
    const double gram = gram_scale(plan);
    for (int t = 1; t < iteration; ++t) {
        scale *= gram / std::exp2(log_factor(plan, t));
    }
    return scale;
}

double StatisticsSolver::least_state_scale(const TrainingPlan& plan) const {
    double least = plan.state_scale();
    for (int iteration = 1; iteration <= plan.recipe().iterations; ++iteration) {
        least = std::min(least, state_scale(plan, iteration));
    }
    return least;
}

std::vector<SequenceShape> StatisticsSolver::messages(const TrainingPlan& plan,
                                                      std::size_t /*batch*/) const {
    const auto level = static_cast<std::size_t>(plan.levels().front().start);
    return {{gram_message, layout_.kernel_blocks(), level, gram_scale(plan)},
            {moments_message, 1, level, moments_scale(plan)}};
}

std::vector<SequenceShape> StatisticsSolver::state(const TrainingPlan& plan, int iteration) const {
    const Recipe& recipe = plan.recipe();
    const auto level =
        static_cast<std::size_t>(plan.levels()[static_cast<std::size_t>(iteration - 1)].end);
    const double own = state_scale(plan, iteration);
    const Recurrence recurrence(recipe);
    const auto sequence = [&](std::string_view name, ModelSequence which) -> SequenceShape {
        return {name, recurrence.is_kept(which, iteration - 1) ? 1U : 0U, level,
                sequence_scale(recipe, iteration, which, own)};
    };
    return {sequence(main_sequence, ModelSequence::main),
            sequence(extrapolated_sequence, ModelSequence::extrapolated)};
}

double StatisticsSolver::capacity(const TrainingPlan& plan) const {
    return plan.lowest_capacity();
}

std::unique_ptr<TrainingCircuit> StatisticsSolver::circuit(const TrainingPlan& plan,
                                                           Operations& operations,
                                                           CircuitData data) const {
    return std::make_unique<StatisticsIteration>(plan, operations, std::move(data));
}

std::shared_ptr<const Solver> StatisticsSolver::least(TrainingShape& /*shape*/) const {
    return std::make_shared<StatisticsSolver>(layout_);
}

double StatisticsSolver::products_per_iteration(const TrainingPlan& /*plan*/) const {
    return static_cast<double>(layout_.kernel_blocks());
}

TrainingCounts StatisticsSolver::estimate(const TrainingPlan& plan) const {
    const RingShape ring = full_ring(plan.parameters());
    TrainingCounts counts;
    for (int t = 0; t < plan.recipe().iterations; ++t) {
        const bool both = has_momentum(plan.recipe()) && t + 1 < plan.recipe().iterations;
        counts.iterations.push_back(count_statistics_iteration(
            layout_, ring, plan.levels()[static_cast<std::size_t>(t)], both ? 2 : 1));
    }
    return counts;
}

void StatisticsSolver::add_to_json(nlohmann::json& json) const {
    json["babies"] = layout_.babies();
}

const StatisticsSolver& statistics_solver(const TrainingPlan& plan) {
    const auto* solver = dynamic_cast<const StatisticsSolver*>(&plan.solver());
    require(solver != nullptr, ErrorCode::internal, "a plan of the {} solver is none of statistics",
            plan.solver().name());
    return *solver;
}

}  // namespace cipherfit
