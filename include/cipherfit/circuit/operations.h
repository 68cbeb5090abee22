// The operations that a computation on ciphertexts is written in. A product, a sigmoid or an
// iteration of training is written once, against this interface, and interpreted in several ways:
//
//   EvaluatorOperations   executes it (evaluator_operations.h)
//   SymbolicOperations    follows levels, scales and parts only (symbolic_operations.h)
//   Recorder              writes what another interpreter does onto a tape (recorder.h)
//
// Keys, operation counts and memory are then read from the tape (folds.h), not derived by hand.
//
// Levels, scales, errors and costs of an operation are those of Evaluator (ckks/evaluator.h). A
// handle that is passed by reference must stay where it is during the call.
#pragma once

#include "cipherfit/circuit/handle.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <utility>

namespace cipherfit {

// One term a * b of a sum of products.
struct HandleProduct {
    const Handle* a = nullptr;
    const Handle* b = nullptr;
};

class Operations {
  public:
    Operations() = default;
    Operations(const Operations&) = delete;
    Operations& operator=(const Operations&) = delete;
    virtual ~Operations() = default;

    // What rescaling at that level divides the scale by: the prime q_level.
    virtual double rescale_divisor(std::size_t level) const = 0;

    // --- Without key switches ---
    virtual Handle copy(const Handle& a) = 0;
    // The same message with fewer limbs.
    virtual Handle drop_to_level(const Handle& a, std::size_t level) = 0;
    // The same ciphertext read as `factor` times the message: the scale is divided by the factor.
    virtual Handle reinterpret(Handle a, double factor) = 0;
    virtual Handle add(const Handle& a, const Handle& b) = 0;
    virtual Handle subtract(const Handle& a, const Handle& b) = 0;
    // a += b; a takes the lower of the two levels.
    virtual void add_inplace(Handle& a, const Handle& b) = 0;
    virtual Handle add_scalar(const Handle& a, double value) = 0;
    // factor * a at exactly the asked scale, and at `level`, by an integer factor.
    virtual Handle multiply_scalar(const Handle& a, double factor, double scale,
                                   std::size_t level) = 0;
    // Slot j holds values[j].
    virtual MaskHandle encode(std::span<const double> values, std::size_t level, double scale) = 0;
    // Scale: the product of the two. Rescale afterwards.
    virtual Handle multiply_mask(const Handle& a, const MaskHandle& mask) = 0;
    // X^power times the polynomial, 0 <= power < 2N: exact, at no level. Power N/2 is i times every
    // slot.
    virtual Handle multiply_by_power(const Handle& a, std::size_t power) = 0;
    // Divides by q_level and drops it.
    virtual Handle rescale(const Handle& a) = 0;

    // --- Products: 3 parts, to be relinearised once for the whole sum ---
    virtual Handle sum_of_products(std::span<const HandleProduct> products) = 0;
    Handle multiply(const Handle& a, const Handle& b) {
        const std::array<HandleProduct, 1> product{HandleProduct{&a, &b}};
        return sum_of_products(product);
    }

    // --- With key switches ---
    virtual Handle relinearize(const Handle& a) = 0;
    // The same and rescale, with one rounding instead of two.
    virtual Handle relinearize_rescale(const Handle& a) = 0;
    // Slot j takes the value of slot j + steps.
    virtual Handle rotate(const Handle& a, std::int64_t steps) = 0;
    // The complex conjugate of every slot.
    virtual Handle conjugate(const Handle& a) = 0;
    virtual HoistedHandle hoist(const Handle& a) = 0;
    virtual Handle rotate(const HoistedHandle& a, std::int64_t steps) = 0;
    virtual Handle sum_of_rotations(const Handle& a, std::span<const std::int64_t> steps) = 0;

    // --- Bootstrapping: one operation, with keys, work and memory of its own ---
    virtual Handle bootstrap(const Handle& a) = 0;
    // Two real vectors of one scale in one bootstrapping.
    virtual std::pair<Handle, Handle> bootstrap_pair(const Handle& a, const Handle& b) = 0;

    // The part of the computation that begins here. No effect on values.
    virtual void phase(std::string_view /*name*/) {}
};

}  // namespace cipherfit
