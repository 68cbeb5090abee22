// The recurrence in the clear and without noise, run once for all that want to look at it: the
// planner, the range of bootstrappings, the reference that a decrypted model is held to.
#pragma once

#include "cipherfit/solver/owner/owner_solver.h"

#include <cstddef>
#include <memory>
#include <string_view>
#include <vector>

namespace cipherfit {

class PlainRun {
  public:
    // States are kept for the next visitor if all of them take at most `kept_bytes`; otherwise
    // every visit runs the recurrence again, with the same results bit for bit.
    static constexpr double default_kept_bytes = 256e6;
    // `form`: of the solver in whose states the recurrence is run (Solver::form()).
    PlainRun(std::string_view form, std::shared_ptr<const PreparedData> data, Recipe recipe,
             double kept_bytes = default_kept_bytes);

    // The states after every iteration. Throws what the twin throws.
    void visit(const StateVisitor& visitor) const;

    // Figures of the whole run, as in TwinResult.
    const std::vector<double>& max_abs_z() const { return whole().max_abs_z; }
    double largest_abs_z() const;
    double max_abs_state() const { return whole().max_abs_state; }
    double max_abs_held() const { return whole().max_abs_held; }
    // The model that the recipe takes, c x d in scaled coordinates.
    RowMatrix model() const;

    const OwnerSolver& solver() const noexcept { return solver_; }
    const PreparedData& data() const noexcept { return *data_; }
    const std::shared_ptr<const PreparedData>& shared_data() const noexcept { return data_; }
    const Recipe& recipe() const noexcept { return recipe_; }

  private:
    struct State {
        RowMatrix main, extrapolated;
    };
    const StateRun& whole() const;

    const OwnerSolver& solver_;
    std::shared_ptr<const PreparedData> data_;
    Recipe recipe_;
    bool keeps_;
    // Made at the first use.
    mutable std::unique_ptr<StateRun> whole_;
    mutable std::vector<State> kept_;
};

// A shared pointer to data that someone else keeps for as long.
std::shared_ptr<const PreparedData> borrowed(const PreparedData& data);

}  // namespace cipherfit
