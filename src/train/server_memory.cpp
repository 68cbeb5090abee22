// The server's memory (train/cost.h).
#include "base/idle_blocks.h"
#include "cipherfit/circuit/memory.h"
#include "cipherfit/train/cost.h"
#include "train/refresh.h"
#include "train/training_trace.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>

namespace cipherfit {
namespace {

double real(std::size_t count) noexcept {
    return static_cast<double>(count);
}

double block(std::size_t n, std::size_t limbs) noexcept {
    return real(block_bytes(n * limbs));
}

template <class Visit>
void for_each_key(const TrainingPlan& plan, const KeyRequest& request, const Visit& visit) {
    for (const auto& [id, level] : request.levels()) {
        visit(id, key_shape(plan.parameters(), id, level));
    }
}

double data_bytes(const TrainingPlan& plan, std::size_t batch) {
    double bytes = 0;
    for (const SequenceShape& message : plan.messages(batch)) {
        bytes += 2 * real(message.count) * block(plan.parameters().n(), message.level + 1);
    }
    return bytes;
}

double key_bytes(const TrainingPlan& plan, const KeyRequest& request) {
    double bytes = 0;
    for_each_key(plan, request, [&](KeyId /*id*/, const KeyShape& shape) {
        bytes += 2 * real(shape.digits) * block(plan.parameters().n(), shape.limbs());
    });
    return bytes;
}

// What is no polynomial: tables, masks, files, program.
double other_bytes(const TrainingPlan& plan, const KeyRequest& request) {
    const Parameters& parameters = plan.parameters();
    const double n = real(parameters.n());
    const double limbs = real(parameters.max_level() + 1 + parameters.special_primes());
    // Four arrays a prime for its transforms; a permutation for each rotation.
    double bytes = 4 * limbs * n * sizeof(std::uint64_t);
    double largest_section = 0;
    for_each_key(plan, request, [&](KeyId id, const KeyShape& shape) {
        bytes += id.is_relinearization() ? 0 : n * sizeof(std::uint32_t);
        largest_section = std::max(largest_section, real(shape.digits * shape.limbs()));
    });
    // A section of a file, packed, as it is read or written.
    bytes += largest_section * n * sizeof(std::uint64_t);
    // The encoder's tables and work, and the masks, a number a slot.
    constexpr double encoder_arrays = 12;
    bytes += encoder_arrays * n * sizeof(double);
    constexpr double program = 24e6;
    return bytes + program;
}

}  // namespace

double largest_batch_bytes(const TrainingPlan& plan) {
    double largest = 0;
    for (std::size_t batch = 0; batch < plan.row_files(); ++batch) {
        largest = std::max(largest, data_bytes(plan, batch));
    }
    return largest;
}

double least_server_memory_bytes(const TrainingPlan& plan) {
    return key_bytes(plan, plan.keys()) + largest_batch_bytes(plan);
}

ServerMemory server_memory(const TrainingPlan& plan, std::size_t threads) {
    ServerMemory memory;
    const KeyRequest request = plan.keys();
    memory.other_bytes = other_bytes(plan, request);
    const BootstrapPlan* bootstrap =
        plan.refresh_count() > 0 ? &plan.refresh().value().bootstrap : nullptr;
    const std::size_t batches = plan.row_files();
    if (is_too_long_to_trace(plan)) {
        // The data with what is made of it; twice that for what one iteration takes beside them.
        memory.pool_bytes = key_bytes(plan, request) +
                            (plan.solver().kept_copies() + 2) * largest_batch_bytes(plan);
        if (bootstrap != nullptr) {
            memory.pool_bytes +=
                refresh_memory_bytes(plan.parameters().log_n(), bootstrap->literal().log_slots);
        }
        return memory;
    }
    const TrainingTrace trace = trace_training(plan);
    MemoryReplay replay(training_ring(plan), threads);
    for_each_key(plan, request, [&](KeyId /*id*/, const KeyShape& shape) {
        replay.hold(2 * shape.digits, shape.limbs());
    });
    if (bootstrap != nullptr) {
        replay.hold_bootstrapper(*bootstrap);
    }
    replay.read_ciphertext(plan.messages().front().level);
    replay.run(trace.tape, trace.tape.entries);
    // A second batch is read while one is in use.
    memory.pool_bytes = real(replay.pooled_bytes()) + (batches > 1 ? largest_batch_bytes(plan) : 0);
    return memory;
}

}  // namespace cipherfit
