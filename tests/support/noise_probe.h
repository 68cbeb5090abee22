// Executes a circuit of several owners' training with the noise of one kind of operation alone.
//
// A ciphertext (m, 0) has no noise to give: key switches of zero are exact, and a rescaling rounds
// m alone. So all ciphertexts here are kept in that form, by decryption after every operation. An
// operation that is probed gets its operand as (m - a s, a) with a uniform a, which decrypts to m
// exactly and makes the operation's noise what it is in a run.
#pragma once

#include "cipherfit/circuit/evaluator_operations.h"
#include "rlwe/multiparty/parties.h"

#include <deque>
#include <random>
#include <string_view>
#include <utility>
#include <vector>

namespace cipherfit::test {

class NoiseProbe final : public Operations {
  public:
    enum class Kind { nothing, unpacking, turns, rescaling };

    NoiseProbe(const Evaluator& evaluator, const Parameters& parameters, const Integers& secret,
               Kind kind, std::uint64_t seed)
        : inner_(evaluator), ring_(parameters.ring()), kind_(kind), generator_(seed) {
        for (std::size_t i = 0; i <= parameters.max_level(); ++i) {
            secret_.push_back(to_limb(ring_, i, secret));
        }
    }

    // The message of a ciphertext of 2 or 3 parts, as (m, 0).
    Ciphertext decrypted(const Ciphertext& a) const {
        std::vector<RnsPoly> parts;
        parts.push_back(a.part(0).copy());
        for (std::size_t limb = 0; limb <= a.level(); ++limb) {
            const Modulus& q = ring_.modulus(limb);
            RnsPoly factor(ring_.n(), 1, true);
            std::copy_n(secret_[limb].limb(0), ring_.n(), factor.limb(0));
            for (std::size_t part = 1; part < a.size(); ++part) {
                add_product(parts[0].limb(limb), a.part(part).limb(limb), factor.limb(0), q, false);
                kernels().multiply(factor.limb(0), factor.limb(0), secret_[limb].limb(0), ring_.n(),
                                   q);
            }
        }
        parts.emplace_back(ring_.n(), a.level() + 1, true);
        return {std::move(parts), a.info()};
    }

    double rescale_divisor(std::size_t level) const override {
        return inner_.rescale_divisor(level);
    }
    Handle copy(const Handle& a) override { return inner_.copy(a); }
    Handle drop_to_level(const Handle& a, std::size_t level) override {
        return inner_.drop_to_level(a, level);
    }
    Handle reinterpret(Handle a, double factor) override {
        return inner_.reinterpret(std::move(a), factor);
    }
    Handle add(const Handle& a, const Handle& b) override { return inner_.add(a, b); }
    Handle subtract(const Handle& a, const Handle& b) override { return inner_.subtract(a, b); }
    void add_inplace(Handle& a, const Handle& b) override { inner_.add_inplace(a, b); }
    Handle add_scalar(const Handle& a, double value) override {
        return inner_.add_scalar(a, value);
    }
    Handle multiply_scalar(const Handle& a, double factor, double scale,
                           std::size_t level) override {
        return inner_.multiply_scalar(a, factor, scale, level);
    }
    MaskHandle encode(std::span<const double> values, std::size_t level, double scale) override {
        return inner_.encode(values, level, scale);
    }
    Handle multiply_mask(const Handle& a, const MaskHandle& mask) override {
        return inner_.multiply_mask(a, mask);
    }
    Handle multiply_by_power(const Handle& a, std::size_t power) override {
        return inner_.multiply_by_power(a, power);
    }
    Handle sum_of_products(std::span<const HandleProduct> products) override {
        return inner_.sum_of_products(products);
    }
    Handle rescale(const Handle& a) override {
        return clean(inner_.rescale(hidden(a, kind_ == Kind::rescaling)));
    }
    Handle relinearize(const Handle& a) override {
        return clean(inner_.relinearize(hidden(a, switches())));
    }
    Handle relinearize_rescale(const Handle& a) override { return rescale(relinearize(a)); }
    Handle rotate(const Handle& a, std::int64_t steps) override {
        return clean(inner_.rotate(hidden(a, switches()), steps));
    }
    Handle conjugate(const Handle& a) override {
        return clean(inner_.conjugate(hidden(a, switches())));
    }
    HoistedHandle hoist(const Handle& a) override {
        hoisted_.push_back(hidden(a, switches()));
        return inner_.hoist(hoisted_.back());
    }
    Handle rotate(const HoistedHandle& a, std::int64_t steps) override {
        return clean(inner_.rotate(a, steps));
    }
    Handle sum_of_rotations(const Handle& a, std::span<const std::int64_t> steps) override {
        return clean(inner_.sum_of_rotations(hidden(a, switches()), steps));
    }
    Handle bootstrap(const Handle& a) override { return inner_.bootstrap(a); }
    std::pair<Handle, Handle> bootstrap_pair(const Handle& a, const Handle& b) override {
        return inner_.bootstrap_pair(a, b);
    }
    void phase(std::string_view name) override { unpacks_ = name == "unpack"; }

  private:
    bool switches() const { return kind_ == (unpacks_ ? Kind::unpacking : Kind::turns); }
    Handle clean(const Handle& a) const { return decrypted(a.ciphertext()); }

    void add_product(std::uint64_t* sum, const std::uint64_t* a, const std::uint64_t* b,
                     const Modulus& q, bool negative) const {
        RnsPoly product(ring_.n(), 1, true);
        kernels().multiply(product.limb(0), a, b, ring_.n(), q);
        (negative ? kernels().subtract : kernels().add)(sum, sum, product.limb(0), ring_.n(), q);
    }

    // The same message under uniform parts, as many as there were.
    Handle hidden(const Handle& a, bool really) {
        const Ciphertext& message = a.ciphertext();
        if (!really) {
            return message.copy();
        }
        std::vector<RnsPoly> parts;
        parts.push_back(message.part(0).copy());
        for (std::size_t part = 1; part < message.size(); ++part) {
            parts.emplace_back(ring_.n(), message.level() + 1, true);
        }
        for (std::size_t limb = 0; limb <= message.level(); ++limb) {
            const Modulus& q = ring_.modulus(limb);
            RnsPoly factor(ring_.n(), 1, true);
            std::copy_n(secret_[limb].limb(0), ring_.n(), factor.limb(0));
            for (std::size_t part = 1; part < message.size(); ++part) {
                std::uniform_int_distribution<std::uint64_t> residue(0,
                                                                     ring_.modulus(limb).value - 1);
                std::generate_n(parts[part].limb(limb), ring_.n(),
                                [&] { return residue(generator_); });
                add_product(parts[0].limb(limb), parts[part].limb(limb), factor.limb(0), q, true);
                kernels().multiply(factor.limb(0), factor.limb(0), secret_[limb].limb(0), ring_.n(),
                                   q);
            }
        }
        return Ciphertext(std::move(parts), message.info());
    }

    EvaluatorOperations inner_;
    const Ring& ring_;
    Kind kind_;
    bool unpacks_ = false;
    std::vector<RnsPoly> secret_;  // NTT values, a limb each
    std::deque<Handle> hoisted_;   // hoisted handles refer to these
    std::mt19937_64 generator_;
};

}  // namespace cipherfit::test
