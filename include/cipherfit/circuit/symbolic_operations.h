// Follows a circuit without ciphertexts: results have the level, scale and parts that execution
// would give them. Levels are checked as in execution. Scales are followed, not compared, so that
// a circuit can be recorded on a chain whose primes are not known yet.
#pragma once

#include "cipherfit/circuit/operations.h"
#include "cipherfit/ckks/bootstrap.h"
#include "cipherfit/rlwe/parameters.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

namespace cipherfit {

// What a bootstrapping does to level and scale.
struct BootstrapShape {
    std::size_t levels = 0;      // of the result
    double output_scale = 0;     // of the result, see BootstrapPlan::output_scale()
    double largest_message = 0;  // see BootstrapPlan::largest_message()
};

class SymbolicOperations final : public Operations {
  public:
    // `primes`: q_0, q_1, ... exactly, or as powers of two near them.
    explicit SymbolicOperations(std::vector<double> primes,
                                std::optional<BootstrapShape> bootstrap = std::nullopt)
        : primes_(std::move(primes)), bootstrap_(bootstrap) {}
    explicit SymbolicOperations(const Parameters& parameters,
                                const BootstrapPlan* bootstrap = nullptr);

    double rescale_divisor(std::size_t level) const override;
    Handle copy(const Handle& a) override;
    Handle drop_to_level(const Handle& a, std::size_t level) override;
    Handle reinterpret(Handle a, double factor) override;
    Handle add(const Handle& a, const Handle& b) override;
    Handle subtract(const Handle& a, const Handle& b) override;
    void add_inplace(Handle& a, const Handle& b) override;
    Handle add_scalar(const Handle& a, double value) override;
    Handle multiply_scalar(const Handle& a, double factor, double scale,
                           std::size_t level) override;
    MaskHandle encode(std::span<const double> values, std::size_t level, double scale) override;
    Handle multiply_mask(const Handle& a, const MaskHandle& mask) override;
    Handle multiply_by_power(const Handle& a, std::size_t power) override;
    Handle rescale(const Handle& a) override;
    Handle sum_of_products(std::span<const HandleProduct> products) override;
    Handle relinearize(const Handle& a) override;
    Handle relinearize_rescale(const Handle& a) override;
    Handle rotate(const Handle& a, std::int64_t steps) override;
    Handle conjugate(const Handle& a) override;
    HoistedHandle hoist(const Handle& a) override;
    Handle rotate(const HoistedHandle& a, std::int64_t steps) override;
    Handle sum_of_rotations(const Handle& a, std::span<const std::int64_t> steps) override;
    Handle bootstrap(const Handle& a) override;
    std::pair<Handle, Handle> bootstrap_pair(const Handle& a, const Handle& b) override;

  private:
    std::vector<double> primes_;
    std::optional<BootstrapShape> bootstrap_;
};

}  // namespace cipherfit
