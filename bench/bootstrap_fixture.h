// Keys and a message for bootstrapping at full size.
#pragma once

#include "cipherfit/ckks/bootstrap.h"
#include "cipherfit/ckks/owner/encryptor.h"
#include "cipherfit/ckks/precision.h"

#include <complex>
#include <cstdint>
#include <random>
#include <vector>

namespace cipherfit::bench {

class BootstrapFixture {
  public:
    explicit BootstrapFixture(const BootstrapLiteral& literal);

    const Bootstrapper& bootstrapper() const noexcept { return bootstrapper_; }
    const EvaluationKeys& keys() const noexcept { return keys_; }
    std::size_t key_bytes() const;

    // A new random message, uniform in the square [-1, 1]^2 / sqrt(2) of every slot, encrypted at
    // level 1 and the scale of the levels.
    void draw();
    const Ciphertext& input() const noexcept { return input_; }
    PrecisionStats precision_of(const Ciphertext& result) const;

  private:
    BootstrapPlan plan_;
    SecretKey secret_;
    EvaluationKeys keys_;
    Bootstrapper bootstrapper_;
    std::mt19937_64 random_{1};
    std::vector<std::complex<double>> message_;
    Ciphertext input_;
};

// The largest memory that this process has had so far, in bytes.
std::size_t peak_memory_bytes();

}  // namespace cipherfit::bench
