#include "cipherfit/protocol/owner/owner_setup.h"

#include "base/json_integers.h"
#include "cipherfit/solver/owner/refresh_range.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <random>
#include <utility>

#include <nlohmann/json.hpp>

namespace cipherfit {
namespace {

constexpr int default_degree = 3;
constexpr double default_range = 12.0;
constexpr double default_step = 4.0;

SigmoidPolynomial pinned_sigmoid(const RehearsalOptions& options, std::optional<int> degree) {
    return fit_sigmoid(degree.value_or(default_degree), options.range.value_or(default_range));
}

// The preset is what the paper's code computes; another step or sigmoid would be another recipe.
void require_nothing_pinned(const SetupOptions& options) {
    require(!options.recipe.step && !options.final_step && !options.recipe.degree &&
                !options.recipe.range && options.recipe.momentum == Momentum::nesterov,
            ErrorCode::invalid_argument,
            "the preset chiang2023 has its own step, sigmoid and momentum: leave these out, or use "
            "the preset standard");
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
    candidate.degree = whole_number<int>(json.at("degree"));
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

// The degree that is pinned, or that the solver which is asked for must have.
std::optional<int> degree_of(const SetupOptions& options) {
    if (options.recipe.degree || !options.plan.solver) {
        return options.recipe.degree;
    }
    return value_or_throw(solver_kind(*options.plan.solver))->only_degree();
}

int iterations_of(const SetupOptions& options, std::size_t samples) {
    if (options.epochs == 0) {
        return options.recipe.iterations;
    }
    Recipe batches;
    batches.batch = options.batch;
    const std::size_t count = batch_count(batches, samples);
    require(count * static_cast<std::size_t>(options.epochs) <=
                static_cast<std::size_t>(max_iterations),
            ErrorCode::bad_input,
            "{} epochs of {} batches are more than {} iterations: use larger batches or fewer "
            "epochs",
            options.epochs, count, max_iterations);
    return options.epochs * static_cast<int>(count);
}

void require_batches(const SetupOptions& options, std::size_t samples) {
    require(options.batch == 0 || static_cast<std::size_t>(options.batch) <= samples,
            ErrorCode::bad_input,
            "batches of {} samples are more than the {} there are: use smaller batches, or "
            "none",
            options.batch, samples);
}

// The parts in which all rows are sent. A short run over much data reads it part by part, which
// costs it nothing but the rows' babies in a second iteration.
int parts_of(const SetupOptions& options, const Recipe& recipe, const Dataset& training) {
    if (options.parts > 0) {
        return options.parts;
    }
    constexpr double values_in_part = 1 << 24;
    constexpr int short_run = 2;
    const double rows = static_cast<double>(training.size());
    const double columns = static_cast<double>(training.feature_count()) + 1;
    const bool is_tall = rows >= 4 * columns;
    if (recipe.batch != 0 || recipe.iterations > short_run || !is_tall ||
        (options.plan.solver &&
         !value_or_throw(solver_kind(*options.plan.solver))->takes_parts())) {
        return 1;
    }
    return std::clamp(static_cast<int>(std::lround(rows * columns / values_in_part)), 1,
                      most_parts);
}

// The recipe with what does not come from a rehearsal.
Recipe completed(Recipe recipe, const SetupOptions& options) {
    recipe.decay = options.decay;
    recipe.batch = options.batch;
    if (options.final_step && recipe.iterations > 1) {
        require(options.recipe.step.has_value(), ErrorCode::bad_input,
                "a last step of {} needs a first one: give the first step", *options.final_step);
        const double ratio = *options.final_step / recipe.steps.front();
        for (std::size_t t = 0; t < recipe.steps.size(); ++t) {
            recipe.steps[t] *= std::pow(
                ratio, static_cast<double>(t) / static_cast<double>(recipe.iterations - 1));
        }
    }
    value_or_throw(check(recipe).map([] { return true; }));
    return recipe;
}

// Draws the same order on every machine.
std::vector<Eigen::Index> shuffled(Eigen::Index count, std::uint64_t seed) {
    std::vector<Eigen::Index> order(static_cast<std::size_t>(count));
    std::iota(order.begin(), order.end(), Eigen::Index{0});
    std::mt19937_64 engine(seed);
    for (std::size_t left = order.size(); left > 1; --left) {
        std::swap(order[left - 1], order[static_cast<std::size_t>(engine() % left)]);
    }
    return order;
}

PreparedData in_batch_order(PreparedData data, std::uint64_t seed) {
    const std::vector<Eigen::Index> order = shuffled(data.samples(), seed);
    for (RowMatrix* matrix : {&data.xs, &data.y, &data.z0}) {
        *matrix = RowMatrix((*matrix)(order, Eigen::all));
    }
    return data;
}

// Xs of the rows that the first iteration takes.
RowMatrix first_batch(const Preprocessing& preprocessing, const Dataset& training,
                      const SetupOptions& options) {
    if (options.batch == 0) {
        return preprocessing.scaled(training.features);
    }
    std::vector<Eigen::Index> order = shuffled(training.features.rows(), options.recipe.seed);
    order.resize(static_cast<std::size_t>(options.batch));
    return preprocessing.scaled(training.features(order, Eigen::all));
}

// Moves intercepts from the classes' shares in training to options.prior. A score is a log-odds
// times the reciprocal of the scale that makes the held-out loss least.
void take_prior(Preprocessing& preprocessing, HeldOutScores& held_out, const SetupOptions& options,
                const std::vector<int>& labels) {
    if (options.prior.size() == 0) {
        return;
    }
    const auto classes = options.prior.size();
    require((options.prior.array() > 0.0).all() && options.prior.allFinite(), ErrorCode::bad_input,
            "the classes' shares must be finite numbers above 0");
    require(held_out.scores.rows() > 0, ErrorCode::bad_input,
            "other shares of the classes need scores of held-out rows: rehearse, with no "
            "recipe and no step given");
    const Eigen::VectorXd counts = one_hot(labels, static_cast<int>(classes)).colwise().sum() /
                                   static_cast<double>(labels.size());
    require((counts.array() > 0.0).all(), ErrorCode::bad_input,
            "a class without training rows cannot get another share");
    const Eigen::VectorXd weights = preprocessing.class_weights.size() > 0
                                        ? preprocessing.class_weights
                                        : Eigen::VectorXd(Eigen::VectorXd::Ones(classes));
    const Eigen::VectorXd trained = counts.cwiseProduct(weights);
    const Eigen::VectorXd prior = options.prior / options.prior.sum();
    const double scale = least_loss_scale(held_out.scores, held_out.labels, held_out.weights);
    preprocessing.intercept_shift = (prior.array() / trained.array()).log().matrix() / scale;
    held_out.scores.rowwise() += preprocessing.intercept_shift.transpose();
    held_out.weights = row_weights(prior.cwiseQuotient(counts), held_out.labels);
}

// The run in the plan's own states: that of the weights, if they are.
std::shared_ptr<const PlainRun> states_of(const TrainingPlan& plan,
                                          const std::shared_ptr<const PlainRun>& weights) {
    if (plan.solver().form() == weights->solver().form()) {
        return weights;
    }
    return std::make_shared<const PlainRun>(plan.solver().form(), weights->shared_data(),
                                            plan.recipe());
}

}  // namespace

Recipe recipe_without_data(const SetupOptions& options, std::size_t samples) {
    require_batches(options, samples);
    const int iterations = iterations_of(options, samples);
    if (options.preset == Preset::chiang2023) {
        require_nothing_pinned(options);
        return completed(chiang2023_recipe(iterations, static_cast<Eigen::Index>(samples)),
                         options);
    }
    return completed(standard_recipe(iterations, options.recipe.step.value_or(default_step),
                                     pinned_sigmoid(options.recipe, degree_of(options)),
                                     options.recipe.momentum),
                     options);
}

PreparedData prepare_rows(const OwnerSetup& setup, const RowMatrix& features,
                          std::span<const int> labels) {
    PreparedData data = prepare(features, labels, static_cast<int>(setup.plan.shape().classes),
                                setup.preprocessing, setup.plan.recipe(), setup.plan.shape().heads);
    return setup.plan.recipe().batch == 0 ? data
                                          : in_batch_order(std::move(data), setup.shuffle_seed);
}

PlainRuns plain_runs(const OwnerSetup& setup, std::shared_ptr<const PreparedData> data) {
    const Recipe& recipe = setup.plan.recipe();
    const auto weights = std::make_shared<const PlainRun>(weights_solver().form(), data, recipe);
    return {std::move(data), weights, states_of(setup.plan, weights)};
}

OwnerSetup make_owner_setup(const Dataset& training, const SetupOptions& options) {
    return plan_run(training, options).setup;
}

PlannedRun plan_run(const Dataset& training, const SetupOptions& options) {
    value_or_throw(check_trainable(training));
    require_batches(options, training.size());
    const auto classes = static_cast<int>(training.class_count());
    const int iterations = iterations_of(options, training.size());
    const bool batched = options.batch != 0;
    const double share =
        batched ? static_cast<double>(options.batch) / static_cast<double>(training.size()) : 1.0;
    Preprocessing preprocessing =
        fit_preprocessing(training.features, options.preset, share, options.column_scale);
    if (options.class_weights.size() > 0) {
        preprocessing.class_weights =
            normalised_class_weights(options.class_weights, training.labels);
    }
    std::optional<RehearsalCandidate> chosen = options.searched;
    HeldOutScores held_out = options.held_out;
    Recipe recipe;
    const bool rehearsed =
        options.rehearse && !batched && options.column_scale == ColumnScale::quadratic;
    if (options.preset == Preset::chiang2023 || (!rehearsed && options.recipe.step)) {
        recipe = recipe_without_data(options, training.size());
    } else if (rehearsed) {
        RehearsalOptions rehearsed_options = options.recipe;
        rehearsed_options.degree = degree_of(options);
        rehearsed_options.decay = options.decay;
        rehearsed_options.class_weights = options.class_weights;
        Rehearsal rehearsal =
            rehearse(training.features, training.labels, classes, rehearsed_options);
        recipe = completed(std::move(rehearsal.recipe), options);
        chosen = rehearsal.chosen;
        held_out = std::move(rehearsal.held_out);
    } else {
        recipe =
            completed(recipe_from_norms(first_batch(preprocessing, training, options), iterations,
                                        degree_of(options).value_or(default_degree),
                                        options.recipe.range.value_or(default_range),
                                        options.recipe.momentum),
                      options);
    }
    recipe.parts = parts_of(options, recipe, training);
    take_prior(preprocessing, held_out, options, training.labels);
    const TrainingShape shape{training.size(), training.feature_count() + 1,
                              training.class_count()};
    // Large states need room at the lowest level; ordinary ones share the default, so that the plan
    // tells nothing of their size.
    PlanOptions plan = options.plan;
    PreparedData prepared =
        prepare(training.features, training.labels, classes, preprocessing, recipe);
    if (batch_count(recipe, training.size()) > 1) {
        prepared = in_batch_order(std::move(prepared), options.recipe.seed);
    }
    const auto data = std::make_shared<const PreparedData>(std::move(prepared));
    const auto planned = [&](double largest_state, double bootstrapped) {
        PlanOptions fitted = plan;
        if (std::isfinite(bootstrapped)) {
            fitted.refresh_range = std::clamp(1.25 * bootstrapped, 0x1p-10, 0x1p24);
        }
        if (std::isfinite(largest_state)) {
            fitted.largest_state = std::clamp(1.25 * largest_state, plan.largest_state, 0x1p24);
        }
        return TrainingPlan::create(shape, recipe, fitted);
    };
    const auto weights = std::make_shared<const PlainRun>(weights_solver().form(), data, recipe);
    TrainingPlan made = planned(weights->max_abs_held(), weights->max_abs_held());
    const auto states = states_of(made, weights);
    if (!states->solver().states_are_models()) {
        // Their size is another one, which changes nothing but the states' scale.
        plan.solver = std::string(made.solver().name());
        plan.scale_bits = made.scale_bits();
        plan.log_n = made.parameters().log_n();
        plan.refresh = made.refresh() ? PlanOptions::Refresh::always : PlanOptions::Refresh::never;
        made = planned(states->max_abs_held(), states->solver().largest_refreshed(*states));
    }
    if (made.refresh_count() > 0) {
        // Bootstrappings are the more precise the closer their range: it is in the plan.
        const double coefficient = largest_refreshed_coefficient(made, *states);
        if (std::isfinite(coefficient)) {
            made = made.with_refresh_range(coefficient);
        }
    }
    OwnerSetup setup{std::move(made), std::move(preprocessing), training.class_names,
                     chosen,          options.recipe.seed,      std::move(held_out)};
    return {std::move(setup), {data, weights, states}};
}

nlohmann::json to_json(const OwnerSetup& setup) {
    nlohmann::json json{{"plan", setup.plan.to_json()},
                        {"preprocessing", to_json(setup.preprocessing)},
                        {"class_names", setup.class_names},
                        {"rehearsal", nullptr},
                        {"shuffle_seed", setup.shuffle_seed}};
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
                         {},
                         whole_number<std::uint64_t>(json.at("shuffle_seed"))};
        if (!setup.plan.tells_features()) {
            setup.plan =
                setup.plan.with_features(static_cast<std::size_t>(setup.preprocessing.columns()));
        }
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
