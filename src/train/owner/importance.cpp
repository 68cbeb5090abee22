#include "cipherfit/train/owner/importance.h"

#include "cipherfit/train/owner/metrics.h"

#include <cmath>
#include <numeric>
#include <random>
#include <utility>

namespace cipherfit {
namespace {

std::vector<Eigen::Index> shuffled(Eigen::Index count, std::mt19937_64& engine) {
    std::vector<Eigen::Index> order(static_cast<std::size_t>(count));
    std::iota(order.begin(), order.end(), Eigen::Index{0});
    for (std::size_t left = order.size(); left > 1; --left) {
        std::swap(order[left - 1], order[static_cast<std::size_t>(engine() % left)]);
    }
    return order;
}

// Mean and standard error.
std::pair<double, double> summary(const Eigen::ArrayXd& values) {
    const double mean = values.mean();
    const auto n = static_cast<double>(values.size());
    return {mean, n > 1 ? std::sqrt((values - mean).square().sum() / (n * (n - 1))) : 0.0};
}

}  // namespace

std::vector<GroupImportance> permutation_importance(const ModelFunction& model,
                                                    const RowMatrix& rows,
                                                    std::span<const int> labels,
                                                    std::span<const ColumnGroup> groups,
                                                    int shuffles, std::uint64_t seed) {
    require(shuffles >= 1, ErrorCode::invalid_argument, "{} shuffles; at least 1 is needed",
            shuffles);
    const auto measured = [&](const RowMatrix& of) {
        return measure(model.predict(of), model.probabilities(of), labels);
    };
    const Metrics whole = measured(rows);
    std::vector<GroupImportance> importance;
    RowMatrix changed = rows;
    std::mt19937_64 engine(seed);
    for (const ColumnGroup& group : groups) {
        require(group.first >= 0 && group.count >= 1 && group.first + group.count <= rows.cols(),
                ErrorCode::invalid_argument, "columns {} to {} of rows with {}", group.first,
                group.first + group.count - 1, rows.cols());
        Eigen::ArrayXd accuracy(shuffles);
        Eigen::ArrayXd loss(shuffles);
        for (int s = 0; s < shuffles; ++s) {
            changed.middleCols(group.first, group.count) =
                rows(shuffled(rows.rows(), engine), Eigen::all)
                    .middleCols(group.first, group.count);
            const Metrics without = measured(changed);
            accuracy(s) = whole.accuracy - without.accuracy;
            loss(s) = without.log_loss - whole.log_loss;
        }
        changed.middleCols(group.first, group.count) = rows.middleCols(group.first, group.count);
        const auto [lost, lost_error] = summary(accuracy);
        const auto [gained, gained_error] = summary(loss);
        importance.push_back({lost, lost_error, gained, gained_error});
    }
    return importance;
}

}  // namespace cipherfit
