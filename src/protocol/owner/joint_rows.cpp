#include "cipherfit/protocol/owner/joint_rows.h"

#include "cipherfit/io/bytes.h"
#include "cipherfit/parties/pooled_sums.h"
#include "cipherfit/solver/owner/joint/contribution.h"
#include "cipherfit/solver/owner/joint/model.h"
#include "protocol/joint_bytes.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include <Eigen/Eigenvalues>

namespace cipherfit {
namespace {

// Of sums in fixed point: a resolution of 2^-20, and sums up to 2^43.
constexpr unsigned fraction_bits = 20;

Eigen::VectorXd numbers_of(const PooledSums& sums, std::string_view name) {
    const auto& values = sums.at(std::string(name));
    Eigen::VectorXd result(static_cast<Eigen::Index>(values.size()));
    for (std::size_t i = 0; i < values.size(); ++i) {
        result(static_cast<Eigen::Index>(i)) = from_fixed_point(values[i], fraction_bits);
    }
    return result;
}

void require_spread(double variance) {
    require(std::isfinite(variance) && variance > 0, ErrorCode::bad_input,
            "the pooled rows are all alike: there is nothing to train on");
}

// The leading components of the covariance, the largest first, each with the sign that makes its
// largest entry positive.
RowMatrix components_of(const Eigen::VectorXd& products, const Eigen::VectorXd& mean, double rows,
                        Eigen::Index count) {
    const Eigen::Index f = mean.size();
    RowMatrix covariance(f, f);
    Eigen::Index next = 0;
    for (Eigen::Index i = 0; i < f; ++i) {
        for (Eigen::Index j = i; j < f; ++j) {
            covariance(i, j) = products(next++) / rows - mean(i) * mean(j);
            covariance(j, i) = covariance(i, j);
        }
    }
    const Eigen::SelfAdjointEigenSolver<RowMatrix> solved(covariance);
    RowMatrix result = solved.eigenvectors().rowwise().reverse().leftCols(count);
    for (Eigen::Index k = 0; k < count; ++k) {
        Eigen::Index largest = 0;
        result.col(k).cwiseAbs().maxCoeff(&largest);
        if (result(largest, k) < 0) {
            result.col(k) *= -1;
        }
    }
    const double variance = solved.eigenvalues().reverse().head(count).sum();
    require_spread(variance);
    return result / std::sqrt(variance);
}

JointStatistics statistics_of(const CharterPlan& plan, const JointPreparation& preparation,
                              const JointRows& rows) {
    const JointTerms& terms = plan.terms();
    const RowMatrix labels = one_hot(rows.labels, static_cast<int>(terms.classes));
    return value_or_throw(joint_statistics(
        plan.joint(), preparation.design(rows.features, terms.row_bound),
        labels.rightCols(static_cast<Eigen::Index>(terms.heads())), terms.row_bound * (1 + 1e-9)));
}

}  // namespace

Digest JointPreparation::digest() const {
    ByteWriter out;
    out.u64(static_cast<std::uint64_t>(mean.size()));
    for (const double value : mean) {
        out.f64(value);
    }
    out.u64(static_cast<std::uint64_t>(projection.cols()));
    for (const double value : projection.reshaped()) {
        out.f64(value);
    }
    out.f64(scaling.rows);
    out.f64(scaling.largest_eigenvalue);
    return sha256(out.view());
}

RowMatrix JointPreparation::design(const RowMatrix& features, double row_bound) const {
    RowMatrix result(features.rows(), projection.cols() + 1);
    result.col(0).setOnes();
    result.rightCols(projection.cols()) = (features.rowwise() - mean.transpose()) * projection;
    const double longest = std::sqrt(row_bound * row_bound - 1);
    for (Eigen::Index i = 0; i < result.rows(); ++i) {
        auto row = result.row(i).tail(projection.cols());
        const double length = row.norm();
        if (length > longest) {
            row *= longest / length;
        }
    }
    return result;
}

JointPreparation joint_preparation(const CharterPlan& plan, const PooledSums& sums) {
    const JointTerms& terms = plan.terms();
    const auto f = static_cast<Eigen::Index>(terms.features);
    JointPreparation result{
        .mean = Eigen::VectorXd::Zero(f), .projection = RowMatrix::Identity(f, f), .scaling = {}};
    const auto rows = static_cast<double>(sums.at(std::string(sum_rows))[0]);
    result.scaling.rows = rows;
    if (const auto bound = sums.find(sum_bound); bound != sums.end()) {
        result.scaling.largest_eigenvalue = from_fixed_point(bound->second[0], fraction_bits);
    }
    if (terms.preparation == Preparation::none) {
        return result;
    }
    result.mean = numbers_of(sums, sum_columns) / rows;
    if (terms.preparation == Preparation::components) {
        result.projection = components_of(numbers_of(sums, sum_products), result.mean, rows,
                                          static_cast<Eigen::Index>(terms.components));
        return result;
    }
    const Eigen::VectorXd variances =
        (numbers_of(sums, sum_squares) / rows - result.mean.cwiseAbs2()).cwiseMax(0);
    require_spread(variances.sum());
    if (terms.preparation == Preparation::centred) {
        result.projection /= std::sqrt(variances.sum());
    } else {
        const double used = static_cast<double>((variances.array() > 0).count());
        for (Eigen::Index j = 0; j < f; ++j) {
            result.projection(j, j) = variances(j) > 0 ? 1 / std::sqrt(variances(j) * used) : 0;
        }
    }
    return result;
}

std::vector<std::uint64_t> joint_numbers(const CharterPlan& plan, const PooledRound& round,
                                         const PooledSums& before, const JointRows& rows) {
    const RowMatrix& features = rows.features;
    const std::size_t contributors = plan.terms().task.contributors;
    std::vector<std::uint64_t> result;
    const auto add = [&](double value) {
        result.push_back(to_fixed_point(value, fraction_bits, contributors));
    };
    for (const PooledRound::Sum& sum : round.sums) {
        if (sum.name == sum_rows) {
            result.push_back(static_cast<std::uint64_t>(features.rows()));
        } else if (sum.name == sum_columns || sum.name == sum_squares) {
            const Eigen::VectorXd sums = sum.name == sum_columns
                                             ? features.colwise().sum().transpose().eval()
                                             : features.colwise().squaredNorm().transpose().eval();
            std::ranges::for_each(sums, add);
        } else if (sum.name == sum_products) {
            const RowMatrix products = features.transpose() * features;
            for (Eigen::Index i = 0; i < products.rows(); ++i) {
                for (Eigen::Index j = i; j < products.cols(); ++j) {
                    add(products(i, j));
                }
            }
        } else {
            // Above the true one whatever the rounding.
            add(statistics_of(plan, joint_preparation(plan, before), rows).largest_eigenvalue *
                    (1 + 1e-9) +
                std::ldexp(1.0, -19));
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
    const Eigen::Index features = preparation.mean.size();
    Head head;
    head.class_names = std::move(class_names);
    head.weights.resize(weights.rows(), features + 1);
    head.weights.rightCols(features) =
        weights.rightCols(preparation.projection.cols()) * preparation.projection.transpose();
    head.weights.col(0) = weights.col(0) - head.weights.rightCols(features) * preparation.mean;
    return head;
}

}  // namespace cipherfit
