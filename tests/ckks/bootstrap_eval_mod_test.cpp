// The modular reduction: its fits in doubles, and its errors under encryption.
#include "cipherfit/ckks/bootstrap.h"
#include "ckks/bootstrap/eval_mod.h"
#include "ckks/bootstrap/mod_raise.h"
#include "ckks/bootstrap/stages.h"
#include "math/chebyshev.h"
#include "rlwe/ring.h"
#include "support/errors.h"
#include "support/owner.h"

#include <algorithm>
#include <cmath>
#include <complex>
#include <numbers>
#include <vector>

#include <gtest/gtest.h>

namespace cipherfit {
namespace {

using test::Owner;
using test::Random;
using test::Slots;

// The largest |f(I + m) - m| over |I| <= wraps and |m| <= 2^-ratio_bits.
double largest_error(const EvalMod& f, int wraps, unsigned ratio_bits) {
    double largest = 0;
    for (int wrap = -wraps; wrap <= wraps; ++wrap) {
        for (int i = -50; i <= 50; ++i) {
            const double m = std::exp2(-static_cast<double>(ratio_bits)) * i / 50.0;
            largest = std::max(largest, std::abs(f(wrap + m) - m));
        }
    }
    return largest;
}

// What is cut off the Chebyshev series of arcsin(s) / (2 pi) on |s| <= sin(2 pi 2^-ratio_bits),
// twice, as interpolation folds it back.
double arcsine_error(std::size_t degree, unsigned ratio_bits) {
    const double width =
        std::sin(2 * std::numbers::pi * std::exp2(-static_cast<double>(ratio_bits)));
    const auto series = chebyshev_coefficients(
        [](double s) { return std::asin(s) / (2 * std::numbers::pi); }, -width, width, 63);
    double sum = 0;
    for (std::size_t k = degree + 1; k < series.size(); ++k) {
        sum += 2 * std::abs(series[k]);
    }
    return sum;
}

TEST(EvalMod, RemovesEveryWrapToTheArcsinesPrecision) {
    struct Case {
        unsigned ratio_bits;
        std::size_t degree;
    };
    // The sine's own error is below 2^-30 even where wraps are least likely.
    for (const auto [ratio_bits, degree] : {Case{4, 7}, Case{6, 3}, Case{5, 5}, Case{12, 3}}) {
        const EvalMod f = EvalMod::create({.ratio_bits = ratio_bits, .arcsine_degree = degree});
        EXPECT_LT(largest_error(f, 16, ratio_bits), arcsine_error(degree, ratio_bits) + 0x1p-30)
            << ratio_bits << " " << degree;
    }
}

TEST(EvalMod, IsMostExactWhereWrapsAreLikely) {
    const EvalMod f = EvalMod::create({.ratio_bits = 4, .arcsine_degree = 15});
    const double arcsine = arcsine_error(15, 4);
    EXPECT_LT(arcsine, 0x1p-40);
    // 0.9999 of all wraps: variance 33/12.
    EXPECT_LT(largest_error(f, 6, 4), 0x1p-36);
    EXPECT_LT(largest_error(f, 16, 4), 0x1p-30);
}

TEST(EvalMod, WithoutAnArcsineIsASine) {
    const EvalMod f = EvalMod::create({.ratio_bits = 8, .arcsine_degree = 1});
    const double x = 2 * std::numbers::pi * 0x1p-8;
    EXPECT_LT(largest_error(f, 16, 8), x * x * x / 6 / (2 * std::numbers::pi) + 0x1p-30);
    EXPECT_NEAR(f(3 + 0x1p-8), std::sin(x) / (2 * std::numbers::pi), 0x1p-30);
}

TEST(EvalMod, TakesTheLevelsOfItsParts) {
    EXPECT_EQ(EvalMod::create({}).depth(), 11U);
    EXPECT_EQ(EvalMod::create({.arcsine_degree = 3}).depth(), 10U);
    EXPECT_EQ(EvalMod::create({.arcsine_degree = 1}).depth(), 9U);
    EXPECT_EQ(EvalMod::create({.degree = 63, .double_angles = 2}).depth(), 11U);
}

TEST(EvalMod, RefusesWhatItCannotFit) {
    EXPECT_TRUE(test::throws(ErrorCode::invalid_argument, {"degree 30"},
                             [] { EvalMod::create({.degree = 30}); }));
    EXPECT_TRUE(test::throws(ErrorCode::invalid_argument, {"1 double angles"},
                             [] { EvalMod::create({.double_angles = 1}); }));
    EXPECT_TRUE(test::throws(ErrorCode::invalid_argument, {"ratio of 2"},
                             [] { EvalMod::create({.ratio_bits = 2}); }));
    EXPECT_TRUE(test::throws(ErrorCode::invalid_argument, {"arcsine of degree 4"},
                             [] { EvalMod::create({.arcsine_degree = 4}); }));
}

BootstrapLiteral small_literal() {
    return {.log_n = 10, .log_slots = 9, .levels = 1, .insecure_for_tests_only = true};
}

// The variance of EvalMod's error at x, in units of x, where `rounding` is that of a rescaling's
// real part at the scale 2^50. With y = (x - 1/4) / w, f = sin(2 pi (x - 1/4) / 2^r):
//   * an error of T_2 shifts the odd sum y O(T_2) by (f' - f / y) / (4 y), relative to f' (in y);
//   that
//     of T_4 is a quarter, T_8 a sixteenth of it: 1.07 in all.
//   * each of some twelve other roundings (T_3, T_16, quotients) reaches the sine with a factor of
//   at
//     most 2; an error of the sine is magnified by 2^r / (2 pi cos).
//   * those of the double angles are smaller by 2^-i, and the arcsine's by 2^-r.
double error_variance(double x, double rounding) {
    const double width = 16.25 + 0x1p-4;
    const double angle = 2 * std::numbers::pi * (x - 0.25) / 8;
    const double y = (x - 0.25) / width;
    const double slope = 2 * std::numbers::pi * width / 8 * std::cos(angle);
    const double second = width * (1 - std::sin(angle) / (y * slope)) / (4 * y);
    const double other = 2 * 8 / (2 * std::numbers::pi * std::cos(angle));
    return rounding * (1.07 * second * second + 12 * other * other);
}

TEST(EvalMod, ErrsUnderEncryptionAsDerived) {
    const BootstrapPlan plan = BootstrapPlan::create(small_literal());
    const Owner owner(plan.parameters());
    const EvalMod& f = plan.stages().eval_mod;
    const std::size_t level = plan.stages().eval_mod_level();
    const EvaluationKeys keys = owner.keys(f.keys(level));
    const Evaluator evaluator(keys);
    const double scale = f.input_scale(plan.parameters(), level);

    Random random(5);
    std::vector<double> x = test::random_reals(random, plan.parameters().slots());
    for (std::size_t j = 0; j < x.size(); ++j) {
        x[j] = x[j] * 0x1p-4 + static_cast<double>(j % 33) - 16;
    }
    const double target = 0x1p50;
    const Ciphertext result = f.evaluate(evaluator, owner.encrypt(x, level, scale), target);
    EXPECT_EQ(result.level(), level - f.depth());
    EXPECT_TRUE(same_scale(result.scale(), target));

    const std::vector<double> values = owner.decrypt_real(result);
    const double rounding = owner.noise.rescaling() / 2 * 0x1p-100;
    const double input = owner.noise.fresh() / 2 / (scale * scale);
    double sum = 0;
    double worst = 0;
    for (std::size_t j = 0; j < x.size(); ++j) {
        const double variance = input + error_variance(x[j], rounding);
        const double square = std::pow(values[j] - f(x[j]), 2) / variance;
        sum += square;
        worst = std::max(worst, square);
    }
    // The derivation is an upper bound, near its terms where T_2 dominates. Mean of 512 squares of
    // products of two normals each: 6 sqrt(3 / 512) = 0.46 above at most.
    const double mean = sum / static_cast<double>(x.size());
    EXPECT_LT(mean, 1.46);
    EXPECT_GT(mean, 0.1);
    EXPECT_LT(worst, 24 * 24);
}

// The coefficients of a plaintext, centred modulo q_0 q_1, as rest + q_0 wrap.
std::vector<double> wraps_and_rests(const Parameters& parameters, const Plaintext& plaintext,
                                    std::vector<double>& rests) {
    const Ring& ring = parameters.ring();
    RnsPoly poly = plaintext.poly().copy(2);
    ring.inverse(poly.limb(0), 0);
    ring.inverse(poly.limb(1), 1);
    const Modulus& q0 = ring.modulus(0);
    const Modulus& q1 = ring.modulus(1);
    const std::uint64_t inverse = inverse_mod(reduce(q0.value, q1), q1);
    std::vector<double> wraps;
    for (std::size_t k = 0; k < ring.n(); ++k) {
        const std::uint64_t low = poly.limb(0)[k];
        const std::int64_t high = centred(
            multiply_mod(subtract_mod(poly.limb(1)[k], reduce(low, q1), q1), inverse, q1), q1);
        const std::int64_t rest = centred(low, q0);
        rests.push_back(static_cast<double>(rest));
        // The value is low + q_0 high = rest + q_0 wrap.
        wraps.push_back(static_cast<double>(high) + (rest < 0 ? 1.0 : 0.0));
    }
    return wraps;
}

TEST(ModRaise, AddsSmallMultiplesOfQ0Only) {
    const Owner owner(test::small_ring(10, 5, 40, 2));
    const Parameters& parameters = owner.parameters;
    KeyRequest request;
    request.add(KeyId::sparse_encapsulation(), 0);
    request.add(KeyId::sparse_release(), 5);
    const EvaluationKeys keys = owner.keys(request);
    Random random(2);
    for (const std::size_t level : {5U, 3U}) {
        const Ciphertext low = owner.encrypt(test::random_slots(random, 512), 0, 0x1p40);
        const Ciphertext raised = mod_raise(keys, low, level);
        EXPECT_EQ(raised.level(), level);
        EXPECT_EQ(raised.scale(), low.scale());
        std::vector<double> rests;
        const auto wraps = wraps_and_rests(parameters, decrypt(owner.key, raised), rests);
        // Of variance (h + 1) / 12, and never above the bound.
        double sum = 0;
        for (const double wrap : wraps) {
            EXPECT_LE(std::abs(wrap), static_cast<double>(largest_wraps));
            sum += wrap * wrap;
        }
        const double variance = static_cast<double>(sparse_weight + 1) / 12;
        EXPECT_NEAR(sum / static_cast<double>(wraps.size()) / variance, 1.0,
                    6 * std::sqrt(2.0 / static_cast<double>(wraps.size())));
        // The message: errors as stated in mod_raise.h, in coefficients.
        const Ring& ring = parameters.ring();
        RnsPoly before = decrypt(owner.key, low).poly().copy();
        ring.inverse(before.limb(0), 0);
        const auto n = static_cast<double>(parameters.n());
        const double ratio =
            static_cast<double>(parameters.q(0)) / static_cast<double>(parameters.p(0));
        const double expected = 3.2 * 3.2 * n / 12 * ratio * ratio +
                                (1.0 + static_cast<double>(sparse_weight)) / 12 +
                                (1 + 2 * n / 3) / 12;
        double squares = 0;
        for (std::size_t k = 0; k < rests.size(); ++k) {
            const double error =
                rests[k] - static_cast<double>(centred(before.limb(0)[k], ring.modulus(0)));
            squares += error * error;
        }
        EXPECT_NEAR(squares / n / expected, 1.0, 6 * std::sqrt(3.0 / n));
    }
}

TEST(ModRaise, RefusesOtherLevelsAndMissingKeys) {
    const Owner owner(test::small_ring(8, 2));
    const EvaluationKeys none = owner.keys({});
    const std::vector<double> values(4, 0.5);
    EXPECT_TRUE(test::throws(ErrorCode::level_mismatch, {"level 1"}, [&] {
        static_cast<void>(mod_raise(none, owner.encrypt(values, 1, 0x1p40), 2));
    }));
    EXPECT_TRUE(test::throws(ErrorCode::missing_key, {"sparse secret"}, [&] {
        static_cast<void>(mod_raise(none, owner.encrypt(values, 0, 0x1p40), 2));
    }));
}

}  // namespace
}  // namespace cipherfit
