#include "cipherfit/train/cost.h"

#include "train/refresh.h"
#include "train/training_trace.h"
#include "train/work_estimate.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <utility>
#include <vector>

namespace cipherfit {
namespace {

RingShape ring_shape(const Parameters& parameters) {
    return {parameters.log_n(), parameters.max_level() + 1, parameters.special_primes(),
            parameters.digit_size()};
}

// In closed form, where a tape would be too long.
OperationCounts estimated(const TrainingPlan& plan, const IterationLevels& at) {
    const RingShape ring = ring_shape(plan.parameters());
    const int degree = plan.recipe().sigmoid.degree();
    if (plan.solver() == Solver::dual) {
        return count_iteration(plan.kernel(), degree, ring, at);
    }
    OperationCounts counts = count_iteration(plan.layout(), plan.shifts(), degree, ring, at);
    const std::size_t groups = plan.class_groups();
    counts.decompositions *= groups;
    counts.switches *= groups;
    counts.products *= groups;
    counts.limb_transforms *= static_cast<double>(groups);
    return counts;
}

TrainingCounts estimate_operations(const TrainingPlan& plan) {
    const RingShape ring = ring_shape(plan.parameters());
    const bool primal = plan.solver() == Solver::primal;
    const auto babies = [&](std::size_t batch, bool with_forward) {
        return count_babies(plan.layout(), plan.shifts(), ring,
                            static_cast<int>(plan.feature_level(batch)), with_forward);
    };
    TrainingCounts counts;
    if (primal && plan.batches() == 1) {
        counts.preparation = babies(0, plan.recipe().iterations > 1);
    } else if (!primal && plan.kernel_source() == KernelSource::server) {
        counts.preparation =
            count_kernel(plan.kernel(), plan.kernel().feature_chunks(plan.shape().features), ring);
    }
    for (int t = 0; t < plan.recipe().iterations; ++t) {
        const IterationLevels& at = plan.levels()[static_cast<std::size_t>(t)];
        counts.iterations.push_back(estimated(plan, at));
        if (plan.batches() > 1) {
            counts.iterations.back() += babies(plan.batch_of(t), at.forward >= 0);
        }
    }
    return counts;
}

}  // namespace

TrainingCounts count_operations(const TrainingPlan& plan) {
    const RingShape ring = ring_shape(plan.parameters());
    TrainingCounts counts;
    if (is_too_long_to_trace(plan)) {
        counts = estimate_operations(plan);
    } else {
        const TrainingTrace trace = trace_training(plan);
        const Tape& tape = trace.tape;
        std::vector<OperationCounts> phases;
        for (std::size_t phase = 0; phase < tape.phases.size(); ++phase) {
            phases.push_back(count_operations(tape, tape.phase(phase), ring));
        }
        counts.preparation = phases.at(TrainingTrace::preparation);
        for (const std::size_t phase : trace.phase_of) {
            counts.iterations.push_back(phases.at(phase));
        }
    }
    for (std::size_t t = 0; t < counts.iterations.size(); ++t) {
        if (plan.levels()[t].refresh) {
            counts.iterations[t].limb_transforms +=
                static_cast<double>(plan.bootstraps_per_refresh()) *
                refresh_transforms(ring.log_n, plan.refresh()->bootstrap.literal().log_slots);
        }
    }
    return counts;
}

PlanCost plan_cost(const TrainingPlan& plan) {
    const Parameters& parameters = plan.parameters();
    PlanCost cost;
    const TrainingCounts counts = count_operations(plan);
    cost.preparation = counts.preparation;
    for (const OperationCounts& iteration : counts.iterations) {
        cost.iterations += iteration;
    }
    const KeyRequest request = plan.keys();
    cost.evaluation_keys = request.levels().size();
    for (const auto& [id, level] : request.levels()) {
        cost.evaluation_key_bytes +=
            static_cast<double>(switching_key_packed_bytes(parameters, level, id));
        cost.evaluation_key_memory_bytes +=
            static_cast<double>(switching_key_memory_bytes(parameters, level, id));
    }
    const auto packed = [&](std::size_t level) {
        double bits = 0;
        for (std::size_t i = 0; i <= level; ++i) {
            bits += static_cast<double>(std::bit_width(parameters.q(i)));
        }
        return bits * static_cast<double>(parameters.n()) / 8;
    };
    for (std::size_t batch = 0; batch < plan.batches(); ++batch) {
        cost.upload_bytes +=
            static_cast<double>(plan.feature_ciphertexts()) * packed(plan.feature_level(batch)) +
            static_cast<double>(plan.label_ciphertexts() + plan.logit_ciphertexts()) *
                packed(plan.label_level(batch));
    }
    cost.upload_bytes += static_cast<double>(plan.start_ciphertexts()) * packed(plan.start_level());
    cost.download_bytes = 2 * static_cast<double>(plan.state_ciphertexts()) *
                          packed(static_cast<std::size_t>(plan.levels().back().end));
    cost.peak_memory_bytes = server_memory(plan).total();
    return cost;
}

}  // namespace cipherfit
