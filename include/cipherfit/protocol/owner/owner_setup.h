// What the owner fixes before there are keys: recipe, preprocessing and plan, chosen from the
// training rows alone.
#pragma once

#include "cipherfit/io/dataset.h"
#include "cipherfit/solver/owner/plain_run.h"
#include "cipherfit/train/owner/preprocess.h"
#include "cipherfit/train/owner/rehearse.h"
#include "cipherfit/train/plan.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

namespace cipherfit {

struct SetupOptions {
    Preset preset = Preset::standard;
    // Iterations, and what of step, degree and range is pinned. The preset chiang2023 takes the
    // iterations alone.
    RehearsalOptions recipe;
    // Whether step and range that are not pinned come from a rehearsal, or from norms. With
    // mini-batches they always come from norms.
    bool rehearse = true;
    // How features are scaled: unit for whitened components, whose step and range search_models()
    // finds.
    ColumnScale column_scale = ColumnScale::quadratic;
    // One positive number for each class; empty: all rows count alike.
    Eigen::VectorXd class_weights = {};
    // The shares of the classes where the model will be used; empty: those that it is trained on.
    Eigen::VectorXd prior = {};
    // Where a search chose the recipe: what it reached. It stands in for a rehearsal.
    std::optional<RehearsalCandidate> searched = std::nullopt;
    HeldOutScores held_out = {};
    int batch = 0;   // samples an iteration, 0: all
    int parts = 0;   // files in which all samples come; 0: more than one for short runs over much
    int epochs = 0;  // passes over the batches, in place of recipe.iterations; 0: not given
    double decay = 0.0;
    // What the pinned step falls to, geometrically, over the run; none: it stays.
    std::optional<double> final_step = std::nullopt;
    PlanOptions plan;
};

struct OwnerSetup {
    TrainingPlan plan;
    Preprocessing preprocessing;
    std::vector<std::string> class_names;
    std::optional<RehearsalCandidate> rehearsal;  // what was chosen, where there was a rehearsal
    // It decides the order in which the rows go into mini-batches; unused without them.
    std::uint64_t shuffle_seed = 1;
    // The chosen candidate's scores of held-out rows; empty where there was no rehearsal, and in a
    // setup that was read: the record does not keep them.
    HeldOutScores held_out = {};
};

// The training rows as they are encrypted, and as the twin takes them: prepared, and in a run with
// mini-batches in an order drawn from the seed. Throws Error(bad_input) as prepare().
PreparedData prepare_rows(const OwnerSetup& setup, const RowMatrix& features,
                          std::span<const int> labels);

// The recipe of a preset for n = `samples` rows that were not seen: as pinned, or step 4 and the
// cubic on [-12, 12]. For plans made from sizes alone.
Recipe recipe_without_data(const SetupOptions& options, std::size_t samples);

// Throws Error(bad_input) for data that cannot be trained on, for a sigmoid's range that the
// rehearsal leaves and for a plan that no ring holds, Error(invalid_argument) for options out of
// range or pinned against a preset.
OwnerSetup make_owner_setup(const Dataset& training, const SetupOptions& options);

// The recurrence in the clear, run once for the plan and for the reference (model_check.h): as the
// weights, and as the plan's solver sees it. The two are one object for the primal.
struct PlainRuns {
    std::shared_ptr<const PreparedData> data;  // as prepare_rows() makes it
    std::shared_ptr<const PlainRun> weights, states;
};
PlainRuns plain_runs(const OwnerSetup& setup, std::shared_ptr<const PreparedData> data);

// The same setup with what it was made from.
struct PlannedRun {
    OwnerSetup setup;
    PlainRuns runs;
};
PlannedRun plan_run(const Dataset& training, const SetupOptions& options);

// The owner's private record; doubles survive bit for bit. Reading JSON that is no such record
// gives ErrorCode::corrupt_data.
nlohmann::json to_json(const OwnerSetup& setup);
Expected<OwnerSetup> owner_setup_from_json(const nlohmann::json& json);

}  // namespace cipherfit
