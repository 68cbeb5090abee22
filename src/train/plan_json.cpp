// Plans as JSON: what files carry, and what is hashed.
#include "base/json_integers.h"
#include "cipherfit/train/plan.h"
#include "solver/json_counts.h"
#include "train/refresh.h"

#include <cmath>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include <nlohmann/json.hpp>

namespace cipherfit {

nlohmann::json TrainingPlan::to_json() const {
    std::vector<std::uint64_t> q;
    std::vector<std::uint64_t> p;
    q.reserve(parameters_.max_level() + 1);
    p.reserve(parameters_.special_primes());
    for (std::size_t i = 0; i <= parameters_.max_level(); ++i) {
        q.push_back(parameters_.q(i));
    }
    for (std::size_t i = 0; i < parameters_.special_primes(); ++i) {
        p.push_back(parameters_.p(i));
    }
    nlohmann::json json{{"samples", shape_.samples},
                        {"classes", shape_.classes},
                        {"recipe", cipherfit::to_json(recipe_)},
                        {"log_n", parameters_.log_n()},
                        {"q", q},
                        {"p", p},
                        {"digits", parameters_.digits()},
                        {"insecure_for_tests_only", parameters_.insecure_for_tests_only()},
                        {"scale_bits", scale_bits_},
                        {"state_bits", state_bits_},
                        {"solver", solver_->name()}};
    // Absent where every class has a head of its own.
    if (shape_.heads != shape_.classes) {
        json["heads"] = shape_.heads;
    }
    // Absent for the level that all plans have.
    if (security_ != SecurityLevel::classical_128) {
        json["security"] = name(security_);
    }
    if (tells_features()) {
        json["features"] = shape_.features;
    }
    solver_->add_to_json(json);
    json["refresh"] = nullptr;
    if (refresh_) {
        const BootstrapLiteral& literal = refresh_->bootstrap.literal();
        json["refresh"] = {{"levels", literal.levels},
                           {"log_slots", literal.log_slots},
                           {"ratio_bits", literal.ratio_bits},
                           {"arcsine_degree", literal.arcsine_degree},
                           {"range_bits", refresh_->range_bits}};
        // Absent where there are no models in between.
        if (refresh_->models_every > 0) {
            json["refresh"]["models_every"] = refresh_->models_every;
        }
    }
    return json;
}

Digest TrainingPlan::hash() const {
    const std::string text = to_json().dump();  // keys sorted, doubles exact: canonical
    return sha256({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
}

Expected<TrainingPlan> TrainingPlan::from_json(const nlohmann::json& json) {
    try {
        const auto recipe = recipe_from_json(json.at("recipe"));
        if (!recipe) {
            return tl::unexpected<ErrorInfo>(recipe.error());
        }
        const auto count = [&](const char* key) { return json_count(json, key); };
        ParametersPrimes primes;
        primes.log_n = static_cast<unsigned>(count("log_n"));
        primes.q = whole_numbers<std::uint64_t>(json.at("q"));
        primes.p = whole_numbers<std::uint64_t>(json.at("p"));
        primes.digits = static_cast<unsigned>(count("digits"));
        primes.insecure_for_tests_only = json.at("insecure_for_tests_only").get<bool>();
        const bool names_features = json.contains("features");
        require(!names_features || count("features") >= 1, ErrorCode::corrupt_data,
                "a plan of no features");
        const TrainingShape shape{count("samples"), names_features ? count("features") : 0,
                                  count("classes"),
                                  count(json.contains("heads") ? "heads" : "classes")};
        const auto scale_bits = static_cast<unsigned>(count("scale_bits"));
        const auto state_bits = static_cast<unsigned>(count("state_bits"));
        require(
            scale_bits >= 20 && scale_bits <= 49 && state_bits >= 10 && state_bits <= scale_bits,
            ErrorCode::corrupt_data, "scale bits {} and {} are out of range", scale_bits,
            state_bits);
        Parameters parameters = Parameters::create(primes);
        const SolverKind& kind = *value_or_throw(solver_kind(json.at("solver").get<std::string>()));
        value_or_throw(kind.check(shape, *recipe, {}));
        const std::shared_ptr<const Solver> solver =
            kind.from_json(json, shape, *recipe, parameters.slots(), !json.at("refresh").is_null());
        const auto refresh = [&]() -> std::optional<RefreshPlan> {
            const auto& member = json.at("refresh");
            if (member.is_null()) {
                return std::nullopt;
            }
            const auto small = [&](const char* key) {
                const auto& value = member.at(key);
                require(value.is_number_integer() && std::abs(value.get<double>()) <= 64,
                        ErrorCode::corrupt_data, "{} must be a whole number of at most 64", key);
                return value.get<int>();
            };
            const auto levels = static_cast<std::size_t>(small("levels"));
            BootstrapLiteral literal = refresh_literal(
                parameters.log_n(), static_cast<unsigned>(small("log_slots")), levels,
                kind.needs_fine_refresh(*recipe, levels), primes.insecure_for_tests_only);
            literal.ratio_bits = static_cast<unsigned>(small("ratio_bits"));
            literal.arcsine_degree = static_cast<std::size_t>(small("arcsine_degree"));
            literal.level_bits = scale_bits;
            const int range_bits = small("range_bits");
            const std::size_t period = solver->state_period();
            require(literal.log_slots < 64 && std::size_t{1} << literal.log_slots >= period,
                    ErrorCode::corrupt_data,
                    "the bootstrapping is for 2^{} slots, the states repeat after {}",
                    literal.log_slots, period);
            literal.result_bits = refreshed_bits(state_bits, range_bits,
                                                 (std::size_t{1} << literal.log_slots) / period);
            RefreshPlan plan{BootstrapPlan::create(parameters, literal), range_bits};
            if (const auto every = member.find("models_every"); every != member.end()) {
                require(every->is_number_integer() && every->get<double>() >= 1.0 &&
                            every->get<double>() <= max_iterations,
                        ErrorCode::corrupt_data, "models_every must be 1 to {}", max_iterations);
                plan.models_every = every->get<int>();
            }
            return plan;
        }();
        const auto security =
            json.contains("security")
                ? value_or_throw(security_level_from_name(json.at("security").get<std::string>()))
                : SecurityLevel::classical_128;
        TrainingPlan plan(shape, *recipe, std::move(parameters), solver, scale_bits, state_bits,
                          refresh, security);
        plan.names_features_ = names_features;
        if (plan.to_json() != json) {
            return make_error(ErrorCode::corrupt_data,
                              "the plan holds members that no plan has: ask for the file again");
        }
        return plan;
    } catch (const Error& error) {
        return make_error(error.code() == ErrorCode::insecure_parameters
                              ? ErrorCode::insecure_parameters
                              : ErrorCode::corrupt_data,
                          "the plan cannot be used: {}", error.what());
    } catch (const nlohmann::json::exception&) {
        return make_error(ErrorCode::corrupt_data,
                          "the plan lacks a member or holds one of a wrong type");
    }
}

}  // namespace cipherfit
