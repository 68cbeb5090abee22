#include "cipherfit/solver/owner/refresh_range.h"

#include "cipherfit/ckks/encoder.h"
#include "train/refresh.h"

#include <algorithm>
#include <complex>
#include <cstddef>
#include <vector>

namespace cipherfit {
namespace {

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
double largest_of(const SlotBlocks& main, const SlotBlocks& extrapolated, double factor,
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
    return largest_refreshed_coefficient(
        plan, PlainRun(plan.solver().form(), borrowed(data), plan.recipe()));
}

double largest_refreshed_coefficient(const TrainingPlan& plan, const PlainRun& run) {
    double largest = 0;
    const std::optional<RefreshPlan>& refresh = plan.refresh();
    if (!refresh || plan.refresh_count() == 0) {
        return largest;
    }
    const Recipe& recipe = plan.recipe();
    const std::size_t period = plan.solver().state_period();
    const RefreshView view = owner_solver(plan).refresh_view(plan, run.data());
    // After iteration t, before the next; and perhaps the last states, which the lowest level must
    // hold as well.
    const auto is_refreshed = [&](int t) {
        return t + 1 < recipe.iterations ? plan.levels()[static_cast<std::size_t>(t) + 1].refresh
                                         : view.with_last;
    };
    const bool both = has_momentum(recipe);
    run.visit([&](int t, const RowMatrix& main, const RowMatrix& extrapolated) {
        if (!is_refreshed(t)) {
            return;
        }
        // The scale of M is 1 - eta times that of U, and U is read at M's, unless a mask has
        // brought both to one scale.
        const double factor =
            view.one_scale ? 1.0 : 1.0 / (1.0 - recipe.etas[static_cast<std::size_t>(t)]);
        largest = std::max(
            largest, largest_of(view.pack(main), both ? view.pack(extrapolated) : SlotBlocks{},
                                factor, period));
    });
    return largest;
}

}  // namespace cipherfit
