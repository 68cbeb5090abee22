#include "cipherfit/protocol/owner/owner_setup.h"

#include "cipherfit/train/twin.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include <nlohmann/json.hpp>

namespace cipherfit {
namespace {

constexpr int default_degree = 3;
constexpr double default_range = 12.0;
constexpr double default_step = 4.0;

SigmoidPolynomial pinned_sigmoid(const RehearsalOptions& options) {
    return fit_sigmoid(options.degree.value_or(default_degree),
                       options.range.value_or(default_range));
}

// The preset is what the paper's code computes; another step or sigmoid would be another recipe.
void require_nothing_pinned(const SetupOptions& options) {
    require(!options.recipe.step && !options.recipe.degree && !options.recipe.range,
            ErrorCode::invalid_argument,
            "the preset chiang2023 has its own step and sigmoid: leave out --step, "
            "--sigmoid-degree and --sigmoid-range, or use the preset standard");
}

nlohmann::json to_json(const RehearsalCandidate& candidate) {
    return {{"step", candidate.step},
            {"degree", candidate.degree},
            {"range", candidate.range},
            {"accuracy", candidate.accuracy},
            {"loss", candidate.loss},
            {"max_abs_z", candidate.max_abs_z},
            {"max_abs_z_held_out", candidate.max_abs_z_held_out},
            {"stability", candidate.stability},
            {"in_range", candidate.in_range},
            {"stable", candidate.stable}};
}

RehearsalCandidate candidate_from_json(const nlohmann::json& json) {
    RehearsalCandidate candidate;
    candidate.step = json.at("step").get<double>();
    candidate.degree = json.at("degree").get<int>();
    candidate.range = json.at("range").get<double>();
    candidate.accuracy = json.at("accuracy").get<double>();
    candidate.loss = json.at("loss").get<double>();
    candidate.max_abs_z = json.at("max_abs_z").get<double>();
    candidate.max_abs_z_held_out = json.at("max_abs_z_held_out").get<double>();
    candidate.stability = json.at("stability").get<double>();
    candidate.in_range = json.at("in_range").get<bool>();
    candidate.stable = json.at("stable").get<bool>();
    return candidate;
}

}  // namespace

Recipe recipe_without_data(const SetupOptions& options, std::size_t samples) {
    if (options.preset == Preset::chiang2023) {
        require_nothing_pinned(options);
        return chiang2023_recipe(options.recipe.iterations, static_cast<Eigen::Index>(samples));
    }
    return standard_recipe(options.recipe.iterations, options.recipe.step.value_or(default_step),
                           pinned_sigmoid(options.recipe));
}

OwnerSetup make_owner_setup(const Dataset& training, const SetupOptions& options) {
    value_or_throw(check_trainable(training));
    const auto classes = static_cast<int>(training.class_count());
    Preprocessing preprocessing = fit_preprocessing(training.features, options.preset);
    std::optional<RehearsalCandidate> chosen;
    Recipe recipe;
    if (options.preset == Preset::chiang2023 || (!options.rehearse && options.recipe.step)) {
        recipe = recipe_without_data(options, training.size());
    } else if (options.rehearse) {
        Rehearsal rehearsal = rehearse(training.features, training.labels, classes, options.recipe);
        recipe = std::move(rehearsal.recipe);
        chosen = rehearsal.chosen;
    } else {
        recipe =
            recipe_from_norms(preprocessing.scaled(training.features), options.recipe.iterations,
                              options.recipe.degree.value_or(default_degree),
                              options.recipe.range.value_or(default_range));
    }
    const TrainingShape shape{training.size(), training.feature_count() + 1,
                              training.class_count()};
    // Large states need room at the lowest level; ordinary ones share the default, so that the plan
    // tells nothing of their size.
    PlanOptions plan = options.plan;
    const PreparedData data =
        prepare(training.features, training.labels, classes, preprocessing, recipe);
    const auto planned = [&](double largest_state) {
        PlanOptions fitted = plan;
        if (std::isfinite(largest_state)) {
            fitted.largest_state = std::clamp(1.25 * largest_state, plan.largest_state, 0x1p24);
        }
        return TrainingPlan::create(shape, recipe, fitted);
    };
    TrainingPlan made = planned(run_twin(data, recipe).max_abs_state);
    if (made.solver() == Solver::dual) {
        // The states are coefficients then. Their size changes nothing but the states' scale.
        plan.solver = Solver::dual;
        plan.scale_bits = made.scale_bits();
        plan.log_n = made.parameters().log_n();
        made = planned(run_dual_twin(data, recipe).max_abs_state);
    }
    return {std::move(made), std::move(preprocessing), training.class_names, chosen};
}

nlohmann::json to_json(const OwnerSetup& setup) {
    nlohmann::json json{{"plan", setup.plan.to_json()},
                        {"preprocessing", to_json(setup.preprocessing)},
                        {"class_names", setup.class_names},
                        {"rehearsal", nullptr}};
    if (setup.rehearsal) {
        json["rehearsal"] = to_json(*setup.rehearsal);
    }
    return json;
}

Expected<OwnerSetup> owner_setup_from_json(const nlohmann::json& json) {
    try {
        OwnerSetup setup{value_or_throw(TrainingPlan::from_json(json.at("plan"))),
                         value_or_throw(preprocessing_from_json(json.at("preprocessing"))),
                         json.at("class_names").get<std::vector<std::string>>(),
                         {}};
        if (!json.at("rehearsal").is_null()) {
            setup.rehearsal = candidate_from_json(json.at("rehearsal"));
        }
        require(setup.class_names.size() == setup.plan.shape().classes &&
                    static_cast<std::size_t>(setup.preprocessing.columns()) ==
                        setup.plan.shape().features,
                ErrorCode::corrupt_data, "the preprocessing does not fit the plan");
        return setup;
    } catch (const Error& error) {
        return tl::unexpected<ErrorInfo>(error.info());
    } catch (const nlohmann::json::exception&) {
        return make_error(ErrorCode::corrupt_data, "a member is missing or of a wrong type");
    }
}

}  // namespace cipherfit
