#include "train/owner/rehearsal_folds.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <random>
#include <utility>

#include <Eigen/QR>

namespace cipherfit {
namespace {

RowMatrix rows_of(const RowMatrix& all, const std::vector<std::size_t>& rows) {
    RowMatrix part(static_cast<Eigen::Index>(rows.size()), all.cols());
    for (std::size_t i = 0; i < rows.size(); ++i) {
        part.row(static_cast<Eigen::Index>(i)) = all.row(static_cast<Eigen::Index>(rows[i]));
    }
    return part;
}

std::vector<int> labels_of(std::span<const int> all, const std::vector<std::size_t>& rows) {
    std::vector<int> part;
    part.reserve(rows.size());
    for (const std::size_t row : rows) {
        part.push_back(all[row]);
    }
    return part;
}

RehearsalProblem make_problem(const RowMatrix& raw, std::span<const int> labels, int classes,
                              const std::vector<std::size_t>& training,
                              const std::vector<std::size_t>& held_out,
                              const Eigen::VectorXd& class_weights) {
    // Only the recipe's preset and initial weight matter to prepare().
    const Recipe recipe;
    const RowMatrix features = rows_of(raw, training);
    const std::vector<int> training_labels = labels_of(labels, training);
    Preprocessing preprocessing = fit_preprocessing(features, recipe.preset);
    if (class_weights.size() > 0) {
        preprocessing.class_weights = normalised_class_weights(class_weights, training_labels);
    }
    RehearsalProblem problem;
    problem.data = prepare(features, training_labels, classes, preprocessing, recipe);
    problem.held_labels = labels_of(labels, held_out);
    if (!held_out.empty()) {
        problem.held_out = preprocessing.scaled(rows_of(raw, held_out));
    }
    return problem;
}

}  // namespace

std::vector<std::size_t> deal_folds(std::span<const int> labels, std::size_t folds,
                                    std::uint64_t seed) {
    std::vector<std::size_t> order(labels.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::mt19937_64 engine(seed);
    // By hand since std::shuffle differs between libraries; the bias of % is beneath notice here.
    for (std::size_t i = order.size(); i > 1; --i) {
        std::swap(order[i - 1], order[engine() % i]);
    }
    std::vector<std::pair<int, std::size_t>> by_class;  // the class and the place in the shuffle
    by_class.reserve(order.size());
    for (std::size_t place = 0; place < order.size(); ++place) {
        by_class.emplace_back(labels[order[place]], place);
    }
    std::sort(by_class.begin(), by_class.end());
    std::vector<std::size_t> fold_of(labels.size());
    for (std::size_t i = 0; i < by_class.size(); ++i) {
        fold_of[order[by_class[i].second]] = i % folds;
    }
    return fold_of;
}

void RehearsalProblem::compress() {
    const RowMatrix& xs = data.xs;
    if (xs.rows() >= xs.cols()) {
        return;
    }
    const Eigen::HouseholderQR<Eigen::MatrixXd> qr(xs.transpose());
    const Eigen::MatrixXd basis =
        qr.householderQ() * Eigen::MatrixXd::Identity(xs.cols(), xs.rows());
    if (held_out.size() != 0) {
        held_out = (held_out * basis).eval();
    }
    data.xs = (xs * basis).eval();
}

std::vector<RehearsalProblem> make_problems(const RowMatrix& raw, std::span<const int> labels,
                                            int classes, int folds, std::uint64_t seed,
                                            const Eigen::VectorXd& class_weights) {
    std::vector<std::size_t> all(labels.size());
    std::iota(all.begin(), all.end(), std::size_t{0});
    std::vector<RehearsalProblem> problems;
    if (all.size() == 1) {
        problems.push_back(make_problem(raw, labels, classes, all, all, class_weights));
    } else {
        const std::size_t count = std::min(all.size(), static_cast<std::size_t>(folds));
        const std::vector<std::size_t> fold_of = deal_folds(labels, count, seed);
        for (std::size_t fold = 0; fold < count; ++fold) {
            std::vector<std::size_t> training;
            std::vector<std::size_t> held_out;
            for (const std::size_t row : all) {
                (fold_of[row] == fold ? held_out : training).push_back(row);
            }
            problems.push_back(
                make_problem(raw, labels, classes, training, held_out, class_weights));
        }
    }
    problems.push_back(make_problem(raw, labels, classes, all, {}, class_weights));
    return problems;
}

double softmax_loss(const Eigen::RowVectorXd& scores, int label) {
    const double top = scores.maxCoeff();
    return top + std::log((scores.array() - top).exp().sum()) - scores(label);
}

}  // namespace cipherfit
