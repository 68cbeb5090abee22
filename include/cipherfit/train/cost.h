// What a plan costs, before anything is encrypted: key switches, transforms, bytes and memory.
#pragma once

#include "cipherfit/train/plan.h"

#include <cstddef>
#include <cstdint>

namespace cipherfit {

// The sizes that decide the cost of a key switch.
struct RingShape {
    unsigned log_n = 0;
    std::size_t q_limbs = 0;
    std::size_t p_limbs = 0;
    std::size_t digit_size = 1;
};

// Operation counts of one iteration or of the preparation before the first.
struct OperationCounts {
    std::size_t decompositions = 0;  // ModUp
    std::size_t switches = 0;        // inner product and ModDown
    std::size_t products = 0;        // ciphertext products, before relinearisation
    double limb_transforms = 0;      // NTTs of one limb of N = 2^16, the unit of the planner
};

// The babies of one batch's features, with their forward ones where they are used.
OperationCounts count_babies(const LaneLayout& layout, const ShiftPlan& shifts,
                             const RingShape& ring, int level, bool with_forward);
// One iteration of a sigmoid of that degree at those levels, without refresh and babies.
OperationCounts count_iteration(const LaneLayout& layout, const ShiftPlan& shifts, int degree,
                                const RingShape& ring, const IterationLevels& at);
OperationCounts count_iteration(const KernelLayout& layout, int degree, const RingShape& ring,
                                const IterationLevels& at);
// The server's product of a kernel, of `chunks` chunks of features at the highest level.
OperationCounts count_kernel(const KernelLayout& layout, std::size_t chunks, const RingShape& ring);
// All that an iteration of the plan does; -1 is the preparation before the first: babies of all
// samples (of mini-batches they belong to the iteration), or the kernel where the server makes it.
// Of bootstrappings, which are counted by their measured time, limb_transforms alone.
OperationCounts count_operations(const TrainingPlan& plan, int iteration);

struct PlanCost {
    OperationCounts preparation, iterations;
    std::size_t evaluation_keys = 0;
    double evaluation_key_bytes = 0;  // as sent: one half seeded, residues packed
    double evaluation_key_memory_bytes = 0;
    double upload_bytes = 0;  // of the ciphertexts, as sent
    double download_bytes = 0;
    double peak_memory_bytes = 0;  // of the server
};

PlanCost plan_cost(const TrainingPlan& plan);

// The server's memory: keys, features of a batch with their shifts, and the ciphertexts alive in a
// product.
double server_memory_bytes(const LaneLayout& layout, const ShiftPlan& shifts, const RingShape& ring,
                           std::size_t keys, bool with_forward, std::size_t class_groups = 1);
double server_memory_bytes(const KernelLayout& layout, std::size_t chunks, const RingShape& ring,
                           std::size_t keys);

// Of one ciphertext at the highest level.
double ciphertext_memory_bytes(const RingShape& ring);

}  // namespace cipherfit
