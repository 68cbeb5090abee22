#include "cipherfit/base/error.h"
#include "cipherfit/ckks/bootstrap.h"
#include "ckks/bootstrap/encoded_matrix.h"
#include "ckks/bootstrap/imaginary_unit.h"
#include "ckks/bootstrap/mod_raise.h"
#include "ckks/bootstrap/powers.h"
#include "ckks/bootstrap/raised_ciphertext.h"
#include "ckks/bootstrap/stages.h"

#include <cmath>
#include <utility>
#include <vector>

namespace cipherfit {
namespace {

// Encodes matrices for levels from `level` downwards, such that a ciphertext of the scale `from`
// leaves the last one at the scale `to`. Each takes the same part of the quotient of the scales, so
// that the diagonals of none lose more bits than they must.
std::vector<EncodedMatrix> encode(const Parameters& parameters,
                                  const std::vector<DiagonalMatrix>& matrices, std::size_t level,
                                  double from, double to) {
    const double factor = std::pow(to / from, 1.0 / static_cast<double>(matrices.size()));
    std::vector<EncodedMatrix> encoded;
    double scale = from;
    for (std::size_t i = 0; i < matrices.size(); ++i, --level) {
        const auto q = static_cast<double>(parameters.q(level));
        const double own = i + 1 == matrices.size() ? to / scale * q : factor * q;
        encoded.emplace_back(parameters, matrices[i], level, own);
        scale = scale * own / q;
    }
    return encoded;
}

}  // namespace

struct Bootstrapper::Matrices {
    std::vector<EncodedMatrix> coeffs_to_slots, slots_to_coeffs;
    double eval_mod_output = 0;  // the scale of EvalMod's result

    explicit Matrices(const BootstrapPlan& plan) {
        const auto& stages = plan.stages();
        const Parameters& parameters = stages.parameters;
        const std::size_t eval_mod_level = stages.eval_mod_level();
        // The trace and the transform multiply by N/2, adding the conjugate by 2.
        const double raised =
            static_cast<double>(parameters.q(0)) * static_cast<double>(parameters.n());
        coeffs_to_slots = encode(parameters, stages.coeffs_to_slots(), parameters.max_level(),
                                 raised, stages.eval_mod.input_scale(parameters, eval_mod_level));
        const std::size_t level = stages.slots_to_coeffs_level();
        eval_mod_output = static_cast<double>(parameters.q(level + 1));
        const double message =
            eval_mod_output * plan.largest_message() / static_cast<double>(parameters.q(0));
        slots_to_coeffs =
            encode(parameters, stages.slots_to_coeffs(), level, message, plan.output_scale());
    }
};

Bootstrapper::Bootstrapper(const BootstrapPlan& plan, const EvaluationKeys& keys)
    : plan_(plan), keys_(&keys) {
    require(keys.parameters() == plan.parameters(), ErrorCode::invalid_argument,
            "the keys were made under other parameters than the bootstrapping's plan: make them "
            "with plan.keys() and plan.parameters()");
    keys.check(plan.keys());
    matrices_ = std::make_unique<const Matrices>(plan);
    evaluator_ = std::make_unique<const Evaluator>(keys);
}

Bootstrapper::~Bootstrapper() = default;
Bootstrapper::Bootstrapper(Bootstrapper&&) noexcept = default;
Bootstrapper& Bootstrapper::operator=(Bootstrapper&&) noexcept = default;

std::size_t Bootstrapper::bytes() const noexcept {
    std::size_t sum = 0;
    for (const auto* matrices : {&matrices_->coeffs_to_slots, &matrices_->slots_to_coeffs}) {
        for (const EncodedMatrix& matrix : *matrices) {
            sum += matrix.bytes();
        }
    }
    return sum;
}

// The message at level 0, at the scale that EvalMod is made for or a little below.
Ciphertext Bootstrapper::prepare(const Ciphertext& a) const {
    require(a.size() == 2, ErrorCode::invalid_argument,
            "cannot bootstrap a ciphertext of {} parts: relinearise first", a.size());
    const double target = plan_.largest_message();
    if (a.level() > 0) {
        const double before = target * evaluator_->rescale_divisor(1);
        return evaluator_->rescale(evaluator_->multiply_scalar(a, 1.0, before, 1));
    }
    const double factor = std::floor(target / a.scale());
    require(factor >= 1, ErrorCode::scale_mismatch,
            "cannot bootstrap at scale 2^{:.2f} and level 0: at most 2^{:.2f} leaves room for the "
            "modular reduction; keep one more level or use a smaller scale",
            std::log2(a.scale()), std::log2(target));
    return evaluator_->multiply_scalar(a, 1.0, factor * a.scale(), 0);
}

// CoeffsToSlots: the coefficients as real slots, in one ciphertext where they fit, else in two. The
// conjugate is added before the last rescaling, which would otherwise round twice.
std::vector<Ciphertext> Bootstrapper::coefficients(Ciphertext x) const {
    const auto& matrices = matrices_->coeffs_to_slots;
    const Ring& ring = plan_.parameters().ring();
    for (std::size_t i = 0; i + 1 < matrices.size(); ++i) {
        x = matrices[i].apply(*keys_, x);
    }
    const double scale = x.scale() * matrices.back().scale();
    const SwitchingKey& key = keys_->get(KeyId::conjugation(), x.level());
    RaisedPair slots = matrices.back().apply_raised(*keys_, x);
    x = {};
    std::vector<Ciphertext> result;
    if (plan_.stages().side_by_side()) {
        result.push_back(lower(ring, add_automorphism(ring, std::move(slots), key), scale, true));
    } else {
        SumAndDifference both = add_and_subtract(ring, slots, key);
        result.push_back(lower(ring, std::move(both.sum), scale, true));
        result.push_back(evaluator_->negate(
            multiply_by_i(ring, lower(ring, std::move(both.difference), scale, true))));
    }
    return result;
}

// EvalMod; two ciphertexts become real and imaginary part of one.
Ciphertext Bootstrapper::reduce(const std::vector<Ciphertext>& coefficients) const {
    const EvalMod& eval_mod = plan_.stages().eval_mod;
    const double target = matrices_->eval_mod_output;
    Ciphertext reduced = eval_mod.evaluate(*evaluator_, coefficients[0], target);
    if (coefficients.size() == 2) {
        evaluator_->add_inplace(
            reduced, multiply_by_i(plan_.parameters().ring(),
                                   eval_mod.evaluate(*evaluator_, coefficients[1], target)));
    }
    return reduced;
}

Ciphertext Bootstrapper::bootstrap(const Ciphertext& a) const {
    const auto& stages = plan_.stages();
    const Parameters& parameters = plan_.parameters();
    const auto q0 = static_cast<double>(parameters.q(0));
    const Ciphertext low = prepare(a);
    const double message_scale = low.scale();

    // From here on the message is x = (m + q_0 I) / q_0, and its scale q_0.
    Ciphertext x = mod_raise(*keys_, low, parameters.max_level()).with_factor(message_scale / q0);
    for (const auto& family : stages.trace()) {
        const auto terms = static_cast<double>(family.size() + 1);
        x = evaluator_->add_automorphisms(x, family).with_factor(1 / terms);
    }
    x = std::move(x).with_factor(1 / (2.0 * static_cast<double>(plan_.slots())));
    x = reduce(coefficients(std::move(x))).with_factor(q0 / message_scale);
    for (std::size_t i = 0; i < matrices_->slots_to_coeffs.size(); ++i) {
        x = matrices_->slots_to_coeffs[i].apply(*keys_, x);
        if (i == 0 && stages.side_by_side()) {
            const KeyId halves{static_cast<std::uint32_t>(plan_.slots())};
            x = evaluator_->add_automorphisms(x, {&halves, 1});
        }
    }
    return x;
}

std::pair<Ciphertext, Ciphertext> Bootstrapper::bootstrap_pair(const Ciphertext& a,
                                                               const Ciphertext& b) const {
    const Ring& ring = plan_.parameters().ring();
    return split_pair(*evaluator_, bootstrap(evaluator_->add(a, multiply_by_i(ring, b))));
}

}  // namespace cipherfit
