// Operation counts and memory in closed form, for the search for a plan: it compares thousands of
// layouts, each of which would take a tape of its own. The tests hold decompositions, switches and
// products to those of the tapes; transforms and memory are estimates.
#pragma once

#include "cipherfit/circuit/folds.h"
#include "cipherfit/linalg/gram_layout.h"
#include "cipherfit/linalg/lane_layout.h"
#include "cipherfit/linalg/matrix_products.h"
#include "cipherfit/train/plan.h"

#include <cstddef>

namespace cipherfit {

// The babies of one batch's features, with their forward ones where they are used.
OperationCounts count_babies(const LaneLayout& layout, const ShiftPlan& shifts,
                             const RingShape& ring, int level, bool with_forward);
// One iteration of a sigmoid of that degree at those levels, without refresh and babies.
OperationCounts count_iteration(const LaneLayout& layout, const ShiftPlan& shifts, int degree,
                                const RingShape& ring, const IterationLevels& at);
// Where logits are what goes on, nothing needs those of the last iteration's errors.
OperationCounts count_iteration(const GramLayout& layout, int degree, const RingShape& ring,
                                const IterationLevels& at, bool is_last);
// The server's product of a Gram matrix, of `chunks` chunks of features at the highest level.
OperationCounts count_gram(const GramLayout& layout, std::size_t chunks, const RingShape& ring);

// The server's memory, estimated: keys, features of a batch with their shifts, and the ciphertexts
// alive in a product. What counts in the end is server_memory() (train/cost.h), which the planner
// holds its choice to.
double estimated_memory(const LaneLayout& layout, const ShiftPlan& shifts, const RingShape& ring,
                        std::size_t keys, bool with_forward, std::size_t class_groups);
double estimated_memory(const GramLayout& layout, std::size_t chunks, const RingShape& ring,
                        std::size_t keys);
// The memory of one ciphertext at the highest level.
double ciphertext_memory(const RingShape& ring);

}  // namespace cipherfit
