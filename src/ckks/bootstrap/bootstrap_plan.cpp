#include "cipherfit/base/error.h"
#include "cipherfit/ckks/bootstrap.h"
#include "cipherfit/rlwe/security.h"
#include "ckks/bootstrap/dft_factors.h"
#include "ckks/bootstrap/encoded_matrix.h"
#include "ckks/bootstrap/mod_raise.h"
#include "ckks/bootstrap/stages.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <utility>

namespace cipherfit {
namespace {

constexpr unsigned eval_mod_bits = 50;
constexpr unsigned special_bits = 50;
// Primes of 50 bits lie a little below 2^50.
constexpr double least_special_bits = 49.99;

void check(const BootstrapLiteral& literal) {
    const auto check_range = [](const char* what, std::size_t value, std::size_t lowest,
                                std::size_t highest) {
        require(value >= lowest && value <= highest, ErrorCode::invalid_argument,
                "a bootstrapping needs {} of {} to {}, got {}", what, lowest, highest, value);
    };
    check_range("log_n", literal.log_n, 5, 17);
    check_range("log_slots", literal.log_slots, 1, literal.log_n - 1);
    check_range("levels left", literal.levels, 1, 64);
    check_range("level_bits", literal.level_bits, 30, 50);
    check_range("result_bits", literal.result_bits == 0 ? literal.level_bits : literal.result_bits,
                24, 50);
    check_range("coeffs_to_slots", literal.coeffs_to_slots, 1, literal.log_slots);
    check_range("slots_to_coeffs", literal.slots_to_coeffs, 1, literal.log_slots);
    check_range("coeffs_to_slots_bits", literal.coeffs_to_slots_bits, 40, 50);
    check_range("slots_to_coeffs_bits", literal.slots_to_coeffs_bits, 30, 50);
    check_range("ratio_bits", literal.ratio_bits, 3, 12);
}

EvalMod eval_mod_of(const BootstrapLiteral& literal) {
    return EvalMod::create({.wraps = largest_wraps,
                            .ratio_bits = literal.ratio_bits,
                            .arcsine_degree = literal.arcsine_degree});
}

}  // namespace

ParametersLiteral bootstrap_parameters(const BootstrapLiteral& literal) {
    check(literal);
    ParametersLiteral result{.log_n = literal.log_n,
                             .q_bits = {50},
                             .p_bits = {},
                             .digits = literal.digits,
                             .insecure_for_tests_only = literal.insecure_for_tests_only};
    auto& bits = result.q_bits;
    bits.insert(bits.end(), literal.levels, literal.level_bits);
    bits.insert(bits.end(), literal.slots_to_coeffs, literal.slots_to_coeffs_bits);
    bits.insert(bits.end(), eval_mod_of(literal).depth(), eval_mod_bits);
    bits.insert(bits.end(), literal.coeffs_to_slots, literal.coeffs_to_slots_bits);
    require(literal.digits >= 1 && literal.digits <= bits.size(), ErrorCode::invalid_argument,
            "digits must be 1 to the number of q's ({}), got {}", bits.size(), literal.digits);
    const std::size_t size = (bits.size() + literal.digits - 1) / literal.digits;
    double largest = 0;
    for (std::size_t first = 0; first < bits.size(); first += size) {
        double digit = 0;
        for (std::size_t i = first; i < std::min(first + size, bits.size()); ++i) {
            digit += bits[i];
        }
        largest = std::max(largest, digit);
    }
    result.p_bits.assign(static_cast<std::size_t>(std::ceil(largest / least_special_bits)),
                         special_bits);
    return result;
}

BootstrapPlan BootstrapPlan::create(const BootstrapLiteral& literal) {
    return create(Parameters::create(bootstrap_parameters(literal)), literal);
}

BootstrapPlan BootstrapPlan::create(const Parameters& parameters, const BootstrapLiteral& literal) {
    const std::size_t levels = bootstrap_parameters(literal).q_bits.size() - 1;
    require(parameters.log_n() == literal.log_n && parameters.max_level() == levels,
            ErrorCode::invalid_argument,
            "this bootstrapping needs log_n = {} and {} levels, the parameters have {} and {}: "
            "make them with bootstrap_parameters()",
            literal.log_n, levels, parameters.log_n(), parameters.max_level());
    require_secure_encapsulation(parameters);
    return BootstrapPlan(
        std::make_shared<const Stages>(Stages{parameters, literal, eval_mod_of(literal)}));
}

const Parameters& BootstrapPlan::parameters() const noexcept {
    return stages_->parameters;
}

const BootstrapLiteral& BootstrapPlan::literal() const noexcept {
    return stages_->literal;
}

std::size_t BootstrapPlan::slots() const noexcept {
    return std::size_t{1} << stages_->literal.log_slots;
}

std::size_t BootstrapPlan::levels() const noexcept {
    return stages_->literal.levels;
}

std::size_t BootstrapPlan::depth() const noexcept {
    return stages_->parameters.max_level() - stages_->literal.levels;
}

double BootstrapPlan::output_scale() const noexcept {
    const BootstrapLiteral& literal = stages_->literal;
    return std::exp2(
        static_cast<double>(literal.result_bits == 0 ? literal.level_bits : literal.result_bits));
}

double BootstrapPlan::largest_message() const noexcept {
    return static_cast<double>(stages_->parameters.q(0)) *
           std::exp2(-static_cast<double>(stages_->literal.ratio_bits));
}

std::vector<DiagonalMatrix> BootstrapPlan::Stages::coeffs_to_slots() const {
    return coeffs_to_slots_factors(literal.log_slots,
                                   split_stages(literal.log_slots, literal.coeffs_to_slots),
                                   side_by_side());
}

std::vector<DiagonalMatrix> BootstrapPlan::Stages::slots_to_coeffs() const {
    // The larger matrices last: where the numbers agree, both transforms use the same rotations.
    auto stages = split_stages(literal.log_slots, literal.slots_to_coeffs);
    std::reverse(stages.begin(), stages.end());
    return slots_to_coeffs_factors(literal.log_slots, stages, side_by_side());
}

std::vector<std::vector<KeyId>> BootstrapPlan::Stages::trace() const {
    std::vector<std::vector<KeyId>> families;
    const std::size_t all = parameters.slots();
    std::size_t step = std::size_t{1} << literal.log_slots;
    while (step < all) {
        // Sums of four where possible: one decomposition and one division for three rotations.
        const std::size_t count = 4 * step <= all ? 4 : 2;
        std::vector<KeyId> family;
        for (std::size_t i = 1; i < count; ++i) {
            family.push_back(KeyId{static_cast<std::uint32_t>(i * step)});
        }
        families.push_back(std::move(family));
        step *= count;
    }
    return families;
}

KeyRequest BootstrapPlan::keys() const {
    const Parameters& parameters = stages_->parameters;
    const std::size_t top = parameters.max_level();
    KeyRequest request;
    request.add(KeyId::sparse_encapsulation(), 0);
    request.add(KeyId::sparse_release(), top);
    for (const auto& family : stages_->trace()) {
        for (const KeyId id : family) {
            request.add(id, top);
        }
    }
    std::size_t level = top;
    for (const DiagonalMatrix& matrix : stages_->coeffs_to_slots()) {
        request.merge(matrix_keys(matrix, parameters, level--));
    }
    request.conjugation(level + 1);  // before the last rescaling
    request.merge(stages_->eval_mod.keys(level));
    level = stages_->slots_to_coeffs_level();
    for (const DiagonalMatrix& matrix : stages_->slots_to_coeffs()) {
        request.merge(matrix_keys(matrix, parameters, level--));
    }
    if (stages_->side_by_side()) {
        request.rotation(static_cast<std::int64_t>(slots()), parameters.slots(),
                         stages_->slots_to_coeffs_level() - 1);
    }
    return request;
}

}  // namespace cipherfit
