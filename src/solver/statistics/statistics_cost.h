// Operation counts of an iteration on statistics, in closed form.
#pragma once

#include "cipherfit/circuit/folds.h"
#include "cipherfit/linalg/gram_layout.h"
#include "cipherfit/train/plan_options.h"

#include <cstddef>

namespace cipherfit {

// `sequences`: that the iteration makes, 1 or 2.
OperationCounts count_statistics_iteration(const GramLayout& layout, const RingShape& ring,
                                           const IterationLevels& at, std::size_t sequences);

}  // namespace cipherfit
