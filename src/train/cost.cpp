#include "cipherfit/train/cost.h"

#include "train/refresh.h"
#include "train/training_trace.h"

#include <bit>
#include <cmath>
#include <utility>
#include <vector>

namespace cipherfit {
TrainingCounts count_operations(const TrainingPlan& plan) {
    const RingShape ring = full_ring(plan.parameters());
    TrainingCounts counts;
    if (is_too_long_to_trace(plan)) {
        counts = plan.solver().estimate(plan);
    } else {
        const TrainingTrace trace = trace_training(plan);
        const Tape& tape = trace.tape;
        std::vector<OperationCounts> phases;
        phases.reserve(tape.phases.size());
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

PlanCost plan_cost(const TrainingPlan& plan, std::size_t threads) {
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
    for (std::size_t batch = 0; batch < plan.row_files(); ++batch) {
        for (const SequenceShape& message : plan.messages(batch)) {
            cost.upload_bytes += static_cast<double>(message.count) * packed(message.level);
        }
    }
    cost.download_bytes = 2 * static_cast<double>(plan.state_ciphertexts()) *
                          packed(static_cast<std::size_t>(plan.levels().back().end));
    cost.peak_memory_bytes = server_memory(plan, threads).total();
    return cost;
}

}  // namespace cipherfit
