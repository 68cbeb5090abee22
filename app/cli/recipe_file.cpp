#include "cli/recipe_file.h"

#include "cli/named_output.h"
#include "cli/owner_files.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <string>
#include <string_view>

namespace cipherfit {
namespace {

constexpr int largest_pca = 16384;

// A number in (0, most], or an error that names the member.
double number(const nlohmann::json& json, const char* name, double most,
              const std::filesystem::path& path) {
    const auto found = json.find(name);
    require(found != json.end() && found->is_number() && found->get<double>() > 0 &&
                found->get<double>() <= most,
            ErrorCode::corrupt_data,
            "{}: is no recipe: \"{}\" is missing or out of range: write one with 'cipherfit "
            "rehearse'",
            path.string(), name);
    return found->get<double>();
}

// Step and range are those of one kind of features; a recipe may leave it open.
void take_features(const nlohmann::json& json, const std::filesystem::path& path,
                   FeatureOptions& features) {
    if (json.contains("features")) {
        const nlohmann::json& named = json["features"];
        const std::string kind = named.is_string() ? named.get<std::string>() : std::string();
        const auto& kinds = feature_kinds();
        require(kind != "auto" && std::ranges::find(kinds, kind) != kinds.end(),
                ErrorCode::corrupt_data,
                "{}: is no recipe: \"features\" is none of {}: write one with 'cipherfit rehearse'",
                path.string(), fmt::join(kinds.begin() + 1, kinds.end(), ", "));
        require(features.kind == "auto" || features.kind == kind, ErrorCode::bad_input,
                "{}: was rehearsed with --features {}: leave out --features {}", path.string(),
                kind, features.kind);
        features.kind = kind;
    }
    if (json.contains("pca") && json["pca"] != 0) {
        const auto components = static_cast<int>(number(json, "pca", largest_pca, path));
        require(features.components == 0 || features.components == components, ErrorCode::bad_input,
                "{}: was rehearsed with --pca {}: leave out --pca {}", path.string(), components,
                features.components);
        features.components = components;
    }
    // Filters and folds are drawn from it. Recipes from before do not have it.
    if (json.contains("seed")) {
        require(
            json["seed"].is_number_unsigned(), ErrorCode::corrupt_data,
            "{}: is no recipe: \"seed\" is no whole number: write one with 'cipherfit rehearse'",
            path.string());
        const auto seed = json["seed"].get<std::uint64_t>();
        require(features.given_seed.value_or(seed) == seed, ErrorCode::bad_input,
                "{}: was rehearsed with --seed {}: leave out --seed {}", path.string(), seed,
                features.seed());
        features.given_seed = seed;
    }
    // A ridge of 0 is one too.
    if (json.contains("ridge") && json["ridge"] != 0) {
        features.ridge = number(json, "ridge", 1.0, path);
    } else if (json.contains("ridge")) {
        features.ridge = 0.0;
    }
    if (json.contains("whiten") && json["whiten"] != 0) {
        features.whitening = number(json, "whiten", 1.0, path);
    } else if (json.contains("whiten")) {
        features.whitening = 0.0;
    }
    if (json.contains("rbf_width")) {
        features.width = number(json, "rbf_width", 1e3, path);
        if (json.contains("rbf_cosines")) {
            features.cosines = static_cast<int>(number(json, "rbf_cosines", 16384, path));
        }
    }
    if (json.contains("conv_threshold")) {
        features.threshold =
            json["conv_threshold"] == 0 ? 0.0 : number(json, "conv_threshold", 100.0, path);
    }
    if (json.contains("conv_filters")) {
        features.filters = static_cast<int>(number(json, "conv_filters", most_filters, path));
    }
    if (json.contains("conv_normalise")) {
        require(json["conv_normalise"].is_boolean(), ErrorCode::corrupt_data,
                "{}: is no recipe: \"conv_normalise\" is neither true nor false: write one with "
                "'cipherfit rehearse'",
                path.string());
        features.unit_filters = json["conv_normalise"];
    }
}

}  // namespace

void pin(const RehearsedRun& run, RecipeOptions& recipe) {
    recipe.iterations = run.iterations;
    recipe.degree = run.degree;
    recipe.step = run.chosen.step;
    recipe.range = run.chosen.range;
    recipe.decay = run.decay;
}

void write_recipe_file(const std::filesystem::path& path, const RehearsedRun& run,
                       const FeatureOptions& features) {
    RecipeOptions recipe;
    pin(run, recipe);
    write_recipe_file(path, recipe, features, to_json(run));
}

void write_recipe_file(const std::filesystem::path& path, const RecipeOptions& recipe,
                       const FeatureOptions& features, const nlohmann::json& rehearsed) {
    nlohmann::json json{{"format", 1},
                        {"iterations", recipe.iterations},
                        {"step", recipe.step},
                        {"sigmoid_degree", recipe.degree},
                        {"sigmoid_range", recipe.range},
                        {"decay", recipe.decay.value_or(0.0)},
                        {"features", features.kind},
                        {"pca", features.components},
                        {"seed", features.seed()},
                        {"rehearsed", rehearsed}};
    if (features.ridge) {
        json["ridge"] = *features.ridge;
    }
    if (features.width) {
        json["rbf_width"] = *features.width;
        json["rbf_cosines"] = features.cosines;
    }
    if (features.whitening) {
        json["whiten"] = *features.whitening;
    }
    if (features.threshold) {
        json["conv_threshold"] = *features.threshold;
    }
    if (features.filters != FeatureOptions{}.filters) {
        json["conv_filters"] = features.filters;
    }
    if (features.unit_filters) {
        json["conv_normalise"] = true;
    }
    write_named_json(path, json);
}

void take_recipe_file(RecipeOptions& recipe, FeatureOptions& features) {
    if (recipe.file.empty()) {
        return;
    }
    const nlohmann::json json = read_json(recipe.file);
    const double iterations = number(json, "iterations", max_iterations, recipe.file);
    const double degree = number(json, "sigmoid_degree", 7, recipe.file);
    const auto is_whole = [](double value) { return value == std::floor(value); };
    require(is_whole(iterations) && is_whole(degree) && std::fmod(degree, 2) == 1,
            ErrorCode::corrupt_data,
            "{}: is no recipe: {} iterations and a sigmoid of degree {}: write one with 'cipherfit "
            "rehearse'",
            recipe.file.string(), iterations, degree);
    recipe.iterations = static_cast<int>(iterations);
    recipe.degree = static_cast<int>(degree);
    recipe.step = number(json, "step", 1e6, recipe.file);
    recipe.range = number(json, "sigmoid_range", 64, recipe.file);
    if (json.contains("decay") && json["decay"] != 0) {
        recipe.decay = number(json, "decay", 0.5, recipe.file);
    }
    take_features(json, recipe.file, features);
}

}  // namespace cipherfit
