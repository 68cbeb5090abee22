#include "cipherfit/solver/owner/training_messages.h"

namespace cipherfit {
namespace {

void require_fit(const TrainingPlan& plan, const PreparedData& data) {
    const TrainingShape shape{static_cast<std::size_t>(data.samples()),
                              static_cast<std::size_t>(data.columns()), plan.shape().classes,
                              static_cast<std::size_t>(data.heads())};
    require(shape == plan.shape(), ErrorCode::invalid_argument,
            "the data is {} x {} with {} heads, the plan says {} x {} with {}", shape.samples,
            shape.features, shape.heads, plan.shape().samples, plan.shape().features,
            plan.shape().heads);
    require(plan.initial_logits() || data.zero_start(), ErrorCode::invalid_argument,
            "the data starts from weights that are not zero, the plan from zero");
}

}  // namespace

void for_each_message(const TrainingPlan& plan, const PreparedData& data, std::size_t batch,
                      const std::function<void(TrainingMessage)>& use) {
    require_fit(plan, data);
    require(batch < plan.row_files(), ErrorCode::invalid_argument, "there is no batch {} of {}",
            batch, plan.row_files());
    owner_solver(plan).for_each_message(plan, data, batch, use);
}

}  // namespace cipherfit
