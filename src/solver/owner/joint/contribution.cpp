#include "cipherfit/solver/owner/joint/contribution.h"

#include "cipherfit/base/secure.h"
#include "cipherfit/ckks/coefficients.h"
#include "cipherfit/ckks/owner/multiparty/joint_encryptor.h"
#include "solver/owner/joint/fine_transform.h"

#include <cmath>
#include <complex>
#include <utility>

#include <Eigen/Eigenvalues>

namespace cipherfit {
namespace {

// It has 64-bit mantissas: see fine_transform.h.
using Complex = std::complex<long double>;

Eigen::Index index(std::size_t value) {
    return static_cast<Eigen::Index>(value);
}

// Adds K_o (joint/layout.h), divided and times `part`.
void add_diagonal(std::vector<Complex>& values, const JointLayout& layout, const RowMatrix& gram,
                  double divisor, std::size_t o, Complex part) {
    const std::size_t rows = layout.padded_rows();
    const std::size_t back = o / layout.babies() * layout.babies();
    for (std::size_t i = 0; i + o < layout.rows(); ++i) {
        values[(i + back) % rows] +=
            part * (static_cast<long double>(gram(index(i), index(i + o))) / divisor);
    }
}

template <class T>
void wipe(std::vector<T>& values) {
    secure_wipe(values.data(), values.size() * sizeof(T));
}

}  // namespace

Expected<JointStatistics> joint_statistics(const JointPlan& plan, const RowMatrix& x,
                                           const RowMatrix& y, double row_bound) {
    const JointTask& task = plan.task();
    if (x.rows() < 1 || x.cols() != index(task.columns) || y.rows() != x.rows() ||
        y.cols() != index(task.classes)) {
        return make_error(ErrorCode::bad_input,
                          "the plan is for rows of {} columns with {} labels each, got {} x {} and "
                          "{} x {}",
                          task.columns, task.classes, x.rows(), x.cols(), y.rows(), y.cols());
    }
    for (Eigen::Index i = 0; i < x.rows(); ++i) {
        const double norm = x.row(i).norm();
        if (!(norm <= row_bound)) {
            return make_error(ErrorCode::bad_input,
                              "row {} has the norm {:.6g}, above the charter's {:.6g}: leave it "
                              "out, or agree on another scaling",
                              i + 1, norm, row_bound);
        }
    }
    if (!((y.array() == 0) || (y.array() == 1)).all()) {
        return make_error(ErrorCode::bad_input, "labels must be 0 or 1, one column a class");
    }
    JointStatistics sums;
    sums.gram = x.transpose() * x;
    sums.moments = x.transpose() * RowMatrix(y.array() - 0.5);
    sums.rows = static_cast<double>(x.rows());
    const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> eigen(sums.gram, Eigen::EigenvaluesOnly);
    sums.largest_eigenvalue = eigen.eigenvalues().maxCoeff() * (1 + 0x1p-30);
    return sums;
}

Expected<std::vector<Plaintext>> joint_messages(const JointPlan& plan, const JointScaling& scaling,
                                                const JointStatistics& statistics) {
    if (!(scaling.rows >= statistics.rows &&
          scaling.largest_eigenvalue >= statistics.largest_eigenvalue &&
          std::isfinite(scaling.rows) && std::isfinite(scaling.largest_eigenvalue) &&
          scaling.largest_eigenvalue > 0)) {
        return make_error(ErrorCode::bad_input,
                          "the pooled sums ({} rows, eigenvalue {:.6g}) do not cover this "
                          "contributor's ({}, {:.6g}): they were not added up over all",
                          scaling.rows, scaling.largest_eigenvalue, statistics.rows,
                          statistics.largest_eigenvalue);
    }
    const JointLayout& layout = plan.layout();
    const std::size_t rows = layout.padded_rows();
    const std::size_t places = layout.places();
    // `values`, transformed, into the coefficients of X^first, X^(first + step), ...
    std::vector<long double> coefficients(plan.parameters().n());
    const auto put = [&](std::vector<Complex> values, std::size_t first, std::size_t step) {
        to_coefficients_finely(values);
        for (std::size_t j = 0; j < values.size(); ++j) {
            coefficients[first + step * j] = values[j].real();
            coefficients[first + step * (j + values.size())] = values[j].imag();
        }
        wipe(values);
    };
    std::vector<Plaintext> messages;
    const auto encode = [&](double scale) {
        messages.push_back(
            encode_coefficients(plan.parameters(), coefficients, plan.upload_level(), scale));
        wipe(coefficients);
    };
    for (std::size_t i = 0; i < layout.gram_ciphertexts(); ++i) {
        for (std::size_t place = 0; place < places; ++place) {
            if (layout.diagonal_at(i, place) == layout.rows()) {
                continue;
            }
            std::vector<Complex> values(rows);
            for (const bool imaginary : {false, true}) {
                add_diagonal(values, layout, statistics.gram, scaling.largest_eigenvalue,
                             layout.diagonal_at(i, place, imaginary),
                             imaginary ? Complex(0, 1) : Complex(1));
            }
            put(std::move(values), place, places);
        }
        encode(plan.upload_scale());
    }
    const double norm = std::sqrt(scaling.rows * scaling.largest_eigenvalue);
    std::vector<Complex> values(layout.period());
    for (std::size_t m = 0; m < layout.classes(); ++m) {
        for (std::size_t i = 0; i < layout.rows(); ++i) {
            values[m * rows + i] =
                static_cast<long double>(statistics.moments(index(i), index(m))) / norm;
        }
    }
    put(std::move(values), 0, layout.copies());
    encode(plan.moments_scale());
    return messages;
}

Expected<JointContribution> encrypt_contribution(const JointPlan& plan, const JointScaling& scaling,
                                                 const JointStatistics& statistics,
                                                 const JointPublicKey& key) {
    auto messages = joint_messages(plan, scaling, statistics);
    if (!messages) {
        return tl::unexpected<ErrorInfo>(messages.error());
    }
    JointContribution contribution;
    for (std::size_t i = 0; i + 1 < messages->size(); ++i) {
        contribution.gram.push_back(encrypt(key, (*messages)[i]));
    }
    contribution.moments = encrypt(key, messages->back());
    return contribution;
}

RowMatrix joint_twin(const JointPlan& plan, const JointScaling& scaling,
                     const JointStatistics& sum) {
    const RowMatrix gram = sum.gram / scaling.largest_eigenvalue;
    const RowMatrix moments = sum.moments / std::sqrt(scaling.rows * scaling.largest_eigenvalue);
    RowMatrix before = RowMatrix::Zero(moments.rows(), moments.cols());
    RowMatrix state = before;
    for (const JointStep& step : plan.steps()) {
        RowMatrix next = step.next(state, before, RowMatrix(moments - gram * state));
        before = std::move(state);
        state = std::move(next);
    }
    return state;
}

JointStatistics sum_statistics(const std::vector<JointStatistics>& all) {
    require(!all.empty(), ErrorCode::invalid_argument, "a sum needs a contributor");
    JointStatistics sum = all.front();
    for (std::size_t i = 1; i < all.size(); ++i) {
        sum.gram += all[i].gram;
        sum.moments += all[i].moments;
        sum.rows += all[i].rows;
        sum.largest_eigenvalue += all[i].largest_eigenvalue;
    }
    return sum;
}

JointScaling scaling_of(const std::vector<JointStatistics>& all) {
    JointScaling scaling;
    for (const JointStatistics& one : all) {
        scaling.rows += one.rows;
        scaling.largest_eigenvalue += one.largest_eigenvalue;
    }
    return scaling;
}

}  // namespace cipherfit
