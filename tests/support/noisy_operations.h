// A circuit on numbers in the clear, twice: exactly, and with the error of every operation drawn
// where it is made. The slow reference of the bounds on models' errors, which know the solvers'
// formulas; this knows single operations alone.
//
// An error is drawn for each slot, with real and imaginary part of the deviation that
// train/operation_noise.h states: rounding after a rescaling or a division by P, and the keys'
// errors times the digits. Bootstrapping is not followed.
#pragma once

#include "cipherfit/base/error.h"
#include "cipherfit/circuit/operations.h"
#include "cipherfit/circuit/symbolic_operations.h"
#include "cipherfit/train/operation_noise.h"

#include <algorithm>
#include <cmath>
#include <complex>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <numbers>
#include <random>
#include <span>
#include <utility>
#include <vector>

namespace cipherfit::test {

class NoisyOperations final : public Operations {
  public:
    using Slots = std::vector<std::complex<double>>;
    struct Values final : HandleNote {
        Slots exact, noisy;
    };

    NoisyOperations(const Parameters& parameters, std::uint64_t seed)
        : parameters_(parameters), inner_(parameters), engine_(seed) {}

    // A fresh encryption of real slots.
    Handle input(const std::vector<double>& slots, std::size_t level, double scale) {
        auto values = std::make_unique<Values>();
        values->exact.assign(slots.begin(), slots.end());
        values->noisy = values->exact;
        add_error(values->noisy, fresh_error(parameters_, scale));
        Handle handle = Handle::symbolic({level, scale}, 2);
        handle.set_note(std::move(values));
        return handle;
    }
    static const Values& values(const Handle& a) { return dynamic_cast<const Values&>(*a.note()); }

    double rescale_divisor(std::size_t level) const override {
        return inner_.rescale_divisor(level);
    }
    Handle copy(const Handle& a) override { return like(a, inner_.copy(a)); }
    Handle drop_to_level(const Handle& a, std::size_t level) override {
        return like(a, inner_.drop_to_level(a, level));
    }
    Handle reinterpret(Handle a, double factor) override {
        auto scaled = map(a, [&](auto x) { return factor * x; });
        return with(inner_.reinterpret(std::move(a), factor), std::move(scaled));
    }
    Handle add(const Handle& a, const Handle& b) override {
        return with(inner_.add(a, b), combine(a, b, [](auto x, auto y) { return x + y; }));
    }
    Handle subtract(const Handle& a, const Handle& b) override {
        return with(inner_.subtract(a, b), combine(a, b, [](auto x, auto y) { return x - y; }));
    }
    void add_inplace(Handle& a, const Handle& b) override {
        auto sum = combine(a, b, [](auto x, auto y) { return x + y; });
        inner_.add_inplace(a, b);
        a.set_note(std::move(sum));
    }
    Handle add_scalar(const Handle& a, double value) override {
        return with(inner_.add_scalar(a, value), map(a, [&](auto x) { return x + value; }));
    }
    // By an integer, which stands for nearly the factor.
    Handle multiply_scalar(const Handle& a, double factor, double scale,
                           std::size_t level) override {
        const double integer = std::nearbyint(factor * (scale / a.scale()));
        auto product = std::make_unique<Values>();
        apply(values(a).exact, product->exact, [&](auto x) { return factor * x; });
        apply(values(a).noisy, product->noisy,
              [&](auto x) { return integer * (a.scale() / scale) * x; });
        return with(inner_.multiply_scalar(a, factor, scale, level), std::move(product));
    }
    MaskHandle encode(std::span<const double> slots, std::size_t level, double scale) override {
        auto values = std::make_unique<Values>();
        values->exact.assign(slots.begin(), slots.end());
        values->exact.resize(parameters_.slots());
        values->noisy = values->exact;
        // Coefficients are rounded to integers.
        add_error(values->noisy, std::sqrt(static_cast<double>(parameters_.n()) / 24) / scale);
        MaskHandle mask = inner_.encode(slots, level, scale);
        mask.set_note(std::move(values));
        return mask;
    }
    Handle multiply_mask(const Handle& a, const MaskHandle& mask) override {
        const auto& factor = dynamic_cast<const Values&>(*mask.note());
        auto product = std::make_unique<Values>();
        apply(values(a).exact, factor.exact, product->exact, [](auto x, auto y) { return x * y; });
        apply(values(a).noisy, factor.noisy, product->noisy, [](auto x, auto y) { return x * y; });
        return with(inner_.multiply_mask(a, mask), std::move(product));
    }
    Handle multiply_by_power(const Handle& /*a*/, std::size_t /*power*/) override {
        throw Error(ErrorCode::internal, "bootstrapping is not followed");
    }
    Handle rescale(const Handle& a) override {
        Handle result = like(a, inner_.rescale(a));
        return disturbed(std::move(result), rounding_error(parameters_, result.scale()));
    }

    Handle sum_of_products(std::span<const HandleProduct> products) override {
        auto sum = std::make_unique<Values>();
        sum->exact.resize(parameters_.slots());
        sum->noisy.resize(parameters_.slots());
        for (const HandleProduct& product : products) {
            const Values& a = values(*product.a);
            const Values& b = values(*product.b);
            for (std::size_t j = 0; j < sum->exact.size(); ++j) {
                sum->exact[j] += a.exact[j] * b.exact[j];
                sum->noisy[j] += a.noisy[j] * b.noisy[j];
            }
        }
        return with(inner_.sum_of_products(products), std::move(sum));
    }

    Handle relinearize(const Handle& a) override {
        return switched(like(a, inner_.relinearize(a)));
    }
    // One rounding, at the new scale; the keys' errors are made at the old one.
    Handle relinearize_rescale(const Handle& a) override {
        Handle result = like(a, inner_.relinearize_rescale(a));
        const double rounding = rounding_error(parameters_, result.scale());
        return disturbed(std::move(result), std::hypot(rounding, key_error(a.scale())));
    }
    Handle rotate(const Handle& a, std::int64_t steps) override {
        return is_whole_turn(steps)
                   ? like(a, inner_.rotate(a, steps))
                   : switched(with(inner_.rotate(a, steps), rotated(values(a), steps)));
    }
    Handle conjugate(const Handle& a) override {
        return switched(with(inner_.conjugate(a), map(a, [](auto x) { return std::conj(x); })));
    }
    HoistedHandle hoist(const Handle& a) override { return inner_.hoist(a); }
    Handle rotate(const HoistedHandle& a, std::int64_t steps) override {
        return rotate(a.source(), steps);
    }
    // One rounding for all; each switch has errors of its keys.
    Handle sum_of_rotations(const Handle& a, std::span<const std::int64_t> steps) override {
        auto sum = std::make_unique<Values>();
        sum->exact.resize(parameters_.slots());
        sum->noisy.resize(parameters_.slots());
        std::size_t switches = 0;
        for (const std::int64_t step : steps) {
            const auto term = rotated(values(a), step);
            switches += is_whole_turn(step) ? 0 : 1;
            for (std::size_t j = 0; j < sum->exact.size(); ++j) {
                sum->exact[j] += term->exact[j];
                sum->noisy[j] += term->noisy[j];
            }
        }
        Handle result = with(inner_.sum_of_rotations(a, steps), std::move(sum));
        const double rounding = switches == 0 ? 0 : rounding_error(parameters_, result.scale());
        const double keys = std::sqrt(static_cast<double>(switches)) * key_error(result.scale());
        return disturbed(std::move(result), std::hypot(rounding, keys));
    }
    Handle bootstrap(const Handle& /*a*/) override {
        throw Error(ErrorCode::internal, "bootstrapping is not followed");
    }
    std::pair<Handle, Handle> bootstrap_pair(const Handle& a, const Handle& /*b*/) override {
        return {bootstrap(a), Handle()};
    }

  private:
    template <class F>
    static void apply(const Slots& a, Slots& out, const F& f) {
        out.resize(a.size());
        std::transform(a.begin(), a.end(), out.begin(), f);
    }
    template <class F>
    static void apply(const Slots& a, const Slots& b, Slots& out, const F& f) {
        out.resize(a.size());
        std::transform(a.begin(), a.end(), b.begin(), out.begin(), f);
    }
    template <class F>
    static std::unique_ptr<Values> map(const Handle& a, const F& f) {
        auto result = std::make_unique<Values>();
        apply(values(a).exact, result->exact, f);
        apply(values(a).noisy, result->noisy, f);
        return result;
    }
    template <class F>
    static std::unique_ptr<Values> combine(const Handle& a, const Handle& b, const F& f) {
        auto result = std::make_unique<Values>();
        apply(values(a).exact, values(b).exact, result->exact, f);
        apply(values(a).noisy, values(b).noisy, result->noisy, f);
        return result;
    }
    static Handle with(Handle handle, std::unique_ptr<Values> values) {
        handle.set_note(std::move(values));
        return handle;
    }
    static Handle like(const Handle& a, Handle handle) {
        return with(std::move(handle), map(a, [](auto x) { return x; }));
    }

    bool is_whole_turn(std::int64_t steps) const {
        return steps % static_cast<std::int64_t>(parameters_.slots()) == 0;
    }
    std::unique_ptr<Values> rotated(const Values& a, std::int64_t steps) const {
        const auto count = static_cast<std::int64_t>(parameters_.slots());
        const auto by = static_cast<std::ptrdiff_t>((steps % count + count) % count);
        auto result = std::make_unique<Values>();
        result->exact = a.exact;
        result->noisy = a.noisy;
        for (Slots* slots : {&result->exact, &result->noisy}) {
            std::rotate(slots->begin(), slots->begin() + by, slots->end());
        }
        return result;
    }

    // What a key switch has beside its rounding.
    double key_error(double scale) const {
        const double rounding = rounding_error(parameters_, scale);
        const double switching = switching_error(parameters_, scale);
        return std::sqrt(switching * switching - rounding * rounding);
    }
    Handle switched(Handle a) {
        return disturbed(std::move(a), switching_error(parameters_, a.scale()));
    }
    Handle disturbed(Handle a, double deviation) {
        add_error(dynamic_cast<Values&>(*a.note()).noisy, deviation);
        return a;
    }
    void add_error(Slots& slots, double deviation) {
        std::normal_distribution<double> normal(0, deviation);
        for (auto& slot : slots) {
            const double real = normal(engine_);
            slot += std::complex<double>(real, normal(engine_));
        }
    }

    Parameters parameters_;
    SymbolicOperations inner_;
    std::mt19937_64 engine_;
};

}  // namespace cipherfit::test
