#include "cipherfit/solver/owner/plain_run.h"

#include <cmath>
#include <utility>

namespace cipherfit {

PlainRun::PlainRun(std::string_view form, std::shared_ptr<const PreparedData> data, Recipe recipe,
                   double kept_bytes)
    : solver_(owner_solver(form)), data_(std::move(data)), recipe_(std::move(recipe)) {
    const auto side =
        static_cast<double>(solver_.states_are_models() ? data_->columns() : data_->samples());
    const double state = 2 * sizeof(double) * side * static_cast<double>(data_->heads());
    keeps_ = state * recipe_.iterations <= kept_bytes;
}

const StateRun& PlainRun::whole() const {
    if (!whole_) {
        visit([](int /*t*/, const RowMatrix& /*main*/, const RowMatrix& /*extrapolated*/) {});
    }
    return *whole_;
}

void PlainRun::visit(const StateVisitor& visitor) const {
    if (whole_ && keeps_) {
        for (std::size_t t = 0; t < kept_.size(); ++t) {
            visitor(static_cast<int>(t), kept_[t].main, kept_[t].extrapolated);
        }
        return;
    }
    std::vector<State> states;
    StateRun made = solver_.run(*data_, recipe_, nullptr,
                                [&](int t, const RowMatrix& main, const RowMatrix& extrapolated) {
                                    if (keeps_) {
                                        states.push_back({main, extrapolated});
                                    }
                                    visitor(t, main, extrapolated);
                                });
    kept_ = std::move(states);
    whole_ = std::make_unique<StateRun>(std::move(made));
}

double PlainRun::largest_abs_z() const {
    double largest = 0.0;
    for (const double z : max_abs_z()) {
        largest = std::isnan(z) || z > largest ? z : largest;
    }
    return largest;
}

RowMatrix PlainRun::model() const {
    const StateRun& run = whole();
    return solver_.model(recipe_.model == ModelSequence::main ? run.main : run.extrapolated,
                         *data_);
}

std::shared_ptr<const PreparedData> borrowed(const PreparedData& data) {
    return {std::shared_ptr<const PreparedData>{}, &data};
}

}  // namespace cipherfit
