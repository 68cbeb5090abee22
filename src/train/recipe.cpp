#include "cipherfit/train/recipe.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <string>
#include <utility>

#include <nlohmann/json.hpp>

namespace cipherfit {
namespace {

constexpr double largest_step = 1e6;
constexpr double largest_initial_weight = 1e3;
constexpr double largest_decay = 0.5;

std::optional<ModelSequence> sequence_from_name(std::string_view text) {
    for (const auto sequence : {ModelSequence::main, ModelSequence::extrapolated}) {
        if (text == name(sequence)) {
            return sequence;
        }
    }
    return std::nullopt;
}

tl::unexpected<ErrorInfo> malformed_recipe(const char* what) {
    return make_error(ErrorCode::corrupt_data, "the recipe's JSON {}", what);
}

std::optional<std::vector<double>> numbers(const nlohmann::json& json, const char* key) {
    const auto found = json.find(key);
    if (found == json.end() || !found->is_array() ||
        found->size() > static_cast<std::size_t>(max_iterations)) {
        return std::nullopt;
    }
    std::vector<double> values;
    values.reserve(found->size());
    for (const auto& value : *found) {
        if (!value.is_number()) {
            return std::nullopt;
        }
        values.push_back(value.get<double>());
    }
    return values;
}

std::optional<std::string> text(const nlohmann::json& json, const char* key) {
    const auto found = json.find(key);
    if (found == json.end() || !found->is_string()) {
        return std::nullopt;
    }
    return found->get<std::string>();
}

Expected<void> check_schedule(const char* what, const std::vector<double>& values, int iterations,
                              double low, bool low_allowed, double high) {
    if (values.size() != static_cast<std::size_t>(iterations)) {
        return make_error(ErrorCode::invalid_argument, "{} {} for {} iterations; give one for each",
                          values.size(), what, iterations);
    }
    for (std::size_t t = 0; t < values.size(); ++t) {
        const double value = values[t];
        if (!((low_allowed ? value >= low : value > low) && value <= high)) {
            return make_error(ErrorCode::invalid_argument, "{}[{}] = {} is outside {}{}, {}]", what,
                              t, value, low_allowed ? '[' : '(', low, high);
        }
    }
    return {};
}

}  // namespace

std::string_view name(Preset preset) noexcept {
    return preset == Preset::chiang2023 ? "chiang2023" : "standard";
}

std::string_view name(ModelSequence sequence) noexcept {
    return sequence == ModelSequence::extrapolated ? "extrapolated" : "main";
}

Expected<Preset> preset_from_name(std::string_view text) {
    for (const auto preset : {Preset::standard, Preset::chiang2023}) {
        if (text == name(preset)) {
            return preset;
        }
    }
    return make_error(ErrorCode::bad_input,
                      "no preset is named '{}'; choose standard or chiang2023", text);
}

std::vector<double> nesterov_etas(double a0, int iterations) {
    require(a0 >= 0.0 && a0 <= 1e6, ErrorCode::invalid_argument,
            "Nesterov's a_0 = {} is outside [0, 1e6]", a0);
    require(iterations >= 1 && iterations <= max_iterations, ErrorCode::invalid_argument,
            "{} iterations are outside 1..{}", iterations, max_iterations);
    std::vector<double> etas;
    double a = a0;
    for (int t = 0; t < iterations; ++t) {
        const double next = (1.0 + std::sqrt(1.0 + 4.0 * a * a)) / 2.0;
        etas.push_back((1.0 - a) / next);
        a = next;
    }
    return etas;
}

std::string_view name(Momentum momentum) noexcept {
    return momentum == Momentum::none ? "none" : "nesterov";
}

Expected<Momentum> momentum_from_name(std::string_view text) {
    for (const auto momentum : {Momentum::nesterov, Momentum::none}) {
        if (text == name(momentum)) {
            return momentum;
        }
    }
    return make_error(ErrorCode::bad_input, "no momentum is named '{}'; choose nesterov or none",
                      text);
}

std::size_t trained_heads(std::size_t classes, const Recipe& recipe) noexcept {
    return classes == 2 && recipe.initial_weight == 0.0 ? 1 : classes;
}

bool has_momentum(const Recipe& recipe) noexcept {
    return recipe.gradient_at != ModelSequence::main || recipe.model != ModelSequence::main ||
           std::any_of(recipe.etas.begin(), recipe.etas.end(), [](double eta) { return eta != 0; });
}

Recipe standard_recipe(int iterations, double step, SigmoidPolynomial sigmoid, Momentum momentum) {
    Recipe recipe;
    recipe.iterations = iterations;
    recipe.sigmoid = std::move(sigmoid);
    recipe.etas = nesterov_etas(1.0, iterations);
    if (momentum == Momentum::none) {
        std::fill(recipe.etas.begin(), recipe.etas.end(), 0.0);
        recipe.gradient_at = ModelSequence::main;
    }
    recipe.steps.assign(recipe.etas.size(), step);
    value_or_throw(check(recipe).map([] { return true; }));
    return recipe;
}

Recipe chiang2023_recipe(int iterations, Eigen::Index samples) {
    require(samples >= 1, ErrorCode::invalid_argument, "a recipe for {} samples; give at least 1",
            samples);
    Recipe recipe;
    recipe.preset = Preset::chiang2023;
    recipe.iterations = iterations;
    recipe.sigmoid = chiang2023_sigmoid();
    recipe.etas = nesterov_etas(0.01, iterations);
    for (int t = 0; t < iterations; ++t) {
        recipe.steps.push_back(1.0 + 1.0 / (static_cast<double>(samples) * (t + 1)));
    }
    recipe.gradient_at = ModelSequence::main;
    recipe.model = ModelSequence::extrapolated;
    recipe.initial_weight = 0.0128;
    return recipe;
}

std::size_t batch_count(const Recipe& recipe, std::size_t samples) noexcept {
    const std::size_t rows = rows_per_batch(recipe, samples);
    return rows == 0 ? 1 : (samples + rows - 1) / rows;
}

std::size_t rows_per_batch(const Recipe& recipe, std::size_t samples) noexcept {
    const auto batch = static_cast<std::size_t>(recipe.batch);
    return batch == 0 ? samples : std::min(batch, samples);
}

BatchRows batch_rows(const Recipe& recipe, std::size_t samples, std::size_t batch) noexcept {
    const std::size_t rows = rows_per_batch(recipe, samples);
    return {batch * rows, std::min(rows, samples - batch * rows)};
}

std::size_t rows_per_file(const Recipe& recipe, std::size_t samples) noexcept {
    const auto parts = static_cast<std::size_t>(recipe.parts);
    return recipe.batch == 0 ? (samples + parts - 1) / parts : rows_per_batch(recipe, samples);
}

std::size_t row_files(const Recipe& recipe, std::size_t samples) noexcept {
    const std::size_t rows = rows_per_file(recipe, samples);
    return rows == 0 ? 1 : (samples + rows - 1) / rows;
}

BatchRows file_rows(const Recipe& recipe, std::size_t samples, std::size_t file) noexcept {
    const std::size_t rows = rows_per_file(recipe, samples);
    return {file * rows, std::min(rows, samples - file * rows)};
}

Expected<void> check(const Recipe& recipe) {
    if (recipe.iterations < 1 || recipe.iterations > max_iterations) {
        return make_error(ErrorCode::invalid_argument, "{} iterations are outside 1..{}",
                          recipe.iterations, max_iterations);
    }
    if (const auto usable = check(recipe.sigmoid); !usable) {
        return usable;
    }
    if (const auto usable =
            check_schedule("steps", recipe.steps, recipe.iterations, 0.0, false, largest_step);
        !usable) {
        return usable;
    }
    if (const auto usable = check_schedule("etas", recipe.etas, recipe.iterations, -1.0, true, 1.0);
        !usable) {
        return usable;
    }
    if (!(std::abs(recipe.initial_weight) <= largest_initial_weight)) {
        return make_error(ErrorCode::invalid_argument, "the initial weight {} is outside [-{}, {}]",
                          recipe.initial_weight, largest_initial_weight, largest_initial_weight);
    }
    if (!(recipe.decay >= 0.0 && recipe.decay <= largest_decay)) {
        return make_error(ErrorCode::invalid_argument, "the weight decay {} is outside [0, {}]",
                          recipe.decay, largest_decay);
    }
    if (recipe.batch < 0 || recipe.batch > largest_batch) {
        return make_error(ErrorCode::invalid_argument, "batches of {} samples are outside 0..{}",
                          recipe.batch, largest_batch);
    }
    if (recipe.parts < 1 || recipe.parts > (recipe.batch == 0 ? most_parts : 1)) {
        return make_error(ErrorCode::invalid_argument,
                          "{} parts of all samples are outside 1..{}; mini-batches have 1",
                          recipe.parts, most_parts);
    }
    return {};
}

nlohmann::json to_json(const Recipe& recipe) {
    nlohmann::json json{{"preset", name(recipe.preset)},
                        {"iterations", recipe.iterations},
                        {"sigmoid", to_json(recipe.sigmoid)},
                        {"steps", recipe.steps},
                        {"etas", recipe.etas},
                        {"gradient_at", name(recipe.gradient_at)},
                        {"model", name(recipe.model)},
                        {"initial_weight", recipe.initial_weight},
                        {"decay", recipe.decay},
                        {"batch", recipe.batch}};
    // Plans of versions that knew no parts have the same bytes.
    if (recipe.parts != 1) {
        json["parts"] = recipe.parts;
    }
    return json;
}

Expected<Recipe> recipe_from_json(const nlohmann::json& json) {
    if (!json.is_object()) {
        return malformed_recipe("is not an object");
    }
    const auto preset_name = text(json, "preset");
    const auto preset = preset_from_name(preset_name.value_or(""));
    if (!preset) {
        return malformed_recipe("has no \"preset\" of a known name");
    }
    const auto iterations = json.find("iterations");
    if (iterations == json.end() || !iterations->is_number_integer() ||
        iterations->get<double>() < 1.0 || iterations->get<double>() > max_iterations) {
        return malformed_recipe("has no \"iterations\" in 1..10000");
    }
    const auto sigmoid = json.find("sigmoid");
    if (sigmoid == json.end()) {
        return malformed_recipe("has no \"sigmoid\"");
    }
    auto polynomial = sigmoid_from_json(*sigmoid);
    if (!polynomial) {
        return tl::unexpected<ErrorInfo>(polynomial.error());
    }
    auto steps = numbers(json, "steps");
    auto etas = numbers(json, "etas");
    if (!steps || !etas) {
        return malformed_recipe("has no arrays of numbers \"steps\" and \"etas\"");
    }
    const auto gradient_at = sequence_from_name(text(json, "gradient_at").value_or(""));
    const auto model = sequence_from_name(text(json, "model").value_or(""));
    if (!gradient_at || !model) {
        return malformed_recipe("has no \"gradient_at\" and \"model\" of main or extrapolated");
    }
    const auto initial_weight = json.find("initial_weight");
    if (initial_weight == json.end() || !initial_weight->is_number()) {
        return malformed_recipe("has no number \"initial_weight\"");
    }
    const auto decay = json.find("decay");
    if (decay == json.end() || !decay->is_number()) {
        return malformed_recipe("has no number \"decay\"");
    }
    const auto batch = json.find("batch");
    if (batch == json.end() || !batch->is_number_integer() || batch->get<double>() < 0.0 ||
        batch->get<double>() > largest_batch) {
        return malformed_recipe("has no \"batch\" in 0..2^20");
    }
    const auto parts = json.find("parts");
    if (parts != json.end() && (!parts->is_number_integer() || parts->get<double>() < 1.0 ||
                                parts->get<double>() > most_parts)) {
        return malformed_recipe("has \"parts\" outside 1..4096");
    }
    Recipe recipe{*preset,
                  iterations->get<int>(),
                  std::move(*polynomial),
                  std::move(*steps),
                  std::move(*etas),
                  *gradient_at,
                  *model,
                  initial_weight->get<double>(),
                  decay->get<double>(),
                  batch->get<int>(),
                  parts == json.end() ? 1 : parts->get<int>()};
    if (const auto usable = check(recipe); !usable) {
        return make_error(ErrorCode::corrupt_data, "{}", usable.error().message);
    }
    return recipe;
}

}  // namespace cipherfit
