#include "cipherfit/train/refresh_range.h"

#include "cipherfit/ckks/encoder.h"
#include "cipherfit/train/segments.h"
#include "cipherfit/train/training_messages.h"
#include "train/refresh.h"

#include <algorithm>
#include <complex>
#include <cstddef>
#include <vector>

namespace cipherfit {
namespace {

using Blocks = std::vector<std::vector<double>>;

// The largest coefficient of real + i factor imaginary, which repeat after `period` slots.
double largest_of(const std::vector<double>& real, const std::vector<double>& imaginary,
                  double factor, std::size_t period) {
    std::vector<std::complex<double>> slots(period);
    for (std::size_t j = 0; j < period; ++j) {
        slots[j] = {real[j], imaginary.empty() ? 0.0 : factor * imaginary[j]};
    }
    return largest_coefficient(slots);
}

// What StateRefresh joins: both sequences of a block, or two blocks of the only one.
double largest_of(const Blocks& main, const Blocks& extrapolated, double factor,
                  std::size_t period) {
    double largest = 0;
    if (!extrapolated.empty()) {
        for (std::size_t b = 0; b < main.size(); ++b) {
            largest = std::max(largest, largest_of(main[b], extrapolated[b], factor, period));
        }
        return largest;
    }
    for (std::size_t b = 0; b < main.size(); b += 2) {
        const std::vector<double> none;
        const bool alone = b + 1 == main.size();
        largest = std::max(largest, largest_of(main[b], alone ? none : main[b + 1], 1.0, period));
    }
    return largest;
}

}  // namespace

double largest_refreshed_coefficient(const TrainingPlan& plan, const PreparedData& data) {
    return largest_refreshed_coefficient(plan,
                                         PlainRun(plan.solver(), borrowed(data), plan.recipe()));
}

double largest_refreshed_coefficient(const TrainingPlan& plan, const PlainRun& run) {
    double largest = 0;
    const std::optional<RefreshPlan>& refresh = plan.refresh();
    if (!refresh || plan.refresh_count() == 0) {
        return largest;
    }
    const Recipe& recipe = plan.recipe();
    const std::size_t period = state_period(plan);
    // After iteration t, before the next; and the primal's last states, which the lowest level must
    // hold as well.
    const auto is_refreshed = [&](int t) {
        return t + 1 < recipe.iterations ? plan.levels()[static_cast<std::size_t>(t) + 1].refresh
                                         : plan.solver() == Solver::primal;
    };
    const auto see = [&](int t, const Blocks& main, const Blocks& extrapolated) {
        // The scale of M is 1 - eta times that of U, and U is read at M's. The dual's mask brings
        // both to one scale.
        const double factor = plan.solver() == Solver::dual
                                  ? 1.0
                                  : 1.0 / (1.0 - recipe.etas[static_cast<std::size_t>(t)]);
        largest = std::max(largest, largest_of(main, extrapolated, factor, period));
    };
    const bool both = has_momentum(recipe);
    const bool dual = plan.solver() == Solver::dual;
    const auto packed = [&](const RowMatrix& state) {
        if (!dual) {
            return pack_states(plan, state);
        }
        const RowMatrix logits = run.kernel() * state;
        return Blocks{
            plan.kernel().pack_values({logits.data(), plan.shape().samples, plan.shape().heads})};
    };
    run.visit([&](int t, const RowMatrix& main, const RowMatrix& extrapolated) {
        if (is_refreshed(t)) {
            see(t, packed(main), both ? packed(extrapolated) : Blocks{});
        }
    });
    return largest;
}

double largest_segment_coefficient(const TrainingPlan& plan, const PreparedData& data) {
    return plan.segment_length() == 0
               ? 0.0
               : largest_segment_coefficient(plan,
                                             PlainRun(Solver::dual, borrowed(data), plan.recipe()));
}

double largest_segment_coefficient(const TrainingPlan& plan, const PlainRun& run) {
    const int every = plan.segment_length();
    double largest = 0;
    if (every == 0) {
        return largest;
    }
    const Recipe& recipe = plan.recipe();
    const auto see = [&](const RowMatrix& sum) {
        const std::vector<double> slots =
            plan.kernel().pack_replicas({sum.data(), plan.shape().samples, plan.shape().heads});
        largest = std::max(largest, largest_coefficient(std::vector<std::complex<double>>(
                                        slots.begin(), slots.end())));
    };
    RowMatrix before_main = RowMatrix::Zero(run.data().samples(), run.data().heads());
    RowMatrix before_extrapolated = before_main;
    run.visit([&](int t, const RowMatrix& main, const RowMatrix& extrapolated) {
        const int end = t + 1;
        if (end % every != 0 || end == recipe.iterations) {
            return;
        }
        const Eigen::Matrix2d over = transport(recipe, end - every, end);
        see(main - over(0, 0) * before_main - over(0, 1) * before_extrapolated);
        see(extrapolated - over(1, 0) * before_main - over(1, 1) * before_extrapolated);
        before_main = main;
        before_extrapolated = extrapolated;
    });
    return largest;
}

}  // namespace cipherfit
