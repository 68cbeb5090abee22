#include "cipherfit/solver/owner/joint/model.h"

#include "cipherfit/ckks/encoder.h"

#include <cmath>

namespace cipherfit {

RowMatrix decode_joint_state(const JointPlan& plan, const RnsPoly& opened) {
    const Encoder encoder(plan.parameters());
    require(opened.n() == plan.parameters().n() && opened.limbs() == plan.release_level() + 1,
            ErrorCode::invalid_argument, "a released model has {} limbs, not {}",
            plan.release_level() + 1, opened.limbs());
    const std::vector<double> slots =
        encoder.decode(Plaintext(opened.copy(), {plan.release_level(), plan.release_scale()}));
    const JointLayout& layout = plan.layout();
    RowMatrix state(static_cast<Eigen::Index>(layout.rows()),
                    static_cast<Eigen::Index>(layout.classes()));
    for (Eigen::Index i = 0; i < state.rows(); ++i) {
        for (Eigen::Index m = 0; m < state.cols(); ++m) {
            state(i, m) = slots[static_cast<std::size_t>(m) * layout.padded_rows() +
                                static_cast<std::size_t>(i)];
        }
    }
    return state;
}

RowMatrix joint_model(const JointScaling& scaling, const RowMatrix& state) {
    require(scaling.rows > 0 && scaling.largest_eigenvalue > 0 && std::isfinite(scaling.rows) &&
                std::isfinite(scaling.largest_eigenvalue),
            ErrorCode::bad_input,
            "a model needs the pooled rows and eigenvalue, positive, got {} and {}", scaling.rows,
            scaling.largest_eigenvalue);
    return std::sqrt(scaling.rows / scaling.largest_eigenvalue) * state.transpose();
}

RowMatrix decode_joint_model(const JointPlan& plan, const JointScaling& scaling,
                             const RnsPoly& opened) {
    return joint_model(scaling, decode_joint_state(plan, opened));
}

}  // namespace cipherfit
