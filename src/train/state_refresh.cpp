#include "train/state_refresh.h"

#include "ckks/bootstrap/imaginary_unit.h"
#include "ckks/bootstrap/interleave.h"
#include "train/refresh.h"

#include <algorithm>
#include <utility>

namespace cipherfit {

StateRefresh::StateRefresh(const TrainingPlan& plan, const EvaluationKeys& keys)
    : plan_(plan), evaluator_(keys) {
    if (plan.solver() == Solver::dual) {
        mask_ = plan.kernel().value_mask();
    }
    if (plan.refresh_count() > 0) {
        bootstrapper_ =
            std::make_unique<const Bootstrapper>(plan.refresh().value().bootstrap, keys);
    }
}

Ciphertext StateRefresh::cleaned(const Ciphertext& values) const {
    // A little below the largest scale, so that the bootstrapping's factor is one, not zero.
    constexpr double below = 1 - 0x1p-20;
    const double scale = below * plan_.refresh().value().bootstrap.largest_message() /
                         plan_.refresh().value().range();
    const Ciphertext low = evaluator_.drop_to_level(values, 1);
    const double mask_scale = scale * evaluator_.rescale_divisor(1) / low.scale();
    return evaluator_.rescale(
        evaluator_.multiply_plain(low, evaluator_.encoder().encode(mask_, 1, mask_scale)));
}

std::vector<StateRefresh::Pair> StateRefresh::refreshed(std::vector<Pair> pairs,
                                                        std::size_t level) const {
    const RefreshPlan& refresh = plan_.refresh().value();
    const double range = refresh.range();
    const std::size_t period = state_period(plan_);
    const std::size_t together = refresh.bootstrap.slots() / period;
    std::vector<Pair> result;
    for (std::size_t first = 0; first < pairs.size(); first += together) {
        const std::size_t last = std::min(pairs.size(), first + together);
        std::vector<Ciphertext> joined;
        // The second is read at the scale of the first: as itself times the quotient of the scales.
        std::vector<double> quotients;
        for (std::size_t i = first; i < last; ++i) {
            auto& [real, imaginary] = pairs[i];
            const bool alone = imaginary.size() == 0;
            quotients.push_back(alone ? 1.0 : imaginary.scale() / real.scale());
            Ciphertext both = std::move(real).with_factor(1 / range);
            if (!alone) {
                evaluator_.add_inplace(
                    both,
                    multiply_by_i(evaluator_.parameters().ring(),
                                  std::move(imaginary).with_factor(quotients.back() / range)));
            }
            joined.push_back(std::move(both));
        }
        std::vector<Ciphertext> apart = take_apart(
            evaluator_, bootstrapper_->bootstrap(interleave(evaluator_, joined, period, together)),
            period, together, joined.size());
        for (std::size_t i = 0; i < apart.size(); ++i) {
            auto [real, imaginary] = split_pair(
                evaluator_, std::move(apart[i]).with_factor(1 / static_cast<double>(together)));
            // The last iterations may need fewer levels than there are.
            result.emplace_back(evaluator_.drop_to_level(std::move(real).with_factor(range), level),
                                evaluator_.drop_to_level(
                                    std::move(imaginary).with_factor(range / quotients[i]), level));
        }
    }
    return result;
}

TrainingState StateRefresh::operator()(const TrainingState& state) const {
    const auto level =
        static_cast<std::size_t>(plan_.levels()[static_cast<std::size_t>(state.iteration)].start);
    const auto prepared = [&](const Ciphertext& block) {
        return mask_.empty() ? block.copy() : cleaned(block);
    };
    // Both sequences of a block, or two blocks of the only one, of which a last one may be alone.
    const bool momentum = !state.extrapolated.empty();
    std::vector<Pair> pairs;
    for (std::size_t b = 0; b < state.main.size(); b += momentum ? 1 : 2) {
        Pair& pair = pairs.emplace_back();
        pair.first = prepared(state.main[b]);
        if (momentum) {
            pair.second = prepared(state.extrapolated[b]);
        } else if (b + 1 < state.main.size()) {
            pair.second = prepared(state.main[b + 1]);
        }
    }
    TrainingState result{.iteration = state.iteration};
    for (auto& [first, second] : refreshed(std::move(pairs), level)) {
        result.main.push_back(std::move(first));
        if (momentum) {
            result.extrapolated.push_back(std::move(second));
        } else if (result.main.size() < state.main.size()) {
            result.main.push_back(std::move(second));
        }
    }
    return result;
}

}  // namespace cipherfit
