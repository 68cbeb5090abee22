#include "train/state_shape.h"

namespace cipherfit {

StateShape state_shape(const TrainingPlan& plan, int iteration) {
    StateShape shape;
    if (iteration == 0) {
        return shape;
    }
    const Recipe& recipe = plan.recipe();
    const auto done = static_cast<std::size_t>(iteration - 1);
    const auto end = static_cast<std::size_t>(plan.levels()[done].end);
    const bool last = iteration == recipe.iterations;
    const auto sequence = [&](ModelSequence which) -> SequenceShape {
        const bool kept = (!last || recipe.model == which) &&
                          (which == ModelSequence::main || has_momentum(recipe));
        // Q enters the sequences with the factors step and (1 - eta) step, which their scales take
        // up; the one at which gradients are taken has the plan's scale.
        double scale = plan.state_scale();
        if (which != recipe.gradient_at && !(last && plan.adds_up_errors())) {
            const double ratio = 1.0 - recipe.etas[done];
            scale = which == ModelSequence::main ? scale * ratio : scale / ratio;
        }
        return {kept ? plan.state_ciphertexts() : 0, end, scale};
    };
    shape.main = sequence(ModelSequence::main);
    shape.extrapolated = sequence(ModelSequence::extrapolated);
    if (plan.adds_up_errors()) {
        shape.coefficients = {last ? 0 : plan.state_ciphertexts(), coefficient_level,
                              plan.coefficient_scale()};
        shape.segment = {plan.segment_ciphertexts(iteration), coefficient_level,
                         plan.coefficient_scale()};
    }
    return shape;
}

}  // namespace cipherfit
