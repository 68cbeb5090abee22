// Plans as JSON: what files carry, and what is hashed.
#include "base/json_integers.h"
#include "cipherfit/train/plan.h"
#include "train/refresh.h"

#include <bit>
#include <cmath>
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
                        {"solver", name(solver())}};
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
    if (solver() == Solver::primal) {
        json["class_group"] = layout().classes();
        json["lane"] = layout().lane();
        json["forward_baby"] = shifts().forward_baby;
        json["backward_baby"] = shifts().backward_baby;
        json["inner"] = shifts().inner;
    } else {
        json["babies"] = kernel().babies();
        json["kernel"] = name(kernel_source());
    }
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
    constexpr std::size_t most = std::size_t{1} << 32U;
    try {
        const auto recipe = recipe_from_json(json.at("recipe"));
        if (!recipe) {
            return tl::unexpected<ErrorInfo>(recipe.error());
        }
        const auto count = [&](const char* key) {
            const auto& value = json.at(key);
            require(value.is_number_unsigned() && value.get<std::uint64_t>() <= most,
                    ErrorCode::corrupt_data, "{} must be a whole number of at most 2^32", key);
            return value.get<std::size_t>();
        };
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
        const auto products = [&]() -> Products {
            const auto solver =
                value_or_throw(solver_from_name(json.at("solver").get<std::string>()));
            if (solver == Solver::dual) {
                const auto source =
                    value_or_throw(kernel_source_from_name(json.at("kernel").get<std::string>()));
                return KernelProducts{
                    kernel_layout(parameters.slots(), shape, count("babies"), source), source};
            }
            require(shape.features >= 1, ErrorCode::corrupt_data, "the features are missing");
            const ShiftPlan shifts{count("forward_baby"), count("backward_baby"), count("inner")};
            const std::size_t group = count("class_group");
            require(group >= 1 && group <= shape.heads, ErrorCode::corrupt_data,
                    "groups of {} heads do not fit {}", group, shape.heads);
            LaneLayout layout =
                LaneLayout::create(parameters.slots(), count("lane"),
                                   rows_per_batch(*recipe, shape.samples), shape.features, group);
            const auto babies_fit = [&](std::size_t babies) {
                return std::has_single_bit(babies) && babies <= layout.padded_classes() &&
                       shifts.inner > 0 && babies % shifts.inner == 0;
            };
            require(babies_fit(shifts.forward_baby) && babies_fit(shifts.backward_baby),
                    ErrorCode::corrupt_data, "the shifts do not fit {} heads", shape.heads);
            return LaneProducts{layout, shifts};
        };
        const Products made = products();
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
            const Solver solver =
                std::holds_alternative<KernelProducts>(made) ? Solver::dual : Solver::primal;
            BootstrapLiteral literal = refresh_literal(
                parameters.log_n(), static_cast<unsigned>(small("log_slots")), levels,
                needs_fine_refresh(*recipe, solver, levels), primes.insecure_for_tests_only);
            literal.ratio_bits = static_cast<unsigned>(small("ratio_bits"));
            literal.arcsine_degree = static_cast<std::size_t>(small("arcsine_degree"));
            literal.level_bits = scale_bits;
            const int range_bits = small("range_bits");
            const auto* lanes = std::get_if<LaneProducts>(&made);
            const std::size_t period =
                lanes != nullptr ? lanes->layout.model_period() : parameters.slots();
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
        TrainingPlan plan(shape, *recipe, std::move(parameters), made, scale_bits, state_bits,
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
