#include "cipherfit/fitting/owner/fit_options.h"

#include <nlohmann/json.hpp>

namespace cipherfit {
namespace {

constexpr double memory_of_short_runs = 12e9;
constexpr int default_iterations = 8;  // where no search chooses them

}  // namespace

const std::vector<std::string>& feature_kinds() {
    static const std::vector<std::string> kinds{
        "auto", "raw", "standardised", "rbf", "random-conv", "random-conv+rbf", "pca", "pca+rbf"};
    return kinds;
}

int pinned_degree(const RecipeOptions& recipe) {
    if (recipe.degree != 0 || recipe.solver == "auto" || recipe.preset != "standard") {
        return recipe.degree;
    }
    return value_or_throw(solver_kind(recipe.solver))->only_degree().value_or(0);
}

SetupOptions setup_options(const RecipeOptions& recipe, const FeatureOptions& features) {
    SetupOptions options;
    options.preset = value_or_throw(preset_from_name(recipe.preset));
    options.recipe.iterations = recipe.iterations > 0 ? recipe.iterations : default_iterations;
    options.epochs = recipe.epochs;
    options.batch = recipe.batch;
    options.parts = recipe.parts;
    options.decay = recipe.decay.value_or(0.0);
    options.recipe.momentum = value_or_throw(momentum_from_name(recipe.momentum));
    options.recipe.seed = features.seed();
    if (recipe.degree != 0) {
        options.recipe.degree = recipe.degree;
    }
    if (recipe.range > 0) {
        options.recipe.range = recipe.range;
    }
    if (recipe.step > 0) {
        options.recipe.step = recipe.step;
    }
    if (recipe.final_step > 0) {
        options.final_step = recipe.final_step;
    }
    options.rehearse = !recipe.no_rehearsal;
    if (features.are_whitened()) {
        options.column_scale = ColumnScale::unit;
    }
    options.plan.log_n = recipe.log_n;
    options.plan.scale_bits = recipe.scale_bits;
    options.plan.memory_limit_bytes = recipe.memory_limit_gb * 1e9;
    if (recipe.memory_limit_gb == 0 && features.are_whitened()) {
        // One chain with more memory beats bootstrapping the states of a few iterations.
        options.plan.memory_limit_bytes = memory_of_short_runs;
    }
    options.plan.security = value_or_throw(security_level_from_name(recipe.security));
    // What the paper computes, in as many ciphertexts, as far as it goes without bootstrapping.
    const bool as_published = options.preset == Preset::chiang2023 && recipe.solver == "auto" &&
                              recipe.batch == 0 &&
                              fits_one_chain(chiang2023_recipe(options.recipe.iterations, 1),
                                             "primal", options.plan.security);
    if (recipe.solver != "auto") {
        options.plan.solver = std::string(value_or_throw(solver_kind(recipe.solver))->name());
    } else if (as_published) {
        options.plan.solver = "primal";
        options.plan.refresh = PlanOptions::Refresh::never;
    }
    options.plan.most_ciphertexts = recipe.most_ciphertexts.value_or(as_published ? 6 : 0);
    options.plan.gram = value_or_throw(gram_source_from_name(recipe.gram));
    options.plan.models_every = recipe.models_every;
    return options;
}

nlohmann::json to_json(const RecipeOptions& recipe, const FeatureOptions& features) {
    nlohmann::json json{{"preset", recipe.preset},
                        {"iterations", recipe.iterations},
                        {"epochs", recipe.epochs},
                        {"batch", recipe.batch},
                        {"parts", recipe.parts},
                        {"decay", nullptr},
                        {"momentum", recipe.momentum},
                        {"class_weight", recipe.class_weight},
                        {"prior", recipe.prior},
                        {"sigmoid_degree", recipe.degree},
                        {"sigmoid_range", recipe.range},
                        {"step", recipe.step},
                        {"final_step", recipe.final_step},
                        {"no_rehearsal", recipe.no_rehearsal},
                        {"log_n", recipe.log_n},
                        {"scale_bits", recipe.scale_bits},
                        {"memory_limit_gb", recipe.memory_limit_gb},
                        {"most_ciphertexts", nullptr},
                        {"models_every", nullptr},
                        {"solver", recipe.solver},
                        {"kernel", recipe.gram},
                        {"features", features.kind},
                        {"pca", features.components},
                        {"whiten", nullptr},
                        {"ridge", nullptr},
                        {"rbf_width", nullptr},
                        {"rbf_cosines", features.cosines},
                        {"seed", features.seed()}};
    if (features.whitening) {
        json["whiten"] = *features.whitening;
    }
    if (features.ridge) {
        json["ridge"] = *features.ridge;
    }
    if (features.width) {
        json["rbf_width"] = *features.width;
    }
    if (features.threshold) {  // absent in jobs from before there was a choice
        json["conv_threshold"] = *features.threshold;
    }
    if (features.filters != FeatureOptions{}.filters) {
        json["conv_filters"] = features.filters;
    }
    if (features.unit_filters) {
        json["conv_normalise"] = true;
    }
    if (recipe.decay) {
        json["decay"] = *recipe.decay;
    }
    if (recipe.security != "128") {  // absent in jobs from before there was a choice
        json["security"] = recipe.security;
    }
    if (recipe.models_every) {
        json["models_every"] = *recipe.models_every;
    }
    if (recipe.most_ciphertexts) {
        json["most_ciphertexts"] = *recipe.most_ciphertexts;
    }
    return json;
}

}  // namespace cipherfit
