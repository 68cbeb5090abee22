#include "math/special_fft.h"

#include "cipherfit/base/error.h"
#include "math/tables.h"

#include <cmath>
#include <numbers>
#include <random>

#include <gtest/gtest.h>

namespace cipherfit {
namespace {

using Complex = std::complex<double>;
using Vector = std::vector<Complex>;

Vector random_vector(std::size_t n, unsigned seed) {
    std::mt19937_64 random(seed);
    std::uniform_real_distribution<double> uniform(-1, 1);
    Vector values(n);
    for (Complex& value : values) {
        value = {uniform(random), uniform(random)};
    }
    return values;
}

double norm(const Vector& values) {
    double sum = 0;
    for (const Complex& value : values) {
        sum += std::norm(value);
    }
    return std::sqrt(sum);
}

double distance(const Vector& a, const Vector& b) {
    Vector difference(a.size());
    for (std::size_t i = 0; i < a.size(); ++i) {
        difference[i] = a[i] - b[i];
    }
    return norm(difference);
}

// Relative error in the 2-norm of log2(n) butterfly stages (Higham, Accuracy and Stability of
// Numerical Algorithms, 2nd edition, theorem 24.2): eta / (1 - eta) a stage with
// eta = mu + gamma_4 (sqrt(2) + mu), where mu <= u bounds the error of the weights (each part is
// rounded once) and gamma_4 = 4u / (1 - 4u).
double relative_bound(std::size_t n) {
    const double u = std::numeric_limits<double>::epsilon() / 2;
    const double mu = u;
    const double eta = mu + 4 * u / (1 - 4 * u) * (std::numbers::sqrt2 + mu);
    const double stages = std::log2(static_cast<double>(n));
    return stages * eta / (1 - stages * eta);
}

// The slots from the definition, in extended precision: sum_k c_k zeta^(5^j k) over all N real
// coefficients.
Vector direct_slots(const Vector& values) {
    const std::size_t half = values.size();
    const std::size_t order = 4 * half;
    std::vector<std::complex<long double>> powers(order);
    for (std::size_t k = 0; k < order; ++k) {
        const long double angle = 2 * std::numbers::pi_v<long double> *
                                  static_cast<long double>(k) / static_cast<long double>(order);
        powers[k] = {std::cos(angle), std::sin(angle)};
    }
    Vector slots(half);
    std::size_t exponent = 1;
    for (Complex& slot : slots) {
        std::complex<long double> sum = 0;
        for (std::size_t k = 0; k < half; ++k) {
            sum += static_cast<long double>(values[k].real()) * powers[exponent * k % order];
            sum +=
                static_cast<long double>(values[k].imag()) * powers[exponent * (k + half) % order];
        }
        slot = {static_cast<double>(sum.real()), static_cast<double>(sum.imag())};
        exponent = exponent * 5 % order;
    }
    return slots;
}

TEST(SpecialFft, gives_the_values_at_the_powers_of_five) {
    for (unsigned log_n = 2; log_n <= 12; ++log_n) {
        const SpecialFft fft = SpecialFft::create(log_n);
        const std::size_t n = fft.slots();
        ASSERT_EQ(n, std::size_t{1} << (log_n - 1));
        const Vector input = random_vector(n, log_n);
        const Vector expected = direct_slots(input);
        Vector slots = input;
        fft.to_slots(slots);
        // One more rounding for the reference.
        const double bound = relative_bound(n) + std::numeric_limits<double>::epsilon();
        EXPECT_LE(distance(slots, expected), bound * norm(expected)) << log_n;
        fft.to_coefficients(slots);
        EXPECT_LE(distance(slots, input), 2.5 * bound * norm(input)) << log_n;
    }
}

TEST(SpecialFft, inverts_itself_in_large_rings) {
    for (unsigned log_n = 13; log_n <= 17; ++log_n) {
        const SpecialFft fft = SpecialFft::create(log_n);
        const Vector input = random_vector(fft.slots(), log_n);
        Vector values = input;
        fft.to_slots(values);
        // The transform is sqrt(N/2) times a unitary map.
        const double gain = std::sqrt(static_cast<double>(fft.slots()));
        const double bound = relative_bound(fft.slots());
        EXPECT_NEAR(norm(values), gain * norm(input), 2 * bound * gain * norm(input));
        fft.to_coefficients(values);
        EXPECT_LE(distance(values, input), 2.5 * bound * norm(input)) << log_n;
    }
}

TEST(SpecialFft, the_automorphism_of_five_rotates_to_the_left) {
    const unsigned log_n = 8;
    const std::size_t n = std::size_t{1} << log_n;
    const SpecialFft fft = SpecialFft::create(log_n);
    const Vector input = random_vector(n / 2, 3);
    std::vector<double> coefficients(n);
    std::vector<double> moved(n);
    for (std::size_t k = 0; k < n / 2; ++k) {
        coefficients[k] = input[k].real();
        coefficients[k + n / 2] = input[k].imag();
    }
    for (std::size_t k = 0; k < n; ++k) {  // X^k -> X^5k, with X^n = -1
        const std::size_t exponent = 5 * k % (2 * n);
        moved[exponent % n] = exponent < n ? coefficients[k] : -coefficients[k];
    }
    Vector rotated(n / 2);
    for (std::size_t k = 0; k < n / 2; ++k) {
        rotated[k] = {moved[k], moved[k + n / 2]};
    }
    Vector slots = input;
    fft.to_slots(slots);
    fft.to_slots(rotated);
    Vector expected(n / 2);
    for (std::size_t j = 0; j < n / 2; ++j) {
        expected[j] = slots[(j + 1) % (n / 2)];
    }
    EXPECT_LE(distance(rotated, expected), 2 * relative_bound(n / 2) * norm(expected));
}

TEST(SpecialFft, rejects_other_degrees_and_lengths) {
    EXPECT_THROW(SpecialFft::create(1), Error);
    EXPECT_THROW(SpecialFft::create(18), Error);
    EXPECT_THROW(SpecialFft::shared(1), Error);
    EXPECT_THROW(SpecialFft::shared(18), Error);
    EXPECT_EQ(&SpecialFft::shared(5), &SpecialFft::shared(5));
    EXPECT_EQ(SpecialFft::shared(5).slots(), 16U);
    const SpecialFft fft = SpecialFft::create(5);
    Vector values(15);
    EXPECT_THROW(fft.to_slots(values), Error);
    EXPECT_THROW(fft.to_coefficients(values), Error);
}

class FftKernel : public test::EveryTable {};

// Every instruction set gives the portable kernel's bits, whatever the sizes of the blocks.
TEST_P(FftKernel, GivesThePortableBits) {
    const KernelTable& portable = *supported_kernels().back();
    const SpecialFft fft = SpecialFft::create(9);
    const Vector twiddles = [&] {
        Vector all(1);
        for (std::size_t half = 1; half < fft.slots(); half *= 2) {
            const auto stage = fft.stage(half);
            all.insert(all.end(), stage.begin(), stage.end());
        }
        return all;
    }();
    for (const bool joining : {true, false}) {
        for (std::size_t h = 1; 4 * h <= fft.slots(); h *= 2) {
            for (std::size_t count = 4 * h; count <= fft.slots(); count *= 2) {
                Vector ours = random_vector(count, static_cast<unsigned>(h));
                Vector theirs = ours;
                const auto* factors = reinterpret_cast<const double*>(twiddles.data());
                table().fft_two_stages(reinterpret_cast<double*>(ours.data()), count, factors, h,
                                       joining);
                portable.fft_two_stages(reinterpret_cast<double*>(theirs.data()), count, factors, h,
                                        joining);
                EXPECT_EQ(ours, theirs) << "h " << h << ", " << count << " values";
            }
        }
    }
}
CIPHERFIT_FOR_EVERY_TABLE(FftKernel);

}  // namespace
}  // namespace cipherfit
