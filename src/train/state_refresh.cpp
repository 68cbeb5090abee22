#include "train/state_refresh.h"

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

std::pair<Ciphertext, Ciphertext> StateRefresh::refreshed(const Ciphertext& first,
                                                          const Ciphertext& second,
                                                          std::size_t level) const {
    const double range = plan_.refresh().value().range();
    // The second is read at the scale of the first: as itself times the quotient of the scales.
    const double quotient = second.scale() / first.scale();
    auto [real, imaginary] = bootstrapper_->bootstrap_pair(
        first.copy().with_factor(1 / range), second.copy().with_factor(quotient / range));
    // The last iterations may need fewer levels than there are.
    return {evaluator_.drop_to_level(std::move(real).with_factor(range), level),
            evaluator_.drop_to_level(std::move(imaginary).with_factor(range / quotient), level)};
}

TrainingState StateRefresh::operator()(const TrainingState& state) const {
    const auto level =
        static_cast<std::size_t>(plan_.levels()[static_cast<std::size_t>(state.iteration)].start);
    const auto prepared = [&](const Ciphertext& block) {
        return mask_.empty() ? block.copy() : cleaned(block);
    };
    TrainingState result{.iteration = state.iteration};
    if (!state.extrapolated.empty()) {
        for (std::size_t b = 0; b < state.main.size(); ++b) {
            auto [main, extrapolated] =
                refreshed(prepared(state.main[b]), prepared(state.extrapolated[b]), level);
            result.main.push_back(std::move(main));
            result.extrapolated.push_back(std::move(extrapolated));
        }
        return result;
    }
    for (std::size_t b = 0; b < state.main.size(); b += 2) {
        if (b + 1 == state.main.size()) {
            // Doubled and read as half of it: taking pairs apart does the same to their scale.
            const double range = plan_.refresh().value().range();
            Ciphertext alone =
                bootstrapper_->bootstrap(prepared(state.main[b]).with_factor(1 / range));
            evaluator_.add_inplace(alone, alone);
            result.main.push_back(
                evaluator_.drop_to_level(std::move(alone).with_factor(range / 2), level));
            break;
        }
        auto [even, odd] = refreshed(prepared(state.main[b]), prepared(state.main[b + 1]), level);
        result.main.push_back(std::move(even));
        result.main.push_back(std::move(odd));
    }
    return result;
}

}  // namespace cipherfit
