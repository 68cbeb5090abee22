// X U^T for features under encryption and a model in the clear, in the lane layout.
#pragma once

#include "cipherfit/circuit/operations.h"
#include "cipherfit/linalg/lane_layout.h"
#include "cipherfit/rlwe/evaluation_keys.h"

#include <cstddef>
#include <span>
#include <vector>

namespace cipherfit {

// `features`: block (rho, b) at rho * feature_blocks + b, of one level and scale. `model`: c x d,
// |entries| * model_scale within the level's modulus. Result: block rho before its fold, as
// EncryptedFeatures::multiply_model() gives it: NOT rescaled, at scale features * model_scale.
//     S = sum_r rot_r( sum_b X_b o rot_{rL}(U_b) ), by Horner's rule over r = c'-1 .. 0.
// Key switches: c' - 1 a sample block, all rotations by one column; no relinearisation. Throws
// Error(invalid_argument) for another number of blocks or another shape of the model.
std::vector<Handle> multiply_plain_model(Operations& operations, const LaneLayout& layout,
                                         std::span<const Handle> features, MatrixView model,
                                         double model_scale);

// The keys of that product at `level` and of EncryptedFeatures::fold_lanes() at `fold`.
KeyRequest plain_model_keys(const LaneLayout& layout, std::size_t level, std::size_t fold);

}  // namespace cipherfit
