#include "cipherfit/fitting/owner/fit_plan.h"

#include "cipherfit/solver/owner/noise.h"
#include "cipherfit/train/owner/twin.h"

#include <utility>

#include <fmt/format.h>

namespace cipherfit {
namespace {

// Tells of rows, as the half of a phase that begins at `start`.
FeatureProgress tell_rows(PlanObserver& observer, const char* what, double start) {
    return [&observer, what, start](Eigen::Index done, Eigen::Index total) {
        observer.progress(start + 0.5 * static_cast<double>(done) / static_cast<double>(total),
                          fmt::format("{} of {} rows {}", done, total, what));
    };
}

Error with_file(const std::string& file, const ErrorInfo& error) {
    return {error.code, file.empty() ? error.message : fmt::format("{}: {}", file, error.message)};
}

}  // namespace

PlannedTraining plan_training(TrainingRows training, const TrainingRequest& given,
                              PlanObserver& observer, std::optional<ModelChoice> choice) {
    static_cast<void>(setup_options(given.recipe, given.features));
    if (const auto checked = check_trainable(training.data); !checked) {
        throw with_file(training.file, checked.error());
    }
    RecipeOptions recipe = given.recipe;
    FeatureOptions features = given.features;
    if (!choice && leaves_model_open(recipe, features)) {
        observer.phase("rehearsal");
        choice = choose_model(
            training, recipe, features, given.class_weights, [&observer](double share) {
                observer.progress(share, "features and iterations tried on held-out rows");
            });
    }
    if (choice) {
        recipe = choice->recipe;
        features = choice->features;
    }
    SetupOptions options = setup_options(recipe, features);
    options.class_weights = given.class_weights;
    options.prior = given.prior;
    if (choice) {
        options.searched = choice->search.rehearsed();
        options.held_out = std::move(choice->search.held_out);
    }
    observer.phase("features");
    TableEncoding table = training.data.table;
    std::unique_ptr<FeatureExtractor> extractor;
    Dataset rows;
    try {
        extractor = fit_extractor(features, training, tell_rows(observer, "seen", 0.0),
                                  row_weights(given.class_weights, training.data.labels));
        rows = extract(extractor.get(), std::move(training.data),
                       tell_rows(observer, "transformed", 0.5));
    } catch (const Error& error) {
        if (error.code() != ErrorCode::bad_input) {
            throw;
        }
        throw with_file(training.file, error.info());
    }
    observer.phase(choice ? "plan" : "rehearsal and plan");
    OwnerSession session = OwnerSession::prepare(
        rows, options, {std::move(extractor), training.backbone, std::move(table)});
    return {std::move(session), std::move(rows), choice ? std::move(choice->text) : std::string()};
}

SimulatedTraining simulate_training(const PlannedTraining& planned, std::uint64_t seed, int every) {
    const OwnerState& state = planned.session.state();
    const OwnerSetup& setup = state.setup;
    NoiseModel noise = modelled_noise(setup.plan);
    noise.seed = seed;
    const int last = setup.plan.recipe().iterations;
    const bool has_models = every > 0 && setup.plan.has_intermediate_models();
    std::vector<SimulatedModel> models;
    std::optional<UncheckedModel> final_model;
    visit_twin_models(
        setup.plan.solver().form(), planned.session.rows(), setup.plan.recipe(),
        [&](int iteration) { return iteration == last || (has_models && iteration % every == 0); },
        [&](int iteration, const RowMatrix& model) {
            if (iteration == last) {
                final_model.emplace(model);
                return;
            }
            models.push_back({iteration, finish_model(model, setup.preprocessing,
                                                      setup.plan.recipe(), setup.class_names)});
        },
        &noise);
    const auto accepted = accepted_model(*final_model, setup, state.reference);
    require(accepted.has_value(), ErrorCode::bad_input,
            "the modelled noise takes the model out of its predicted bound: use more scale bits, a "
            "smaller step or fewer iterations");
    models.push_back({last, *accepted});
    return {*accepted, std::move(models)};
}

}  // namespace cipherfit
