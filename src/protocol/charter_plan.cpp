#include "cipherfit/protocol/charter_plan.h"

#include "cipherfit/parties/contribution.h"
#include "cipherfit/rlwe/multiparty/flooding.h"
#include "cipherfit/rlwe/multiparty/noise.h"
#include "cipherfit/rlwe/security.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include <nlohmann/json.hpp>

namespace cipherfit {
namespace {

using nlohmann::json;

constexpr std::array preparations{
    std::pair{Preparation::none, std::string_view("none")},
    std::pair{Preparation::centred, std::string_view("centred")},
    std::pair{Preparation::standardised, std::string_view("standardised")},
    std::pair{Preparation::components, std::string_view("components")}};

// Steps of 1 / L: the recurrence sees G / L, as 4 G / L under a slope of the linear sigmoid.
Recipe recipe_of(const JointTerms& terms) {
    const SigmoidPolynomial sigmoid = fit_sigmoid(1, 4.0);
    Recipe recipe = standard_recipe(terms.iterations, 1.0 / (4.0 * sigmoid.odd[0]), sigmoid);
    recipe.decay = terms.ridge;
    return recipe;
}

void check_terms(const JointTerms& terms) {
    require(terms.iterations >= 2 && terms.iterations <= 16, ErrorCode::bad_input,
            "{} iterations are asked for, and a joint training has 2 to 16", terms.iterations);
    require(std::isfinite(terms.ridge) && terms.ridge >= 0 && terms.ridge <= 0.5,
            ErrorCode::bad_input, "the ridge is {}, and 0 to 0.5 are allowed", terms.ridge);
    require(terms.preparation != Preparation::components ||
                (terms.components >= 1 && terms.components <= terms.features),
            ErrorCode::bad_input, "{} components of {} features are asked for: 1 to {}",
            terms.components, terms.features, terms.features);
    require(terms.classes >= 2, ErrorCode::bad_input,
            "a charter needs two classes or more, and has {}", terms.classes);
}

}  // namespace

std::string_view name(Preparation preparation) noexcept {
    return preparations[static_cast<std::size_t>(preparation)].second;
}

Expected<Preparation> preparation_from_name(std::string_view name) {
    for (const auto& [value, known] : preparations) {
        if (known == name) {
            return value;
        }
    }
    return make_error(ErrorCode::bad_input,
                      "there is no preparation '{}': none, centred, standardised or components",
                      name);
}

std::vector<std::string> published_sums(Preparation preparation) {
    std::vector<std::string> sums{std::string(sum_rows)};
    if (preparation != Preparation::none) {
        sums.emplace_back(sum_columns);
        sums.emplace_back(preparation == Preparation::components ? sum_products : sum_squares);
    }
    sums.emplace_back(sum_bound);
    return sums;
}

CharterPlan CharterPlan::create(const JointTerms& terms) {
    check_terms(terms);
    require(terms.insecure_for_tests_only, ErrorCode::bad_input,
            "a joint training outside of tests needs a proven bound of what a release adds to its "
            "error, which this version does not have yet");
    PlanOptions options;
    options.solver = "statistics";
    options.refresh = PlanOptions::Refresh::never;
    options.insecure_for_tests_only = terms.insecure_for_tests_only;
    options.log_n = terms.insecure_for_tests_only ? 10 : 0;
    return {terms,
            std::make_shared<const TrainingPlan>(TrainingPlan::create(
                {.samples = 1, .features = terms.columns(), .classes = terms.classes, .heads = 0},
                recipe_of(terms), options))};
}

void CharterPlan::write_to(Charter& charter) const {
    charter.recipe = json{{"iterations", terms_.iterations},
                          {"ridge", terms_.ridge},
                          {"tests", terms_.insecure_for_tests_only}}
                         .dump();
    charter.preprocessing =
        json{{"preparation", name(terms_.preparation)}, {"components", terms_.components}}.dump();
    charter.published_sums = cipherfit::published_sums(terms_.preparation);
    charter.parameters = parameters().to_bytes();
    charter.release_level = static_cast<std::uint32_t>(release_level());
}

Expected<CharterPlan> CharterPlan::of(const Charter& charter) {
    try {
        const json recipe = json::parse(charter.recipe);
        const json preprocessing = json::parse(charter.preprocessing);
        const CharterPlan plan =
            create({.features = charter.features.size(),
                    .classes = charter.classes.size(),
                    .preparation = value_or_throw(
                        preparation_from_name(preprocessing.at("preparation").get<std::string>())),
                    .components = preprocessing.at("components").get<std::size_t>(),
                    .iterations = recipe.at("iterations").get<int>(),
                    .ridge = recipe.at("ridge").get<double>(),
                    .contributors = charter.contributors().size(),
                    .holders = static_cast<unsigned>(charter.holders().size()),
                    .threshold = charter.threshold,
                    .kappa = charter.kappa,
                    .insecure_for_tests_only = recipe.at("tests").get<bool>()});
        Charter planned = charter;
        plan.write_to(planned);
        if (planned != charter) {
            return make_error(ErrorCode::bad_input,
                              "the charter's parameters, sums or release level are not those that "
                              "this program plans for its terms: all members need one version of "
                              "cipherfit");
        }
        return plan;
    } catch (const json::exception&) {
        return make_error(ErrorCode::bad_input,
                          "the charter's recipe or preprocessing cannot be read: was it written by "
                          "another program?");
    } catch (const Error& error) {
        return tl::unexpected<ErrorInfo>(error.info());
    }
}

const Parameters& CharterPlan::parameters() const noexcept {
    return training_->parameters();
}

KeyRequest CharterPlan::keys() const {
    return training_->keys();
}

std::size_t CharterPlan::gap() const {
    return 1;
}

double CharterPlan::sigma() const {
    const JointNoise noise(parameters(), terms_.threshold);
    const double norm = 64 * std::sqrt(static_cast<double>(parameters().n()) * noise.rounding());
    return flooding_sigma({.kappa = terms_.kappa,
                           .releases = possible_releases(terms_.holders, terms_.threshold),
                           .error_norm = norm});
}

double CharterPlan::security_bits() const {
    return bits(training_->security());
}

double CharterPlan::release_bits() const {
    return std::log2(training_->state_scale() / (sigma() * std::sqrt(terms_.threshold)));
}

double CharterPlan::statistical_bits() const {
    return terms_.kappa;
}

}  // namespace cipherfit
