#include "solver/state_refresh.h"

#include "train/refresh.h"

#include <algorithm>
#include <utility>

namespace cipherfit {

StateRefresh::StateRefresh(const TrainingPlan& plan, Operations& operations,
                           std::vector<double> mask)
    : plan_(plan), operations_(operations), mask_(std::move(mask)) {}

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

StateRefresh::Pair StateRefresh::refreshed_alone(Pair pair, std::size_t level) const {
    const double range = plan_.refresh().value().range();
    auto& [first, second] = pair;
    if (second.parts() == 0) {
        // Doubled and read as half of it: taking pairs apart does the same to their scale.
        Handle alone = operations_.bootstrap(operations_.reinterpret(std::move(first), 1 / range));
        operations_.add_inplace(alone, alone);
        return {
            operations_.drop_to_level(operations_.reinterpret(std::move(alone), range / 2), level),
            Handle()};
    }
    // The second is read at the scale of the first: as itself times the quotient of the scales.
    const double quotient = second.scale() / first.scale();
    auto [real, imaginary] =
        operations_.bootstrap_pair(operations_.reinterpret(std::move(first), 1 / range),
                                   operations_.reinterpret(std::move(second), quotient / range));
    // The last iterations may need fewer levels than there are.
    return {operations_.drop_to_level(operations_.reinterpret(std::move(real), range), level),
            operations_.drop_to_level(
                operations_.reinterpret(std::move(imaginary), range / quotient), level)};
}

// Slots that repeat with a period of p are those of a polynomial in Y = X^(N / (2 p)). With c a
// power of two, c such polynomials m_b make one of period c p,
//     m = sum_b Z^b m_b(Y),   Z = X^(N / (2 c p)),  Z^c = Y,
// whose coefficients are theirs, one after the other: a bootstrapping, which works on coefficients,
// finds none that is larger than theirs. The rotation by half of a period maps Z to -Z, so that m
// and its rotation give the blocks of even and of odd b, at twice the scale, and these theirs.
std::vector<Handle> StateRefresh::taken_apart(Handle joined, std::size_t count,
                                              std::size_t blocks) const {
    std::vector<Handle> result;
    if (count == 1) {
        result.push_back(std::move(joined));
        return result;
    }
    const std::size_t n = plan_.parameters().n();
    const std::size_t period = plan_.solver().state_period();
    const std::size_t power = n / (2 * period * count);
    const Handle turned = operations_.rotate(joined, static_cast<std::int64_t>(period * count / 2));
    const std::size_t odd_blocks = blocks / 2;
    std::vector<Handle> odd;
    if (odd_blocks > 0) {
        const Handle difference = operations_.subtract(joined, turned);
        odd = taken_apart(operations_.multiply_by_power(difference, 2 * n - power), count / 2,
                          odd_blocks);
    }
    operations_.add_inplace(joined, turned);
    std::vector<Handle> even = taken_apart(std::move(joined), count / 2, blocks - odd_blocks);
    for (std::size_t b = 0; b < blocks; ++b) {
        result.push_back(std::move(b % 2 == 0 ? even[b / 2] : odd[b / 2]));
    }
    return result;
}

std::vector<StateRefresh::Pair> StateRefresh::refreshed(std::vector<Pair> pairs,
                                                        std::size_t level) const {
    const RefreshPlan& refresh = plan_.refresh().value();
    const double range = refresh.range();
    const std::size_t n = plan_.parameters().n();
    const std::size_t together = refresh.bootstrap.slots() / plan_.solver().state_period();
    std::vector<Pair> result;
    if (together == 1) {
        for (Pair& pair : pairs) {
            result.push_back(refreshed_alone(std::move(pair), level));
        }
        return result;
    }
    const std::size_t power = n / (2 * plan_.solver().state_period() * together);
    for (std::size_t first = 0; first < pairs.size(); first += together) {
        const std::size_t count = std::min(together, pairs.size() - first);
        Handle joined;
        std::vector<double> quotients;
        for (std::size_t b = 0; b < count; ++b) {
            auto& [real, imaginary] = pairs[first + b];
            const bool alone = imaginary.parts() == 0;
            quotients.push_back(alone ? 1.0 : imaginary.scale() / real.scale());
            Handle both = operations_.reinterpret(std::move(real), 1 / range);
            if (!alone) {
                const Handle second =
                    operations_.reinterpret(std::move(imaginary), quotients.back() / range);
                operations_.add_inplace(both, operations_.multiply_by_power(second, n / 2));
            }
            if (b == 0) {
                joined = std::move(both);
            } else {
                operations_.add_inplace(joined, operations_.multiply_by_power(both, b * power));
            }
        }
        std::vector<Handle> apart = taken_apart(operations_.bootstrap(joined), together, count);
        for (std::size_t b = 0; b < count; ++b) {
            const Handle both =
                operations_.reinterpret(std::move(apart[b]), 1 / static_cast<double>(together));
            const Handle conjugated = operations_.conjugate(both);
            Handle real = operations_.reinterpret(operations_.add(both, conjugated), range / 2);
            // (z - conj z) / i: X^(3N/2) is -i.
            Handle imaginary = operations_.reinterpret(
                operations_.multiply_by_power(operations_.subtract(both, conjugated), 3 * n / 2),
                range / (2 * quotients[b]));
            // The last iterations may need fewer levels than there are.
            result.emplace_back(operations_.drop_to_level(real, level),
                                operations_.drop_to_level(imaginary, level));
        }
    }
    return result;
}

CircuitState StateRefresh::operator()(const CircuitState& state) const {
    const auto level =
        static_cast<std::size_t>(plan_.levels()[static_cast<std::size_t>(state.iteration)].start);
    const auto prepared = [&](const Handle& block) {
        return mask_.empty() ? operations_.copy(block) : cleaned(block);
    };
    // Both sequences of a block, or two blocks of the only one, of which a last one may be alone.
    const std::vector<Handle>& main = state[main_sequence];
    const std::vector<Handle>& extrapolated = state[extrapolated_sequence];
    const bool momentum = !extrapolated.empty();
    std::vector<Pair> pairs;
    for (std::size_t b = 0; b < main.size(); b += momentum ? 1 : 2) {
        Pair& pair = pairs.emplace_back();
        pair.first = prepared(main[b]);
        if (momentum) {
            pair.second = prepared(extrapolated[b]);
        } else if (b + 1 < main.size()) {
            pair.second = prepared(main[b + 1]);
        }
    }
    CircuitState result{.iteration = state.iteration};
    std::vector<Handle> first_blocks;
    std::vector<Handle> second_blocks;
    for (auto& [first, second] : refreshed(std::move(pairs), level)) {
        first_blocks.push_back(std::move(first));
        if (momentum) {
            second_blocks.push_back(std::move(second));
        } else if (first_blocks.size() < main.size()) {
            first_blocks.push_back(std::move(second));
        }
    }
    result[main_sequence] = std::move(first_blocks);
    result[extrapolated_sequence] = std::move(second_blocks);
    return result;
}

}  // namespace cipherfit
