// From a member's rows to the columns that are trained on, by the charter's public map and by
// published sums alone, so that every member makes the same of its rows.
//
//     f = map(row)                      joint_map.h; the row itself where there is none
//     x = [1 | (f - mean) P]            shortened to the charter's bound, but for the 1
//
// P is the identity, one factor, one factor a feature, principal components, or whitened ones
// (Preparation in charter_plan.h).
//
// The bound L of the eigenvalues of G = sum x x^T. In general it is the sum of the members' largest
// eigenvalues. Whitened columns need none: with C the published covariance P^T C P has eigenvalues
// g_j = s_j^2 / (s_j^2 + ridge T) <= 1 and the published mean makes the columns orthogonal to the
// intercept, so that G <= n (1 + slack) where no row is shortened. Of shortened rows, to the share
// a of their length, the members publish e = sum (1 - a) |x|, and
//     L = n (1 + slack) + e
// since shortening makes sum a^2 x x^T no larger and moves sum a x by e at most. The slack covers
// the fixed point of the sums, and what doubles round.
#pragma once

#include "cipherfit/backbone/feature_extractor.h"
#include "cipherfit/backbone/pca.h"
#include "cipherfit/base/secure.h"
#include "cipherfit/parties/contribution.h"
#include "cipherfit/protocol/charter_plan.h"

#include <memory>

namespace cipherfit {

// Sums are in fixed point: their resolution is 2^-20, and they go up to 2^43.
inline constexpr unsigned joint_fraction_bits = 20;

// What columns are standardised by before the map, where it asks for that.
struct JointColumns {
    Eigen::VectorXd means, factors;
};

struct JointDesign {
    RowMatrix rows;        // n x d, intercept first
    double shortened = 0;  // e
};

struct JointPreparation {
    JointColumns columns;
    PrincipalComponents features;  // mean and P; columns of zeros where the rank is lower
    JointScaling scaling;          // with the bound of the eigenvalues once published
    // A digest of all numbers, to the last bit.
    Digest digest() const;
    JointDesign design(const RowMatrix& features, double row_bound) const;
};

// Throws Error(bad_input) where the charter's map takes options that it does not allow.
void check_joint_map(const CharterPlan& plan);

JointColumns joint_columns(const CharterPlan& plan, const PooledSums& sums);
// Features of rows, before their mean is taken away. Throws Error(bad_input) for values that the
// map does not take.
RowMatrix joint_features(const CharterPlan& plan, const JointColumns& columns,
                         const RowMatrix& rows);
// Throws Error(bad_input) where the sums are of rows that are all alike, are those of no rows (a
// variance or an eigenvalue of the covariance below zero, a bound below the number of rows), or
// where whitened columns would have a bound much above the number of rows: too few rows for the
// fixed point, or too many that are shortened.
JointPreparation joint_preparation(const CharterPlan& plan, const PooledSums& sums);

// Map and preparation as an extractor, to use the model with: null where there is no map.
std::unique_ptr<FeatureExtractor> joint_extractor(const CharterPlan& plan,
                                                  const JointPreparation& preparation);

}  // namespace cipherfit
