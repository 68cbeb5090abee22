// The recurrence in the clear and without noise, run once for all that want to look at it: the
// planner, the range of bootstrappings, the reference that a decrypted model is held to.
#pragma once

#include "cipherfit/train/plan.h"
#include "cipherfit/train/preprocess.h"
#include "cipherfit/train/twin.h"

#include <cstddef>
#include <functional>
#include <memory>
#include <vector>

namespace cipherfit {

class PlainRun {
  public:
    // States are kept for the next visitor if all of them take at most `kept_bytes`; otherwise
    // every visit runs the recurrence again, with the same results bit for bit.
    static constexpr double default_kept_bytes = 256e6;
    PlainRun(Solver solver, std::shared_ptr<const PreparedData> data, Recipe recipe,
             double kept_bytes = default_kept_bytes);

    // After iteration t = 0..iterations-1: M_{t+1} and U_{t+1}, c x d, or in the dual their
    // coefficients, n x c. Throws what the twin throws.
    using Visitor =
        std::function<void(int t, const RowMatrix& main, const RowMatrix& extrapolated)>;
    void visit(const Visitor& visitor) const;

    // Of the whole run, as in TwinResult.
    const std::vector<double>& max_abs_z() const { return whole().max_abs_z; }
    double largest_abs_z() const;
    double max_abs_state() const { return whole().max_abs_state; }
    double max_abs_held() const { return whole().max_abs_held; }
    // The model that the recipe takes, c x d in scaled coordinates.
    RowMatrix model() const;
    // Of the dual: the Gram matrix.
    const RowMatrix& kernel() const;

    Solver solver() const noexcept { return solver_; }
    const PreparedData& data() const noexcept { return *data_; }
    const Recipe& recipe() const noexcept { return recipe_; }

  private:
    struct State {
        RowMatrix main, extrapolated;
    };
    struct Whole {
        std::vector<double> max_abs_z;
        double max_abs_state = 0.0, max_abs_held = 0.0;
        State last;
    };
    const Whole& whole() const;
    Whole run(const Visitor& visitor) const;

    Solver solver_;
    std::shared_ptr<const PreparedData> data_;
    Recipe recipe_;
    bool keeps_;
    // Made at the first use.
    mutable std::unique_ptr<Whole> whole_;
    mutable std::vector<State> kept_;
    mutable std::unique_ptr<RowMatrix> kernel_;
};

// A shared pointer to data that someone else keeps for as long.
std::shared_ptr<const PreparedData> borrowed(const PreparedData& data);

// The largest |K A| of either sequence over all iterations of a dual run: what goes through its
// bootstrappings.
double largest_carried_logit(const PlainRun& run);

}  // namespace cipherfit
