#include "train/judged_candidate.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

namespace cipherfit {
namespace {

constexpr double usable_share = 0.9;  // of the sigmoid's range

// Work of the encrypted run: a product with the features costs by columns, which lanes pad to
// powers of two, and by limbs, and an iteration after the first makes two of them.
double work_of(const ModelCandidate& candidate, int degree) {
    double columns = 1.0;
    while (columns < static_cast<double>(candidate.components + 1)) {
        columns *= 2.0;
    }
    const int sigmoid_levels = degree == 1 ? 1 : degree == 3 ? 2 : 3;
    const double levels = 1.0 + (candidate.iterations - 1) * (sigmoid_levels + 2.0);
    return columns * std::pow(levels, 1.5);
}

// Whether a's loss and share of wrong rows are within a paired standard error of b's.
bool nearly_as_good(const Judged& a, const Judged& b, const Eigen::VectorXd& weights) {
    const PairedDifference loss = paired_difference(a.held_out.loss, b.held_out.loss, weights);
    const PairedDifference wrong = paired_difference(b.held_out.right, a.held_out.right, weights);
    return loss.mean <= loss.standard_error + 1e-12 && wrong.mean <= wrong.standard_error + 1e-12;
}

}  // namespace

bool usable(const Judged& judged) {
    return std::isfinite(judged.held_out.mean_loss) &&
           (judged.candidate.iterations == 1 || judged.degree == 1 ||
            judged.candidate.max_abs_z <= usable_share * judged.candidate.range);
}

Judged judge(ModelCandidate candidate, const RowMatrix& scores, std::span<const int> labels,
             const Eigen::VectorXd& weights, int degree) {
    Judged judged{std::move(candidate), held_out_loss(scores, labels, weights), degree};
    judged.candidate.accuracy = judged.held_out.accuracy;
    judged.candidate.loss = judged.held_out.mean_loss;
    judged.candidate.work = work_of(judged.candidate, degree);
    return judged;
}

const Judged& least_loss(const std::vector<Judged>& all) {
    const auto key = [](const Judged& judged) {
        return usable(judged) ? judged.candidate.loss : std::numeric_limits<double>::infinity();
    };
    return *std::min_element(all.begin(), all.end(),
                             [&](const Judged& a, const Judged& b) { return key(a) < key(b); });
}

const Judged& most_accurate(const std::vector<Judged>& all) {
    const auto key = [](const Judged& judged) {
        return std::pair(usable(judged) ? -judged.candidate.accuracy : 1.0, judged.candidate.loss);
    };
    return *std::min_element(all.begin(), all.end(),
                             [&](const Judged& a, const Judged& b) { return key(a) < key(b); });
}

const Judged& cheapest_good(const std::vector<Judged>& all, const Judged& best,
                            const Eigen::VectorXd& weights) {
    const Judged* chosen = &best;
    const auto key = [](const Judged& judged) {
        return std::pair(judged.candidate.work, judged.candidate.loss);
    };
    for (const Judged& judged : all) {
        if (usable(judged) && key(judged) < key(*chosen) && nearly_as_good(judged, best, weights)) {
            chosen = &judged;
        }
    }
    return *chosen;
}

}  // namespace cipherfit
