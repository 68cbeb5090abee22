#include "cipherfit/protocol/owner/model_check.h"

#include "cipherfit/train/noise.h"
#include "cipherfit/train/twin.h"

#include <cmath>
#include <utility>
#include <vector>

namespace cipherfit {

double state_capacity(const TrainingPlan& plan) {
    return static_cast<double>(plan.parameters().q(0)) / (2 * plan.state_scale());
}

TwinReference make_twin_reference(const OwnerSetup& setup, const PreparedData& data) {
    const Recipe& recipe = setup.plan.recipe();
    const TwinResult twin = run_twin(data, recipe);
    TwinReference reference;
    reference.largest_abs_z = twin.largest_abs_z();
    reference.largest_abs_state = twin.max_abs_state;
    require(reference.largest_abs_z <= recipe.sigmoid.range, ErrorCode::bad_input,
            "training reaches |z| = {:.3g}, outside the sigmoid's range of {:.3g}: use a wider "
            "range, a smaller step or fewer iterations{}",
            reference.largest_abs_z, recipe.sigmoid.range,
            recipe.preset == Preset::chiang2023 ? ", or features scaled to 0..1" : "");
    const double most = state_capacity(setup.plan) / 2;
    require(reference.largest_abs_state <= most, ErrorCode::bad_input,
            "the weights grow to {:.3g} in scaled coordinates, more than the {:.3g} that the chain "
            "holds safely: use a smaller step or fewer iterations",
            reference.largest_abs_state, most);
    reference.head = finish_model(twin.model(), setup.preprocessing, recipe, setup.class_names);
    reference.weight_error_bound = weight_error_bound(setup.plan, data, setup.preprocessing);
    return reference;
}

Head checked_model(const RowMatrix& state, const OwnerSetup& setup,
                   const TwinReference& reference) {
    require(state.allFinite(), ErrorCode::corrupt_data,
            "the decrypted model holds values that are not finite: train again");
    const double largest = state.cwiseAbs().maxCoeff();
    require(largest <= state_capacity(setup.plan), ErrorCode::corrupt_data,
            "the decrypted model reaches {:.3g}, beyond the {:.3g} that the chain can hold: it is "
            "noise; train again",
            largest, state_capacity(setup.plan));
    Head head = finish_model(state, setup.preprocessing, setup.plan.recipe(), setup.class_names);
    const double error = largest_weight_error(head, reference.head);
    require(error <= reference.weight_error_bound, ErrorCode::corrupt_data,
            "the decrypted model differs from the plaintext twin by {:.3g}, more than the noise "
            "bound {:.3g}: the server did not compute what was planned; train again",
            error, reference.weight_error_bound);
    return head;
}

double largest_weight_error(const Head& head, const Head& twin) {
    return (head.weights - twin.weights).cwiseAbs().maxCoeff();
}

std::size_t count_disagreements(const Head& head, const Head& twin, const RowMatrix& raw,
                                double bound) {
    const Eigen::VectorXd margins = twin.margins(raw);
    const std::vector<int> ours = head.predict(raw);
    const std::vector<int> theirs = twin.predict(raw);
    std::size_t count = 0;
    for (Eigen::Index row = 0; row < raw.rows(); ++row) {
        const double most = 2 * bound * (1 + raw.row(row).cwiseAbs().sum());
        const auto i = static_cast<std::size_t>(row);
        count += margins(row) > most && ours[i] != theirs[i] ? 1 : 0;
    }
    return count;
}

}  // namespace cipherfit
