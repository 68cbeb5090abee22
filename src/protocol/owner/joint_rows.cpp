#include "cipherfit/protocol/owner/joint_rows.h"

#include "cipherfit/io/bytes.h"
#include "cipherfit/parties/pooled_sums.h"
#include "cipherfit/solver/owner/joint/contribution.h"
#include "cipherfit/solver/owner/joint/model.h"
#include "protocol/joint_bytes.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace cipherfit {
namespace {

JointDesign design_of(const CharterPlan& plan, const JointPreparation& preparation,
                      const RowMatrix& rows) {
    return preparation.design(joint_features(plan, preparation.columns, rows),
                              plan.terms().row_bound);
}

JointStatistics statistics_of(const CharterPlan& plan, const JointPreparation& preparation,
                              const JointRows& rows) {
    const JointTerms& terms = plan.terms();
    const RowMatrix labels = one_hot(rows.labels, static_cast<int>(terms.classes));
    return value_or_throw(joint_statistics(
        plan.joint(), design_of(plan, preparation, rows.features).rows,
        labels.rightCols(static_cast<Eigen::Index>(terms.heads())), terms.row_bound * (1 + 1e-9)));
}

// What bounds the eigenvalues (joint_preparation.h), rounded up.
double bound_of(const CharterPlan& plan, const JointPreparation& preparation,
                const JointRows& rows) {
    const double bound = plan.terms().preparation == Preparation::whitened
                             ? design_of(plan, preparation, rows.features).shortened
                             : statistics_of(plan, preparation, rows).largest_eigenvalue;
    return bound * (1 + 1e-9) + std::ldexp(1.0, 1 - static_cast<int>(joint_fraction_bits));
}

}  // namespace

std::vector<std::uint64_t> joint_numbers(const CharterPlan& plan, const PooledRound& round,
                                         const PooledSums& before, const JointRows& rows) {
    const std::size_t contributors = plan.terms().task.contributors;
    std::vector<std::uint64_t> result;
    const auto add = [&](double value) {
        result.push_back(to_fixed_point(value, joint_fraction_bits, contributors));
    };
    RowMatrix features;
    const auto values = [&](std::string_view name) -> const RowMatrix& {
        if (!name.starts_with("feature")) {
            return rows.features;
        }
        if (features.size() == 0) {
            features = joint_features(plan, joint_columns(plan, before), rows.features);
        }
        return features;
    };
    for (const PooledRound::Sum& sum : round.sums) {
        if (sum.name == sum_rows) {
            result.push_back(static_cast<std::uint64_t>(rows.features.rows()));
        } else if (sum.name == sum_bound) {
            add(bound_of(plan, joint_preparation(plan, before), rows));
        } else if (sum.name == sum_products || sum.name == sum_feature_products) {
            const RowMatrix& of = values(sum.name);
            const RowMatrix products = of.transpose() * of;
            for (Eigen::Index i = 0; i < products.rows(); ++i) {
                for (Eigen::Index j = i; j < products.cols(); ++j) {
                    add(products(i, j));
                }
            }
        } else {
            const bool squared = sum.name == sum_squares || sum.name == sum_feature_squares;
            const RowMatrix& of = values(sum.name);
            const Eigen::VectorXd sums = squared ? of.colwise().squaredNorm().transpose().eval()
                                                 : of.colwise().sum().transpose().eval();
            std::ranges::for_each(sums, add);
        }
    }
    return result;
}

std::vector<std::uint8_t> joint_upload(const CharterPlan& plan, const JointPublicKey& key,
                                       const JointPreparation& preparation, const JointRows& rows) {
    ByteWriter out;
    out.bytes(preparation.digest());
    write_contribution(
        out, plan.joint(),
        value_or_throw(encrypt_contribution(plan.joint(), preparation.scaling,
                                            statistics_of(plan, preparation, rows), key)));
    return out.take();
}

Head released_model(const CharterPlan& plan, const JointPreparation& preparation,
                    const RnsPoly& opened, std::vector<std::string> class_names) {
    const RowMatrix weights =
        rows_of_classes(decode_joint_model(plan.joint(), preparation.scaling, opened));
    const PrincipalComponents& prepared = preparation.features;
    Head head;
    head.class_names = std::move(class_names);
    if (plan.terms().map.kind != JointMapKind::none) {
        head.weights = weights;
        return head;
    }
    const Eigen::Index features = prepared.inputs();
    head.weights.resize(weights.rows(), features + 1);
    head.weights.rightCols(features) =
        weights.rightCols(prepared.components()) * prepared.projection.transpose();
    head.weights.col(0) = weights.col(0) - head.weights.rightCols(features) * prepared.mean;
    return head;
}

}  // namespace cipherfit
