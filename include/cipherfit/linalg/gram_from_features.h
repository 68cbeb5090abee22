// The Gram matrix of the dual solver from encrypted features: K = X X^T in the blocks of
// gram_layout.h.
//
// With R_p the rows and S_p the skewed rows of chunk p of c' features, and q = u G + v,
//   gram_q = replicas over m of (sum over m of sum_p rot_{-u G L rows}(R_p) o rot_{v L
//   rows}(S_p))
// which is the block rotated back by u G L rows, as it is stored. The sum over m is a fold, right
// in m = 0; a mask clears the rest; and rotations to the left by 1 to c' slots leave it in all of
// the lane before, which is why rows are stored c' slots further on.
#pragma once

#include "cipherfit/circuit/operations.h"
#include "cipherfit/linalg/gram_layout.h"
#include "cipherfit/rlwe/evaluation_keys.h"

#include <cstddef>
#include <span>
#include <vector>

namespace cipherfit {

// `rows` and `skewed`: one ciphertext a chunk each, of one level l >= 2 and one scale. Two levels;
// the blocks have exactly the scale `scale`. Key switches, for F chunks: F (n'/(L G) - 1 + G - 1)
// hoisted, and for each of the n'/L blocks a relinearisation, a rotation, and twice log4(c') sums
// of three rotations (of one, for what is left of c') that are divided once.
std::vector<Handle> gram_from_features(Operations& operations, const GramLayout& layout,
                                       std::span<const Handle> rows, std::span<const Handle> skewed,
                                       double scale);

// The keys that this needs for features of that level.
KeyRequest gram_from_features_keys(const GramLayout& layout, std::size_t level);

}  // namespace cipherfit
