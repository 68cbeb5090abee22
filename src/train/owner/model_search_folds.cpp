#include "train/owner/model_search_folds.h"

#include "cipherfit/base/parallel.h"
#include "cipherfit/train/owner/head.h"
#include "cipherfit/train/owner/twin.h"
#include "train/owner/rehearsal_folds.h"
#include "train/owner/twin_noise.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <random>
#include <utility>

namespace cipherfit {
namespace {

// With more rows than this, two folds hold out enough of them.
constexpr std::size_t rows_for_all_folds = 4000;

Eigen::VectorXd weights_of(const Eigen::VectorXd& all, const std::vector<Eigen::Index>& rows) {
    return all.size() == 0 ? Eigen::VectorXd() : Eigen::VectorXd(all(rows));
}

// (Y - 1/2) with each row times its weight.
RowMatrix weighted_targets(const SearchFold& fold, int classes) {
    RowMatrix targets = one_hot(fold.training_labels, classes).array() - 0.5;
    if (fold.training_weights.size() > 0) {
        targets.array().colwise() *= fold.training_weights.array();
    }
    return targets;
}

Eigen::VectorXd inverse_variances(const ComponentScores& components, Eigen::Index number,
                                  double ridge) {
    return (components.deviation.head(number).array().square() + ridge * components.total_variance)
        .inverse();
}

RowMatrix scaled_columns(const RowMatrix& scores, const Eigen::VectorXd& scale, double unit) {
    RowMatrix x(scores.rows(), scale.size() + 1);
    x.col(0).setConstant(unit);
    x.rightCols(scale.size()) = scores.leftCols(scale.size()) * (unit * scale).asDiagonal();
    return x;
}

}  // namespace

std::vector<Eigen::Index> sample_rows(std::span<const int> labels, std::size_t most,
                                      std::uint64_t seed) {
    require(most >= 1, ErrorCode::invalid_argument, "a sample of 0 rows");
    std::vector<Eigen::Index> sample;
    if (labels.size() <= most) {
        sample.resize(labels.size());
        std::iota(sample.begin(), sample.end(), Eigen::Index{0});
        return sample;
    }
    // With as many folds as rows, the fold is the row's place when they are sorted by class and
    // shuffled within: evenly spaced places keep the shares.
    const std::vector<std::size_t> place = deal_folds(labels, labels.size(), seed);
    for (std::size_t i = 0; i < labels.size(); ++i) {
        if ((place[i] + 1) * most / labels.size() > place[i] * most / labels.size()) {
            sample.push_back(static_cast<Eigen::Index>(i));
        }
    }
    return sample;
}

SearchRows deal_search_rows(std::span<const int> labels, int classes,
                            const ModelSearchOptions& options) {
    SearchRows rows;
    rows.classes = classes;
    const std::size_t folds =
        std::min(labels.size(), static_cast<std::size_t>(std::max(2, options.folds)));
    const std::vector<std::size_t> fold_of = deal_folds(labels, folds, options.seed);
    // Mini-batches take the rows as they come.
    std::vector<std::size_t> order(labels.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::mt19937_64 engine(options.seed);
    for (std::size_t left = order.size(); left > 1; --left) {
        std::swap(order[left - 1], order[static_cast<std::size_t>(engine() % left)]);
    }
    const std::size_t used =
        labels.size() > rows_for_all_folds ? std::min<std::size_t>(2, folds) : folds;
    std::vector<Eigen::Index> all_held;
    for (std::size_t f = 0; f < used; ++f) {
        SearchFold fold;
        for (const std::size_t i : order) {
            if (fold_of[i] == f) {
                fold.held_out.push_back(static_cast<Eigen::Index>(i));
                all_held.push_back(static_cast<Eigen::Index>(i));
                rows.held_labels.push_back(labels[i]);
            } else {
                fold.training.push_back(static_cast<Eigen::Index>(i));
                fold.training_labels.push_back(labels[i]);
            }
        }
        fold.training_weights = weights_of(options.row_weights, fold.training);
        if (fold.training_weights.size() > 0) {
            const double mean = fold.training_weights.mean();
            require(mean > 0.0, ErrorCode::bad_input,
                    "all rows of a fold have the weight 0: give the classes weights above 0");
            fold.training_weights /= mean;
        }
        rows.folds.push_back(std::move(fold));
    }
    rows.held_weights = weights_of(options.row_weights, all_held);
    return rows;
}

std::vector<Eigen::Index> numbers_to_try(const ModelSearchOptions& options, Eigen::Index most) {
    std::vector<Eigen::Index> tried = options.components;
    if (tried.empty()) {
        tried = {15, 31, 63, 127, 255, 511, 1023};
        if (most < options.most_components) {
            tried.push_back(most);
        }
        std::erase_if(tried, [most](Eigen::Index number) { return number > most; });
    }
    std::sort(tried.begin(), tried.end());
    tried.erase(std::unique(tried.begin(), tried.end()), tried.end());
    return tried;
}

std::vector<double> ridges_to_try(const ModelSearchOptions& options) {
    return options.ridges.empty()
               ? std::vector{1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1}
               : options.ridges;
}

std::vector<RowMatrix> one_step_scores(const SearchRows& rows, const FoldComponents& components,
                                       const std::vector<Eigen::Index>& numbers,
                                       const std::vector<double>& ridges) {
    std::vector<RowMatrix> scores(
        numbers.size() * ridges.size(),
        RowMatrix(static_cast<Eigen::Index>(rows.held_labels.size()), rows.classes));
    std::vector<Eigen::Index> first_row;
    Eigen::Index next = 0;
    for (const SearchFold& fold : rows.folds) {
        first_row.push_back(next);
        next += static_cast<Eigen::Index>(fold.held_out.size());
    }
    parallel_for(0, rows.folds.size(), [&](std::size_t f) {
        const SearchFold& fold = rows.folds[f];
        const ComponentScores& of = components[f];
        const RowMatrix targets = weighted_targets(fold, rows.classes);
        const auto n = static_cast<double>(targets.rows());
        const RowMatrix moments = of.training.transpose() * targets / n;
        const Eigen::RowVectorXd bias = targets.colwise().mean();
        const auto held = static_cast<Eigen::Index>(fold.held_out.size());
        for (std::size_t r = 0; r < ridges.size(); ++r) {
            const Eigen::VectorXd inverse = inverse_variances(of, of.deviation.size(), ridges[r]);
            RowMatrix sum = bias.replicate(held, 1);
            Eigen::Index done = 0;
            for (std::size_t k = 0; k < numbers.size(); ++k) {
                const Eigen::Index number = std::min(numbers[k], of.deviation.size());
                const Eigen::Index more = number - done;
                sum += of.held_out.middleCols(done, more) *
                       (inverse.segment(done, more).asDiagonal() * moments.middleRows(done, more));
                done = number;
                scores[k * ridges.size() + r].middleRows(first_row[f], held) = sum;
            }
        }
    });
    return scores;
}

std::vector<RunScores> run_fold(const SearchFold& fold, int classes,
                                const ComponentScores& components, Eigen::Index number,
                                double ridge, const Recipe& recipe, const std::vector<int>& stops) {
    const Eigen::VectorXd scale =
        inverse_variances(components, std::min(number, components.deviation.size()), ridge)
            .cwiseSqrt();
    const std::size_t rows = rows_per_batch(recipe, fold.training.size());
    const double unit = 2.0 / std::sqrt(static_cast<double>(rows));
    PreparedData data;
    data.xs = scaled_columns(components.training, scale, unit);
    const auto heads =
        static_cast<Eigen::Index>(trained_heads(static_cast<std::size_t>(classes), recipe));
    data.y = one_hot(fold.training_labels, classes).rightCols(heads);
    if (fold.training_weights.size() > 0) {
        const Eigen::VectorXd roots = fold.training_weights.cwiseSqrt();
        data.xs.array().colwise() *= roots.array();
        data.y = 0.5 + (data.y.array() - 0.5).colwise() * roots.array();
    }
    data.z0 = RowMatrix::Zero(data.xs.rows(), heads);
    data.column_scale = Eigen::VectorXd::Constant(data.xs.cols(), unit);
    const RowMatrix held = scaled_columns(components.held_out, scale, unit);
    std::vector<RunScores> reached;
    double held_z = 0.0;
    double training_z = 0.0;
    run_twin(data, recipe, nullptr, [&](const TwinIteration& after) {
        training_z = std::max(training_z, after.max_abs_z);
        const bool stop = std::find(stops.begin(), stops.end(), after.iteration + 1) != stops.end();
        if (stop) {
            reached.push_back(
                {held * rows_of_classes(after.model).transpose(), std::max(training_z, held_z)});
        }
        if (after.iteration + 1 < recipe.iterations) {
            const bool at_main = recipe.gradient_at == ModelSequence::main;
            const double z =
                largest_magnitude(held * (at_main ? after.main : after.extrapolated).transpose());
            held_z = std::isnan(z) || z > held_z ? z : held_z;
        }
    });
    return reached;
}

}  // namespace cipherfit
