#include "solver/dual_logits/segments.h"

#include "cipherfit/train/recurrence.h"

#include <cstddef>

namespace cipherfit {

ErrorSum error_sum(const Recipe& recipe, int begin, int end, SequenceShares taken) {
    require(0 <= begin && begin <= end && end <= recipe.iterations, ErrorCode::invalid_argument,
            "iterations {} to {} are no segment of {}", begin, end, recipe.iterations);
    ErrorSum sum{std::vector<double>(static_cast<std::size_t>(end - begin)), taken};
    const Recurrence recurrence(recipe);
    for (int t = end; t-- > begin;) {
        const SequenceTerms terms =
            recurrence.backwards(t, sum.before.main, sum.before.extrapolated);
        sum.weights[static_cast<std::size_t>(t - begin)] = terms.update;
        sum.before = {terms.main, terms.extrapolated};
    }
    return sum;
}

std::vector<double> error_weights(const Recipe& recipe) {
    const bool is_main = recipe.model == ModelSequence::main;
    return error_sum(recipe, 0, recipe.iterations, {is_main ? 1.0 : 0.0, is_main ? 0.0 : 1.0})
        .weights;
}

Eigen::Matrix2d transport(const Recipe& recipe, int begin, int end) {
    const SequenceShares main = error_sum(recipe, begin, end, {1.0, 0.0}).before;
    const SequenceShares extrapolated = error_sum(recipe, begin, end, {0.0, 1.0}).before;
    Eigen::Matrix2d result;
    result << main.main, main.extrapolated, extrapolated.main, extrapolated.extrapolated;
    return result;
}

SegmentWeights segment_weights(const Recipe& recipe, int every) {
    SegmentWeights weights;
    if (every == 0) {
        return weights;
    }
    const auto append = [](std::vector<double>& all, const std::vector<double>& more) {
        all.insert(all.end(), more.begin(), more.end());
    };
    for (int end = every; end < recipe.iterations; end += every) {
        append(weights.main, error_sum(recipe, end - every, end, {1.0, 0.0}).weights);
        append(weights.extrapolated, error_sum(recipe, end - every, end, {0.0, 1.0}).weights);
    }
    return weights;
}

}  // namespace cipherfit
