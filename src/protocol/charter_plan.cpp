#include "cipherfit/protocol/charter_plan.h"

#include "base/json_integers.h"
#include "cipherfit/parties/contribution.h"
#include "cipherfit/parties/message.h"
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
    std::pair{Preparation::components, std::string_view("components")},
    std::pair{Preparation::whitened, std::string_view("whitened")}};

// The spectrum of whitened columns, in units of its bound, is that of the intercept, which is 1,
// and s^2 / (s^2 + ridge T) of a component of variance s^2. Directions below this share are those
// that whitening has shrunk, and need not converge.
constexpr double lowest_of_whitened = 0.3;
constexpr double row_bound_of_whitened = 3;  // times the root of the columns
constexpr double row_bound_of_others = 8;

// What charters may ask for: more than that fits rings of 128 bits, and the messages of a round,
// in theory alone.
constexpr int most_iterations = 16;
constexpr std::size_t most_columns = 4097;

void check_terms(const JointTerms& terms) {
    require(terms.task.iterations >= 2 && terms.task.iterations <= most_iterations,
            ErrorCode::bad_input, "a charter takes 2 to {} iterations, and not {}", most_iterations,
            terms.task.iterations);
    require(terms.columns() >= 2 && terms.columns() <= most_columns, ErrorCode::bad_input,
            "{} columns are to be trained on, the intercept among them, and a charter takes 2 to "
            "{}: take fewer features, or components of them",
            terms.columns(), most_columns);
    value_or_throw(terms.map.check(terms.features));
    require(!takes_components(terms.preparation) ||
                (terms.components >= 1 && terms.components <= terms.mapped()),
            ErrorCode::bad_input, "{} components of {} features are asked for: 1 to {}",
            terms.components, terms.mapped(), terms.mapped());
    require(!takes_components(terms.preparation) || terms.mapped() <= JointMap::most_features,
            ErrorCode::bad_input,
            "the products of {} features are too many to be added up: components are taken of at "
            "most {}",
            terms.mapped(), JointMap::most_features);
    require(terms.preparation != Preparation::whitened ||
                (terms.whitening_ridge >= 1e-9 && terms.whitening_ridge <= 1),
            ErrorCode::bad_input, "whitening takes a ridge of 1e-9 to 1, and not {}",
            terms.whitening_ridge);
    require(terms.classes >= 2, ErrorCode::bad_input,
            "a charter needs two classes or more, and has {}", terms.classes);
    require(std::isfinite(terms.row_bound) && terms.row_bound >= 1, ErrorCode::bad_input,
            "the bound of a row is {}, and the intercept alone needs 1", terms.row_bound);
}

// Before keys are made and rows are claimed for a charter that nobody could carry out.
void check_sizes(const JointPlan& plan) {
    constexpr std::uint64_t headers = 1 << 20;  // more than those of any payload
    const auto check = [&](PartyMessageKind kind, std::size_t bytes, const char* what) {
        const std::uint64_t most = largest_payload(kind);
        require(bytes <= most - headers, ErrorCode::bad_input,
                "{} take {:.3g} GB, and a message holds {:.3g} GB: take fewer features or "
                "components, or fewer iterations",
                what, static_cast<double>(bytes) / 1e9, static_cast<double>(most) / 1e9);
    };
    check(PartyMessageKind::upload, plan.contributor_upload_bytes(), "a contributor's statistics");
    check(PartyMessageKind::key_shares, plan.dealer_upload_bytes(),
          "a dealer's shares of the keys");
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
                      "there is no preparation '{}': none, centred, standardised, components or "
                      "whitened",
                      name);
}

std::vector<std::string> published_sums(const JointMap& map, Preparation preparation) {
    std::vector<std::string> sums{std::string(sum_rows)};
    if (map.kind == JointMapKind::rbf) {
        sums.emplace_back(sum_columns);
        sums.emplace_back(sum_squares);
    }
    if (preparation != Preparation::none) {
        const bool products = takes_components(preparation);
        if (map.kind == JointMapKind::none) {
            sums.emplace_back(sum_columns);
            sums.emplace_back(products ? sum_products : sum_squares);
        } else {
            const std::size_t made = map.features(0);
            sums.push_back(fmt::format("{}:{}", sum_features, made));
            sums.push_back(
                fmt::format("{}:{}", products ? sum_feature_products : sum_feature_squares, made));
        }
    }
    sums.emplace_back(sum_bound);
    return sums;
}

CharterPlan CharterPlan::create(const JointTerms& terms) {
    JointTerms filled = terms;
    const bool whitened = terms.preparation == Preparation::whitened;
    if (filled.row_bound == 0) {
        filled.row_bound =
            whitened
                ? std::ceil(row_bound_of_whitened * std::sqrt(static_cast<double>(terms.columns())))
                : row_bound_of_others;
    }
    if (whitened && filled.task.lowest == 0) {
        filled.task.lowest = std::max(lowest_of_whitened, terms.task.ridge);
    }
    check_terms(filled);
    filled.task.columns = terms.columns();
    filled.task.classes = terms.heads();
    CharterPlan plan(filled, value_or_throw(JointPlan::create(filled.task)));
    check_sizes(plan.joint());
    return plan;
}

void CharterPlan::write_to(Charter& charter) const {
    charter.recipe = joint_.to_json().dump();
    json preprocessing{{"preparation", name(terms_.preparation)},
                       {"components", terms_.components},
                       {"row_bound", terms_.row_bound}};
    if (terms_.preparation == Preparation::whitened) {
        preprocessing["whitening_ridge"] = terms_.whitening_ridge;
    }
    charter.preprocessing = preprocessing.dump();
    charter.extractor = terms_.map.to_text();
    charter.published_sums = cipherfit::published_sums(terms_.map, terms_.preparation);
    charter.parameters = parameters().to_bytes();
    charter.release_level = static_cast<std::uint32_t>(joint_.release_level());
}

Expected<CharterPlan> CharterPlan::of(const Charter& charter, TestParameters tests) {
    try {
        const json preprocessing = json::parse(charter.preprocessing);
        JointPlan joint = value_or_throw(JointPlan::from_json(json::parse(charter.recipe)));
        JointTerms terms{.features = charter.features.size(),
                         .classes = charter.classes.size(),
                         .map = value_or_throw(JointMap::from_text(charter.extractor)),
                         .preparation = value_or_throw(preparation_from_name(
                             preprocessing.at("preparation").get<std::string>())),
                         .components = whole_number<std::size_t>(preprocessing.at("components")),
                         .row_bound = preprocessing.at("row_bound").get<double>(),
                         .task = joint.task()};
        if (terms.preparation == Preparation::whitened) {
            terms.whitening_ridge = preprocessing.at("whitening_ridge").get<double>();
        }
        check_terms(terms);
        require(tests == TestParameters::allow || !terms.task.insecure_for_tests_only,
                ErrorCode::insecure_parameters,
                "the charter is planned for a ring that is for tests only and hides nothing: have "
                "a new one written");
        check_sizes(joint);
        require(charter.recipients().size() == 1, ErrorCode::bad_input,
                "the charter names {} recipients, and a release is for one",
                charter.recipients().size());
        JointTask agreed = joint.task();
        agreed.columns = terms.columns();
        agreed.classes = terms.heads();
        agreed.holders = static_cast<unsigned>(charter.holders().size());
        agreed.threshold = charter.threshold;
        agreed.contributors = static_cast<unsigned>(charter.contributors().size());
        agreed.kappa = charter.kappa;
        CharterPlan plan(terms, std::move(joint));
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
