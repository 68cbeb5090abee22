#include "train/state_refresh.h"

#include <utility>

namespace cipherfit {

StateRefresh::StateRefresh(const TrainingPlan& plan, Operations& operations)
    : plan_(plan), operations_(operations) {
    if (plan.solver() == Solver::dual) {
        mask_ = plan.kernel().value_mask();
    }
}

Handle StateRefresh::cleaned(const Handle& values) const {
    // A little below the largest scale, so that the bootstrapping's factor is one, not zero.
    constexpr double below = 1 - 0x1p-20;
    const double scale = below * plan_.refresh().value().bootstrap.largest_message() /
                         plan_.refresh().value().range();
    const Handle low = operations_.drop_to_level(values, 1);
    const double mask_scale = scale * operations_.rescale_divisor(1) / low.scale();
    return operations_.rescale(
        operations_.multiply_mask(low, operations_.encode(mask_, 1, mask_scale)));
}

std::pair<Handle, Handle> StateRefresh::refreshed(const Handle& first, const Handle& second,
                                                  std::size_t level) const {
    const double range = plan_.refresh().value().range();
    // The second is read at the scale of the first: as itself times the quotient of the scales.
    const double quotient = second.scale() / first.scale();
    auto [real, imaginary] = operations_.bootstrap_pair(
        operations_.reinterpret(operations_.copy(first), 1 / range),
        operations_.reinterpret(operations_.copy(second), quotient / range));
    // The last iterations may need fewer levels than there are.
    return {operations_.drop_to_level(operations_.reinterpret(std::move(real), range), level),
            operations_.drop_to_level(
                operations_.reinterpret(std::move(imaginary), range / quotient), level)};
}

CircuitState StateRefresh::operator()(const CircuitState& state) const {
    const auto level =
        static_cast<std::size_t>(plan_.levels()[static_cast<std::size_t>(state.iteration)].start);
    const auto prepared = [&](const Handle& block) {
        return mask_.empty() ? operations_.copy(block) : cleaned(block);
    };
    CircuitState result{.iteration = state.iteration};
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
            Handle alone =
                operations_.bootstrap(operations_.reinterpret(prepared(state.main[b]), 1 / range));
            operations_.add_inplace(alone, alone);
            result.main.push_back(operations_.drop_to_level(
                operations_.reinterpret(std::move(alone), range / 2), level));
            break;
        }
        auto [even, odd] = refreshed(prepared(state.main[b]), prepared(state.main[b + 1]), level);
        result.main.push_back(std::move(even));
        result.main.push_back(std::move(odd));
    }
    return result;
}

}  // namespace cipherfit
