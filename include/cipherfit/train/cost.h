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

// Cost of everything at the levels where it happens; `iteration` -1 is the preparation (babies).
OperationCounts count_operations(const LaneLayout& layout, const ShiftPlan& shifts,
                                 const Recipe& recipe, const RingShape& ring, int iteration);
// Dual: there is no preparation.
OperationCounts count_operations(const KernelLayout& layout, const Recipe& recipe,
                                 const RingShape& ring, int iteration);
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

// The server's memory: keys, features with their shifts, and the ciphertexts alive in a product.
double server_memory_bytes(const LaneLayout& layout, const ShiftPlan& shifts, const RingShape& ring,
                           std::size_t keys, bool with_forward);
double server_memory_bytes(const KernelLayout& layout, const RingShape& ring, std::size_t keys);

}  // namespace cipherfit
