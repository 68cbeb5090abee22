// From training rows to a planned training, and what it gives without encryption: what every front
// end does before there are keys.
//
//     PlannedTraining planned = plan_training(rows, options, observer);
//     planned.session.make_key();            // and so on, see owner_session.h
#pragma once

#include "cipherfit/fitting/owner/model_choice.h"
#include "cipherfit/protocol/owner/owner_session.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace cipherfit {

// Is told of the planning on the thread that called it. An exception ends it.
class PlanObserver {
  public:
    PlanObserver() = default;
    virtual ~PlanObserver() = default;
    PlanObserver(const PlanObserver&) = delete;
    PlanObserver& operator=(const PlanObserver&) = delete;
    virtual void phase(const std::string& name) = 0;
    // `share` of the phase is done, 0 to 1.
    virtual void progress(double share, const std::string& detail) = 0;
};

struct TrainingRequest {
    RecipeOptions recipe;
    FeatureOptions features;
    Eigen::VectorXd class_weights = {};  // one a class, any positive numbers; empty: all alike
    Eigen::VectorXd prior = {};          // shares where the model will be used; empty: as trained
};

// Rows of features with the session that was planned from them.
struct PlannedTraining {
    OwnerSession session;
    Dataset rows;             // with the extractor's features
    std::string choice = {};  // what the rehearsal chose and why, in a line; empty without one
};

// Chooses what the options leave open (choose_model(), unless `choice` was made before on the same
// rows), fits extractor, preprocessing, recipe and plan on the training rows and runs the twin;
// writes nothing. The rows count by class_weights, whatever recipe.class_weight names. Throws
// Error: bad_input for rows that nothing can be trained on and plans that no ring holds,
// invalid_argument for options out of range.
PlannedTraining plan_training(TrainingRows training, const TrainingRequest& options,
                              PlanObserver& observer,
                              std::optional<ModelChoice> choice = std::nullopt);

struct SimulatedModel {
    int iteration = 0;
    Head head;
};
struct SimulatedTraining {
    Head head;                           // after the last iteration
    std::vector<SimulatedModel> models;  // after every `every` iterations, and the last one
};
// The planned training in the clear, with noise of the predicted size that is drawn from the seed.
// Models in between are kept where the plan has them and every > 0. Throws Error(bad_input) where
// the noise takes the model out of its bound.
SimulatedTraining simulate_training(const PlannedTraining& planned, std::uint64_t seed, int every);

}  // namespace cipherfit
