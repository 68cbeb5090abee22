#include "cipherfit/train/plain_run.h"

#include "train/twin_noise.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace cipherfit {

PlainRun::PlainRun(Solver solver, std::shared_ptr<const PreparedData> data, Recipe recipe,
                   double kept_bytes)
    : solver_(solver), data_(std::move(data)), recipe_(std::move(recipe)) {
    const auto side =
        static_cast<double>(solver == Solver::primal ? data_->columns() : data_->samples());
    const double state = 2 * sizeof(double) * side * static_cast<double>(data_->heads());
    keeps_ = state * recipe_.iterations <= kept_bytes;
}

PlainRun::Whole PlainRun::run(const Visitor& visitor) const {
    if (solver_ == Solver::primal) {
        TwinResult result = run_twin(*data_, recipe_, nullptr, [&](const TwinIteration& after) {
            visitor(after.iteration, after.main, after.extrapolated);
        });
        return {std::move(result.max_abs_z),
                result.max_abs_state,
                result.max_abs_held,
                {std::move(result.main), std::move(result.extrapolated)}};
    }
    DualTwinResult result = run_dual_twin(*data_, recipe_, nullptr, visitor);
    return {std::move(result.max_abs_z),
            result.max_abs_state,
            result.max_abs_held,
            {std::move(result.main), std::move(result.extrapolated)}};
}

const PlainRun::Whole& PlainRun::whole() const {
    if (!whole_) {
        visit([](int /*t*/, const RowMatrix& /*main*/, const RowMatrix& /*extrapolated*/) {});
    }
    return *whole_;
}

void PlainRun::visit(const Visitor& visitor) const {
    if (whole_ && keeps_) {
        for (std::size_t t = 0; t < kept_.size(); ++t) {
            visitor(static_cast<int>(t), kept_[t].main, kept_[t].extrapolated);
        }
        return;
    }
    std::vector<State> states;
    Whole made = run([&](int t, const RowMatrix& main, const RowMatrix& extrapolated) {
        if (keeps_) {
            states.push_back({main, extrapolated});
        }
        visitor(t, main, extrapolated);
    });
    kept_ = std::move(states);
    whole_ = std::make_unique<Whole>(std::move(made));
}

double PlainRun::largest_abs_z() const {
    double largest = 0.0;
    for (const double z : max_abs_z()) {
        largest = std::isnan(z) || z > largest ? z : largest;
    }
    return largest;
}

RowMatrix PlainRun::model() const {
    const State& last = whole().last;
    const RowMatrix& taken = recipe_.model == ModelSequence::main ? last.main : last.extrapolated;
    return solver_ == Solver::primal ? taken : model_of(taken, *data_);
}

const RowMatrix& PlainRun::kernel() const {
    if (!kernel_) {
        kernel_ = std::make_unique<RowMatrix>(gram_matrix(*data_));
    }
    return *kernel_;
}

std::shared_ptr<const PreparedData> borrowed(const PreparedData& data) {
    return {std::shared_ptr<const PreparedData>{}, &data};
}

double largest_carried_logit(const PlainRun& run) {
    const RowMatrix& kernel = run.kernel();
    double largest = 0.0;
    run.visit([&](int /*t*/, const RowMatrix& main, const RowMatrix& extrapolated) {
        largest = std::max(
            {largest, largest_magnitude(kernel * main), largest_magnitude(kernel * extrapolated)});
    });
    return largest;
}

}  // namespace cipherfit
