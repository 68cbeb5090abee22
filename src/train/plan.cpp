#include "cipherfit/train/plan.h"

#include "cipherfit/linalg/kernel_from_features.h"
#include "cipherfit/linalg/kernel_product.h"
#include "cipherfit/linalg/odd_polynomial.h"

#include <bit>
#include <cmath>
#include <string>
#include <utility>

#include <nlohmann/json.hpp>

namespace cipherfit {

std::string_view name(Solver solver) noexcept {
    return solver == Solver::primal ? "primal" : "dual";
}

std::string_view name(KernelSource source) noexcept {
    return source == KernelSource::owner ? "owner" : "server";
}

Expected<KernelSource> kernel_source_from_name(std::string_view name) {
    for (const KernelSource source : {KernelSource::owner, KernelSource::server}) {
        if (name == cipherfit::name(source)) {
            return source;
        }
    }
    return make_error(ErrorCode::bad_input, "no kernel of '{}': choose owner or server", name);
}

Expected<Solver> solver_from_name(std::string_view name) {
    for (const Solver solver : {Solver::primal, Solver::dual}) {
        if (name == cipherfit::name(solver)) {
            return solver;
        }
    }
    return make_error(ErrorCode::bad_input, "no solver '{}': choose primal or dual", name);
}

// A dual iteration ends with its errors: the product with the features is the owner's, once. From
// zero, its first one only takes up the labels.
std::vector<IterationLevels> iteration_levels(const Recipe& recipe, Solver solver) {
    const int sigmoid = static_cast<int>(odd_polynomial_depth(recipe.sigmoid.degree()));
    const int backward = solver == Solver::primal ? 1 : 0;
    const bool initial_logits = recipe.initial_weight != 0.0;
    const int first = (initial_logits ? sigmoid : 0) + backward;
    int level = first + (recipe.iterations - 1) * (1 + sigmoid + backward);
    std::vector<IterationLevels> levels;
    for (int t = 0; t < recipe.iterations; ++t) {
        IterationLevels at;
        at.start = level;
        if (t > 0) {
            at.forward = level;
            --level;
        }
        if (t > 0 || initial_logits) {
            at.sigmoid = level;
            level -= sigmoid;
        }
        at.backward = level;
        level -= backward;
        at.end = level;
        levels.push_back(at);
    }
    return levels;
}

TrainingPlan::TrainingPlan(const TrainingShape& shape, Recipe recipe, Parameters parameters,
                           const Products& products, unsigned scale_bits, unsigned state_bits)
    : shape_(shape),
      recipe_(std::move(recipe)),
      parameters_(std::move(parameters)),
      products_(products),
      scale_bits_(scale_bits),
      state_bits_(state_bits),
      levels_(iteration_levels(recipe_, solver())) {
    require(shape_.samples >= 1 && shape_.features >= 1 && shape_.classes >= 1,
            ErrorCode::invalid_argument,
            "need at least one sample, feature and class, got {} x {} and {} classes",
            shape_.samples, shape_.features, shape_.classes);
    require(solver() == Solver::primal || recipe_.iterations >= 2, ErrorCode::invalid_argument,
            "the dual solver takes 2 iterations or more: use the primal one for a single step");
    const std::size_t needed = static_cast<std::size_t>(levels_.front().start) +
                               (server_makes_kernel() ? kernel_levels : 0);
    require(parameters_.max_level() == needed, ErrorCode::invalid_argument,
            "the chain has {} levels, the recipe needs {}", parameters_.max_level(), needed);
    for (int t = 0; t < recipe_.iterations; ++t) {
        // 1 - eta goes into a scale and must not ruin it.
        const double eta = recipe_.etas[static_cast<std::size_t>(t)];
        require(1.0 - eta >= 0x1p-8, ErrorCode::invalid_argument,
                "under encryption eta must be at most 1 - 2^-8, iteration {} has {}", t + 1, eta);
    }
    // What labels_minus_odd_polynomial asks for, before it is too late.
    const std::vector<double>& odd = recipe_.sigmoid.odd;
    require(odd.back() != 0.0 && (odd.size() < 4 || odd[1] != 0.0), ErrorCode::invalid_argument,
            "a sigmoid of degree {} needs leading and cubic coefficients other than 0 under "
            "encryption: use a lower degree or another fit",
            recipe_.sigmoid.degree());
}

double TrainingPlan::state_scale() const noexcept {
    return std::ldexp(1.0, static_cast<int>(state_bits_));
}

// The other sequence's scale is up to twice the plan's (1 - eta is at most 2), and the sign takes
// half of the modulus.
double TrainingPlan::state_capacity() const noexcept {
    return static_cast<double>(parameters_.q(0)) / (4 * state_scale());
}

// With the states at scale 2^b and rescaling by about 2^b, the leading term c_k z^k of the errors
// arrives at the scale it must have for the next state when features have the scale
// 2^b (c_k f)^(1/(k+1)), f being the update's factor: then the plaintext that carries mask,
// coefficient and correction has a scale near 2^b, and no factor loses precision. In the dual the
// errors are not multiplied again, and the root is the k-th.
double TrainingPlan::product_scale() const noexcept {
    const int degree = recipe_.sigmoid.degree();
    double log_factor = 0;
    for (int t = 0; t < recipe_.iterations; ++t) {
        log_factor += std::log2(gradient_factor(t)) / recipe_.iterations;
    }
    const double log_lead = std::log2(std::abs(recipe_.sigmoid.odd.back()));
    const double shift =
        (log_lead + log_factor) / (solver() == Solver::primal ? degree + 1 : degree);
    return std::exp2(static_cast<double>(scale_bits_) + std::min(1.0, std::max(-6.0, shift)));
}

// Features of which a kernel is made are multiplied with each other and rescaled.
double TrainingPlan::feature_scale() const noexcept {
    return server_makes_kernel() ? std::exp2(static_cast<double>(scale_bits_)) : product_scale();
}

bool TrainingPlan::server_makes_kernel() const noexcept {
    const auto* kernel = std::get_if<KernelProducts>(&products_);
    return kernel != nullptr && kernel->source == KernelSource::server;
}

// Primal: so that the first state of a run from zero has the scale of all later ones.
double TrainingPlan::label_scale() const noexcept {
    return solver() == Solver::dual ? std::exp2(static_cast<double>(scale_bits_)) : error_scale(0);
}

double TrainingPlan::start_scale() const {
    return error_scale(0);
}

double TrainingPlan::error_scale(int t) const {
    const double scale = state_scale() * gradient_factor(t);
    if (solver() == Solver::dual) {
        return scale;
    }
    // E X factor has the state's scale after one rescaling.
    const int level = levels_[static_cast<std::size_t>(t)].backward;
    return scale * static_cast<double>(parameters_.q(static_cast<std::size_t>(level))) /
           product_scale();
}

// What multiply_model would have given, before its rescaling, had there been a state.
double TrainingPlan::logit_scale() const noexcept {
    return product_scale();
}

double TrainingPlan::gradient_factor(int t) const {
    const auto i = static_cast<std::size_t>(t);
    return recipe_.gradient_at == ModelSequence::main ? recipe_.steps[i]
                                                      : recipe_.steps[i] * (1.0 - recipe_.etas[i]);
}

std::size_t TrainingPlan::feature_level() const noexcept {
    if (server_makes_kernel()) {
        return parameters_.max_level();
    }
    const int forward = levels_.size() > 1 ? levels_[1].forward : -1;
    return static_cast<std::size_t>(
        solver() == Solver::dual ? forward : std::max(levels_[0].backward, forward));
}

std::size_t TrainingPlan::label_level() const noexcept {
    return static_cast<std::size_t>(levels_[0].start);
}

std::size_t TrainingPlan::levels_per_iteration() const noexcept {
    return odd_polynomial_depth(recipe_.sigmoid.degree()) + (solver() == Solver::primal ? 2 : 1);
}

std::size_t TrainingPlan::first_iteration_levels() const noexcept {
    return static_cast<std::size_t>(levels_.front().start - levels_.front().end);
}

KeyRequest TrainingPlan::keys() const {
    KeyRequest request = solver() == Solver::primal ? primal_keys() : dual_keys();
    for (const IterationLevels& at : levels_) {
        if (at.sigmoid >= 0 && recipe_.sigmoid.degree() > 1) {
            request.relinearization(static_cast<std::size_t>(at.sigmoid));
        }
    }
    return request;
}

KeyRequest TrainingPlan::primal_keys() const {
    ProductLevels levels;
    levels.features = feature_level();
    levels.uses_forward = recipe_.iterations > 1;
    levels.backward = static_cast<std::size_t>(levels_[0].backward);
    levels.replicate = static_cast<std::size_t>(levels_[0].backward);
    if (levels.uses_forward) {
        levels.forward = static_cast<std::size_t>(levels_[1].forward);
        levels.fold = static_cast<std::size_t>(levels_[1].sigmoid);
    }
    return EncryptedFeatures::keys(layout(), shifts(), levels);
}

KeyRequest TrainingPlan::dual_keys() const {
    KernelLevels levels;
    levels.product = static_cast<std::size_t>(levels_[1].forward);
    levels.fold = static_cast<std::size_t>(levels_[1].sigmoid);
    // From zero, the owner sends the first errors replicated.
    levels.replicate = static_cast<std::size_t>(levels_[initial_logits() ? 0 : 1].backward);
    KeyRequest request = EncryptedKernel::keys(kernel(), levels);
    if (server_makes_kernel()) {
        request.merge(kernel_from_features_keys(kernel(), feature_level()));
    }
    return request;
}

std::size_t TrainingPlan::feature_ciphertexts() const noexcept {
    if (const auto* lanes = std::get_if<LaneProducts>(&products_)) {
        return lanes->layout.sample_blocks() * lanes->layout.feature_blocks();
    }
    const KernelProducts& kernel = *std::get_if<KernelProducts>(&products_);
    return kernel.source == KernelSource::owner ? kernel.layout.kernel_blocks()
                                                : 2 * kernel.layout.feature_chunks(shape_.features);
}

std::size_t TrainingPlan::label_ciphertexts() const noexcept {
    const auto* lanes = std::get_if<LaneProducts>(&products_);
    return lanes != nullptr ? lanes->layout.sample_blocks() : 1;
}

std::size_t TrainingPlan::state_ciphertexts() const noexcept {
    const auto* lanes = std::get_if<LaneProducts>(&products_);
    return lanes != nullptr ? lanes->layout.feature_blocks() : 1;
}

std::size_t TrainingPlan::upload_ciphertexts() const noexcept {
    return feature_ciphertexts() + label_ciphertexts() + logit_ciphertexts() + start_ciphertexts();
}

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
                        {"features", shape_.features},
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
    if (solver() == Solver::primal) {
        json["lane"] = layout().lane();
        json["forward_baby"] = shifts().forward_baby;
        json["backward_baby"] = shifts().backward_baby;
        json["inner"] = shifts().inner;
    } else {
        json["babies"] = kernel().babies();
        json["kernel"] = name(kernel_source());
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
        primes.q = json.at("q").get<std::vector<std::uint64_t>>();
        primes.p = json.at("p").get<std::vector<std::uint64_t>>();
        primes.digits = static_cast<unsigned>(count("digits"));
        primes.insecure_for_tests_only = json.at("insecure_for_tests_only").get<bool>();
        const TrainingShape shape{count("samples"), count("features"), count("classes")};
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
                return KernelProducts{
                    KernelLayout::create(parameters.slots(), shape.samples, shape.classes,
                                         count("babies")),
                    value_or_throw(kernel_source_from_name(json.at("kernel").get<std::string>()))};
            }
            const ShiftPlan shifts{count("forward_baby"), count("backward_baby"), count("inner")};
            LaneLayout layout = LaneLayout::create(parameters.slots(), count("lane"), shape.samples,
                                                   shape.features, shape.classes);
            const auto babies_fit = [&](std::size_t babies) {
                return std::has_single_bit(babies) && babies <= layout.padded_classes() &&
                       shifts.inner > 0 && babies % shifts.inner == 0;
            };
            require(babies_fit(shifts.forward_baby) && babies_fit(shifts.backward_baby),
                    ErrorCode::corrupt_data, "the shifts do not fit {} classes", shape.classes);
            return LaneProducts{layout, shifts};
        };
        const Products made = products();
        TrainingPlan plan(shape, *recipe, std::move(parameters), made, scale_bits, state_bits);
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
