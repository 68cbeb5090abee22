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

TrainingState StateRefresh::operator()(const TrainingState& state) const {
    const double range = plan_.refresh().value().range();
    const auto level =
        static_cast<std::size_t>(plan_.levels()[static_cast<std::size_t>(state.iteration)].start);
    TrainingState refreshed{.iteration = state.iteration, .main = {}, .extrapolated = {}};
    for (std::size_t b = 0; b < state.main.size(); ++b) {
        const bool dual = !mask_.empty();
        const Ciphertext main = dual ? cleaned(state.main[b]) : state.main[b].copy();
        const Ciphertext extrapolated =
            dual ? cleaned(state.extrapolated[b]) : state.extrapolated[b].copy();
        // U is read at the scale of M: as U times the quotient of the scales.
        const double quotient = extrapolated.scale() / main.scale();
        auto [real, imaginary] = bootstrapper_->bootstrap_pair(
            main.copy().with_factor(1 / range), extrapolated.copy().with_factor(quotient / range));
        // The last iterations may need fewer levels than there are.
        refreshed.main.push_back(
            evaluator_.drop_to_level(std::move(real).with_factor(range), level));
        refreshed.extrapolated.push_back(
            evaluator_.drop_to_level(std::move(imaginary).with_factor(range / quotient), level));
    }
    return refreshed;
}

}  // namespace cipherfit
