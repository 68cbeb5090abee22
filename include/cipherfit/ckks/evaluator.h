// Operations on ciphertexts. Needs evaluation keys, never a secret.
//
// Costs are given in levels and in key switches (KS). Where operands lie at different levels, the
// higher one is read at the lower level, which is exact and free; operands of different scales are
// refused. Every operation throws Error with the operation's name and values: scale_mismatch,
// level_exhausted, missing_key, invalid_argument.
#pragma once

#include "cipherfit/ckks/ciphertext.h"
#include "cipherfit/ckks/encoder.h"
#include "cipherfit/rlwe/evaluation_keys.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace cipherfit {

struct Decomposition;
struct KeySwitch;

// One term a * b of a sum of products; the ciphertexts must outlive the call.
struct Product {
    const Ciphertext* a = nullptr;
    const Ciphertext* b = nullptr;
};

// One term factor * a of a linear combination; the ciphertext must outlive the call.
struct ScaledTerm {
    const Ciphertext* a = nullptr;
    double factor = 0;
};

// A ciphertext whose digits were raised once, ready for many rotations. Refers to its source.
class HoistedCiphertext {
  public:
    ~HoistedCiphertext();
    HoistedCiphertext(HoistedCiphertext&&) noexcept;
    HoistedCiphertext& operator=(HoistedCiphertext&&) noexcept;

  private:
    friend class Evaluator;
    HoistedCiphertext(const Ciphertext& source, std::unique_ptr<Decomposition> digits);
    const Ciphertext* source_;
    std::unique_ptr<Decomposition> digits_;
};

class Evaluator {
  public:
    // The keys must outlive the evaluator.
    explicit Evaluator(const EvaluationKeys& keys);
    const Parameters& parameters() const noexcept { return keys_.parameters(); }
    const Encoder& encoder() const noexcept { return encoder_; }

    // What rescaling at that level divides the scale by: the prime q_level.
    double rescale_divisor(std::size_t level) const;

    // --- Without key switches (evaluator_arithmetic.cpp) ---
    Ciphertext add(const Ciphertext& a, const Ciphertext& b) const;
    Ciphertext subtract(const Ciphertext& a, const Ciphertext& b) const;
    Ciphertext negate(const Ciphertext& a) const;
    // a += b; a takes the lower of the two levels.
    void add_inplace(Ciphertext& a, const Ciphertext& b) const;
    Ciphertext add_plain(const Ciphertext& a, const Plaintext& b) const;
    // value added to every slot; rounded to a multiple of 1/scale.
    Ciphertext add_scalar(const Ciphertext& a, double value) const;
    // Scale: the product of the two. Rescale afterwards.
    Ciphertext multiply_plain(const Ciphertext& a, const Plaintext& b) const;
    // factor * a at exactly the asked scale and at `level` (at most a's): multiplies by the integer
    // round(factor * scale / a.scale). Refused where that rounding is an error of more than 2^-20
    // of max(1, |factor|) times the message. No level.
    Ciphertext multiply_scalar(const Ciphertext& a, double factor, double scale,
                               std::size_t level) const;
    // sum_k factor_k a_k + constant at exactly that scale and level, as multiply_scalar() and
    // add_scalar() would make it, in one pass. Terms have 2 parts, any scale, and at least that
    // level. Integer factors round to, and are refused, as in multiply_scalar(). No level.
    Ciphertext combination(std::span<const ScaledTerm> terms, double constant, double scale,
                           std::size_t level) const;
    // a += sum_k factor_k a_k + constant, at the scale and level of `a`, which may have 3 parts.
    void add_combination_inplace(Ciphertext& a, std::span<const ScaledTerm> terms,
                                 double constant) const;
    // The same message with fewer limbs.
    Ciphertext drop_to_level(const Ciphertext& a, std::size_t level) const;
    // Divides by q_level and drops it: one level, scale / q_level. The rounding adds an error of
    // standard deviation sqrt((N/12) (1 + 2N/3)) / scale' a slot (rounding of c_0 and of c_1 s).
    Ciphertext rescale(const Ciphertext& a) const;

    // --- Products (evaluator_products.cpp): size 3, to be relinearised once for the whole sum ---
    Ciphertext multiply(const Ciphertext& a, const Ciphertext& b) const;
    // sum_k a_k b_k at the lowest level among the operands; all products must have one scale.
    Ciphertext sum_of_products(std::span<const Product> products) const;

    // --- With key switches (evaluator_key_switching.cpp) ---
    // Size 3 to size 2: 1 KS.
    Ciphertext relinearize(const Ciphertext& a) const;
    // The same and rescale, with one rounding instead of two: 1 KS, one level.
    Ciphertext relinearize_rescale(const Ciphertext& a) const;
    // Slot j takes the value of slot j + steps (cyclic; steps of either sign): 1 KS.
    Ciphertext rotate(const Ciphertext& a, std::int64_t steps) const;
    // A family of rotations of one ciphertext: the decomposition once, then rotate() each. The
    // results are bit for bit those of rotate().
    HoistedCiphertext hoist(const Ciphertext& a) const;
    Ciphertext rotate(const HoistedCiphertext& a, std::int64_t steps) const;
    // The sum of a's rotations by `steps` (at least one; 0 is a itself): one decomposition, one
    // inner product a step that is not 0, one ModDown and one rounding (double hoisting).
    Ciphertext sum_of_rotations(const Ciphertext& a, std::span<const std::int64_t> steps) const;
    // The complex conjugate of every slot. Needs the key of conjugation. 1 KS.
    Ciphertext conjugate(const Ciphertext& a) const;
    // a and its images under the automorphisms of these keys (rotations and conjugation), added up
    // as in sum_of_rotations().
    Ciphertext add_automorphisms(const Ciphertext& a, std::span<const KeyId> ids) const;

  private:
    Ciphertext combine(const Ciphertext& a, const Ciphertext& b, bool subtract) const;
    Ciphertext switch_degree_two(const Ciphertext& a, bool rescale) const;
    Ciphertext switch_once(const Ciphertext& a, const KeySwitch& request) const;
    Ciphertext switch_and_sum(const Ciphertext& a, std::span<const KeySwitch> requests) const;

    const EvaluationKeys& keys_;
    Encoder encoder_;
};

}  // namespace cipherfit
