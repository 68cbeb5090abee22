#include "train/owner/judged_candidate.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <tuple>
#include <utility>

namespace cipherfit {
namespace {

constexpr double trusted_share = 0.9;  // of the sigmoid's range
// Fewer components are taken where they lose less than this share of a standard error.
constexpr double as_good_errors = 0.25;

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

// Whether a's loss and share of wrong rows are within so many paired standard errors of b's.
bool nearly_as_good(const Judged& a, const Judged& b, const Eigen::VectorXd& weights,
                    double errors) {
    const PairedDifference loss = paired_difference(a.held_out.loss, b.held_out.loss, weights);
    const PairedDifference wrong = paired_difference(b.held_out.right, a.held_out.right, weights);
    return loss.mean <= errors * loss.standard_error + 1e-12 &&
           wrong.mean <= errors * wrong.standard_error + 1e-12;
}

}  // namespace

bool usable(const Judged& judged) {
    return std::isfinite(judged.held_out.mean_loss) &&
           (judged.candidate.iterations == 1 || judged.degree == 1 ||
            judged.candidate.max_abs_z <= trusted_share * judged.candidate.range);
}

Judged judge(ModelCandidate candidate, const RowMatrix& scores, std::span<const int> labels,
             const Eigen::VectorXd& weights, int degree) {
    Judged judged{candidate, held_out_loss(scores, labels, weights), degree};
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
        if (usable(judged) && key(judged) < key(*chosen) &&
            nearly_as_good(judged, best, weights, 1.0)) {
            chosen = &judged;
        }
    }
    return *chosen;
}

const Judged& best_of_usual_length(const std::vector<Judged>& all, int usual,
                                   const Eigen::VectorXd& weights) {
    const auto better = [](const Judged& a, const Judged* b) {
        return usable(a) && (b == nullptr || a.candidate.loss < b->candidate.loss);
    };
    const Judged* best = nullptr;
    for (const Judged& judged : all) {
        if (judged.candidate.iterations == usual && better(judged, best)) {
            best = &judged;
        }
    }
    const Judged* chosen = best;
    for (const Judged& judged : all) {
        if (judged.candidate.iterations == usual || !better(judged, chosen)) {
            continue;
        }
        if (best == nullptr) {
            chosen = &judged;
            continue;
        }
        const PairedDifference gain =
            paired_difference(best->held_out.loss, judged.held_out.loss, weights);
        if (gain.mean > gain.standard_error) {
            chosen = &judged;
        }
    }
    if (chosen == nullptr) {
        return all.front();
    }
    const Judged* cheapest = chosen;
    for (const Judged& judged : all) {
        if (usable(judged) && judged.candidate.iterations == chosen->candidate.iterations &&
            std::pair(judged.candidate.work, judged.candidate.loss) <
                std::pair(cheapest->candidate.work, cheapest->candidate.loss) &&
            nearly_as_good(judged, *chosen, weights, as_good_errors)) {
            cheapest = &judged;
        }
    }
    return *cheapest;
}

void add_features(const Judged& judged, std::vector<ModelCandidate>& chosen) {
    const auto key = [](const ModelCandidate& of) {
        return std::tie(of.source, of.components, of.ridge);
    };
    if (std::ranges::none_of(chosen, [&](const ModelCandidate& other) {
            return key(other) == key(judged.candidate);
        })) {
        chosen.push_back(judged.candidate);
        chosen.back().max_abs_z = 0.0;
    }
}

void add_best_features(const std::vector<Judged>& judged, std::size_t most,
                       std::vector<ModelCandidate>& chosen) {
    std::vector<const Judged*> by_loss;
    by_loss.reserve(judged.size());
    for (const Judged& of : judged) {
        by_loss.push_back(&of);
    }
    std::ranges::stable_sort(
        by_loss, {}, [](const Judged* of) { return std::pair(!usable(*of), of->candidate.loss); });
    const std::size_t wanted = chosen.size() + most;
    for (const Judged* of : by_loss) {
        if (chosen.size() < wanted) {
            add_features(*of, chosen);
        }
    }
}

}  // namespace cipherfit
