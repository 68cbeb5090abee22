// What a plan costs, before anything is encrypted: key switches, transforms, bytes and memory.
#pragma once

#include "cipherfit/circuit/folds.h"
#include "cipherfit/circuit/memory.h"
#include "cipherfit/train/plan.h"

#include <cstddef>
#include <vector>

namespace cipherfit {

// What the plan's circuit does, read from its tape: before the first iteration, and in each. The
// preparation are babies of all samples (of mini-batches they belong to the iteration), or the
// kernel where the server makes it. Of bootstrappings, which are counted by their measured time,
// limb_transforms alone.
struct TrainingCounts {
    OperationCounts preparation;
    std::vector<OperationCounts> iterations;
};
TrainingCounts count_operations(const TrainingPlan& plan);

struct PlanCost {
    OperationCounts preparation, iterations;
    std::size_t evaluation_keys = 0;
    double evaluation_key_bytes = 0;  // as sent: one half seeded, residues packed
    double evaluation_key_memory_bytes = 0;
    double upload_bytes = 0;  // of the ciphertexts, as sent
    double download_bytes = 0;
    double peak_memory_bytes = 0;  // of the server, see server_memory()
};

PlanCost plan_cost(const TrainingPlan& plan, std::size_t threads = predicted_threads);

// The server's memory. The planner's limit, the figure that is printed and the one that the server
// compares with its own memory are all this one; the server's is for its own number of threads.
struct ServerMemory {
    // What the pool of polynomials comes to hold: keys and data, then the plan's tape replayed
    // against the pool's policy (circuit/memory.h).
    double pool_bytes = 0;
    // The ring's tables, masks, what is read from and written to files, and the program itself.
    double other_bytes = 0;
    double total() const noexcept { return pool_bytes + other_bytes; }
};
ServerMemory server_memory(const TrainingPlan& plan, std::size_t threads = predicted_threads);

// Keys and data alone: no plan takes less. Records an iteration of one head.
double least_server_memory_bytes(const TrainingPlan& plan);

// The data alone, of the largest mini-batch: products of sizes, in no time for any plan.
double largest_batch_bytes(const TrainingPlan& plan);

}  // namespace cipherfit
