#include "cipherfit/protocol/charter_plan.h"

#include "cipherfit/parties/contribution.h"
#include "cipherfit/rlwe/multiparty/flooding.h"
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

void check_terms(const JointTerms& terms) {
    require(terms.preparation != Preparation::components ||
                (terms.components >= 1 && terms.components <= terms.features),
            ErrorCode::bad_input, "{} components of {} features are asked for: 1 to {}",
            terms.components, terms.features, terms.features);
    require(terms.classes >= 2, ErrorCode::bad_input,
            "a charter needs two classes or more, and has {}", terms.classes);
    require(std::isfinite(terms.row_bound) && terms.row_bound >= 1, ErrorCode::bad_input,
            "the bound of a row is {}, and the intercept alone needs 1", terms.row_bound);
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
    JointTerms filled = terms;
    filled.task.columns = terms.columns();
    filled.task.classes = terms.heads();
    return {filled, value_or_throw(JointPlan::create(filled.task))};
}

void CharterPlan::write_to(Charter& charter) const {
    charter.recipe = joint_.to_json().dump();
    charter.preprocessing = json{
        {"preparation", name(terms_.preparation)},
        {"components", terms_.components},
        {"row_bound",
         terms_.row_bound}}.dump();
    charter.published_sums = cipherfit::published_sums(terms_.preparation);
    charter.parameters = parameters().to_bytes();
    charter.release_level = static_cast<std::uint32_t>(joint_.release_level());
}

Expected<CharterPlan> CharterPlan::of(const Charter& charter) {
    try {
        const json preprocessing = json::parse(charter.preprocessing);
        JointPlan joint = value_or_throw(JointPlan::from_json(json::parse(charter.recipe)));
        const JointTerms terms{.features = charter.features.size(),
                               .classes = charter.classes.size(),
                               .preparation = value_or_throw(preparation_from_name(
                                   preprocessing.at("preparation").get<std::string>())),
                               .components = preprocessing.at("components").get<std::size_t>(),
                               .row_bound = preprocessing.at("row_bound").get<double>(),
                               .task = joint.task()};
        check_terms(terms);
        JointTask agreed = joint.task();
        agreed.columns = terms.columns();
        agreed.classes = terms.heads();
        agreed.holders = static_cast<unsigned>(charter.holders().size());
        agreed.threshold = charter.threshold;
        agreed.contributors = static_cast<unsigned>(charter.contributors().size());
        agreed.kappa = charter.kappa;
        const CharterPlan plan(terms, std::move(joint));
        Charter planned = charter;
        plan.write_to(planned);
        if (planned != charter || agreed != plan.joint().task()) {
            return make_error(ErrorCode::bad_input,
                              "the charter's members, parameters, sums or release level are not "
                              "those that its recipe is planned for: all members need one version "
                              "of cipherfit");
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

double CharterPlan::security_bits() const {
    return terms_.task.insecure_for_tests_only ? 0 : bits(SecurityLevel::classical_128);
}

double CharterPlan::statistical_bits() const {
    return -std::log2(flooding_distance(terms_.task.kappa));
}

}  // namespace cipherfit
