// Bootstrapping: a ciphertext whose levels are used up becomes one of the same message with levels
// again, under encryption (Cheon, Han, Kim, Kim and Song, EUROCRYPT 2018;
// docs/design/bootstrapping.md).
//
//     level 0  --ModRaise-->  top   m + q_0 I, in the coefficients
//              --CoeffsToSlots-->   coefficients become slots
//              --EvalMod-->         I vanishes, slot by slot
//              --SlotsToCoeffs-->   `levels` are left
//
// With the notation of slots and scales in ckks/encoder.h; the message has 2^log_slots complex
// slots that repeat over all N/2.
#pragma once

#include "cipherfit/ckks/ciphertext.h"
#include "cipherfit/ckks/evaluator.h"
#include "cipherfit/rlwe/evaluation_keys.h"
#include "cipherfit/rlwe/parameters.h"

#include <algorithm>
#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

namespace cipherfit {

// What a bootstrapping is made for. The chain of primes that goes with it, from the last to remain:
//     q_0 (50 bits), `levels` of level_bits, slots_to_coeffs of slots_to_coeffs_bits, those of
//     EvalMod (50 bits each), coeffs_to_slots of coeffs_to_slots_bits.
struct BootstrapLiteral {
    unsigned log_n = 16;
    unsigned log_slots = 11;   // 1 to log_n - 1
    std::size_t levels = 10;   // left afterwards, at least 1
    unsigned level_bits = 40;  // 30 to 50
    // The result's scale is 2^result_bits, 24 to 50; 0: 2^level_bits.
    unsigned result_bits = 0;
    // Matrices and levels of each transform, 1 to log_slots.
    std::size_t coeffs_to_slots = 3;
    std::size_t slots_to_coeffs = 3;
    unsigned coeffs_to_slots_bits = 49;
    unsigned slots_to_coeffs_bits = 36;
    // log2 of q_0 over the largest coefficient of the message times its scale, 3 to 12, and the
    // degree of the arcsine, odd, 1 to 15. One bit more in the ratio is one bit less of precision
    // against EvalMod's rounding errors, but a smaller part of the sine for the arcsine to
    // straighten.
    unsigned ratio_bits = 4;
    std::size_t arcsine_degree = 7;
    unsigned digits = 3;  // dnum
    bool insecure_for_tests_only = false;
};

// Presets: the facts are in the names. N = 2^16, 128-bit security by the table (uniform ternary
// secret), the sparse secret of weight 32 under log2(q_0 p_0) = 100. No failure: |I| <= 16 holds
// for every ciphertext, and the fit of EvalMod covers that range (probability 0 of a wrap outside
// it). log2(QP), levels in all, special primes; precision and time are in docs/benchmarks.md.
//
// q = 50 + 10 x 40 + 3 x 36 + 11 x 50 + 3 x 49 bits, p = 9 x 50: log2(QP) = 1705.
constexpr BootstrapLiteral bootstrap_n16_levels10{.log_n = 16, .levels = 10};
// Two levels more and two bits of precision less, with a cubic arcsine:
// q = 50 + 12 x 40 + 3 x 36 + 10 x 50 + 3 x 49 bits, p = 9 x 50: log2(QP) = 1735.
constexpr BootstrapLiteral bootstrap_n16_levels12{
    .log_n = 16, .levels = 12, .ratio_bits = 6, .arcsine_degree = 3};

// A preset for another number of slots. So few that the stages do not suffice for the matrices
// leave a shorter chain.
constexpr BootstrapLiteral with_slots(BootstrapLiteral literal, unsigned log_slots) {
    literal.log_slots = log_slots;
    literal.coeffs_to_slots = std::min<std::size_t>(literal.coeffs_to_slots, log_slots);
    literal.slots_to_coeffs = std::min<std::size_t>(literal.slots_to_coeffs, log_slots);
    return literal;
}

// The chain above with the fewest special primes of 50 bits that cover the largest digit.
ParametersLiteral bootstrap_parameters(const BootstrapLiteral& literal);

// Everything that is known before keys exist: which levels and which keys. Cheap to copy.
class BootstrapPlan {
  public:
    // Throws Error(invalid_argument) for values out of range, with the values, and where the
    // parameters do not have exactly the levels of the literal's chain.
    static BootstrapPlan create(const Parameters& parameters, const BootstrapLiteral& literal);
    // With Parameters::create(bootstrap_parameters(literal)).
    static BootstrapPlan create(const BootstrapLiteral& literal);

    const Parameters& parameters() const noexcept;
    const BootstrapLiteral& literal() const noexcept;
    // Complex slots of the message, 2^log_slots.
    std::size_t slots() const noexcept;
    std::size_t levels() const noexcept;  // of the result
    std::size_t depth() const noexcept;   // levels that are consumed: max_level - levels
    // The scale of the result, 2^result_bits, where the input has a level to spare (bootstrap()).
    double output_scale() const noexcept;
    // q_0 / 2^ratio_bits: scale times largest coefficient that EvalMod is made for.
    double largest_message() const noexcept;
    // Every key that Bootstrapper needs, each at the highest level of its use.
    KeyRequest keys() const;

    // The matrices and polynomials; internal (src/ckks/bootstrap/stages.h).
    struct Stages;
    const Stages& stages() const noexcept { return *stages_; }

  private:
    explicit BootstrapPlan(std::shared_ptr<const Stages> stages) : stages_(std::move(stages)) {}
    std::shared_ptr<const Stages> stages_;
};

class Bootstrapper {
  public:
    // Encodes the matrices, each for the level of its use. The keys must outlive the bootstrapper.
    // Throws Error(missing_key) for the first key of plan.keys() that is not there, and
    // Error(invalid_argument) for keys of other parameters.
    Bootstrapper(const BootstrapPlan& plan, const EvaluationKeys& keys);
    ~Bootstrapper();
    Bootstrapper(Bootstrapper&&) noexcept;
    Bootstrapper& operator=(Bootstrapper&&) noexcept;

    const BootstrapPlan& plan() const noexcept { return plan_; }
    // Bytes of the encoded matrices.
    std::size_t bytes() const noexcept;

    // The same message at plan().levels(). The slots of `a` must repeat with plan().slots(): what
    // does not is averaged away. Every coefficient of the message must be at most 1 in size, which
    // holds where every slot is at most 1; larger messages go through with_factor() before and
    // after.
    //
    // At level 1 or above the message is brought to the scale largest_message() with one of those
    // levels, and the result has output_scale(). At level 0 it is multiplied by the largest integer
    // k that keeps the scale below that, and the scale of the result is smaller by the same
    // quotient; Error(scale_mismatch) where that integer would be 0. Throws Error(invalid_argument)
    // for 3 parts.
    Ciphertext bootstrap(const Ciphertext& a) const;

    // Two real vectors in one bootstrap: a + i b goes through it and is taken apart afterwards, for
    // one more key switch, at the lowest level. Both must have one scale, and real slots: an
    // imaginary part of one would go into the other.
    std::pair<Ciphertext, Ciphertext> bootstrap_pair(const Ciphertext& a,
                                                     const Ciphertext& b) const;

  private:
    struct Matrices;
    Ciphertext prepare(const Ciphertext& a) const;
    std::vector<Ciphertext> coefficients(Ciphertext x) const;
    Ciphertext reduce(const std::vector<Ciphertext>& coefficients) const;
    BootstrapPlan plan_;
    const EvaluationKeys* keys_;
    std::unique_ptr<const Matrices> matrices_;
    std::unique_ptr<const Evaluator> evaluator_;
};

}  // namespace cipherfit
