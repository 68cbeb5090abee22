// Bootstrapping from end to end, on small rings; and once at full size.
#include "cipherfit/ckks/bootstrap.h"

#include "cipherfit/ckks/precision.h"
#include "support/errors.h"
#include "support/owner.h"
#include "support/small_rings.h"

#include <algorithm>
#include <cmath>
#include <complex>
#include <cstdlib>
#include <numbers>
#include <string>

#include <gtest/gtest.h>

namespace cipherfit {
namespace {

using test::Owner;
using test::Random;
using test::Slots;

constexpr unsigned small_log_n = 10;

BootstrapLiteral small_literal(unsigned log_slots) {
    return with_slots({.log_n = small_log_n,
                       .log_slots = log_slots,
                       .levels = 3,
                       .insecure_for_tests_only = true},
                      log_slots);
}

struct Setting {
    explicit Setting(const BootstrapLiteral& literal)
        : plan(BootstrapPlan::create(literal)),
          owner(plan.parameters()),
          keys(owner.keys(plan.keys())),
          bootstrapper(plan, keys) {}

    Slots message(Random& random, double magnitude = 0.7) const {
        return repeat(test::random_slots(random, plan.slots(), magnitude));
    }
    Slots repeat(Slots values) const {
        const std::size_t count = values.size();
        for (std::size_t j = count; j < plan.parameters().slots(); ++j) {
            values.push_back(values[j - count]);
        }
        return values;
    }
    Ciphertext encrypt(const Slots& message, std::size_t level) const {
        return owner.encrypt(message, level, plan.output_scale());
    }

    // The largest error of a slot of a message of size 1 and coefficients far below it:
    //   * the arcsine's, 2^-22.7 of the message;
    //   * EvalMod's: an error of a real coefficient, in units of q_0, has at most 120 roundings'
    //     deviation at scale 2^50 (bootstrap_eval_mod_test.cpp at |I| = 2, its largest), is
    //     magnified by 2^ratio_bits, and a slot adds 2n of them up;
    //   * encryption, with the message's scale, and the last rescaling.
    // Six deviations of a Gaussian would do; errors are products of two, hence twelve.
    double largest_error() const {
        const double coefficient = owner.noise.rescaling() / 2 * 0x1p-100 * 120 * 120 *
                                   std::exp2(2.0 * plan.literal().ratio_bits);
        const double slot = 2 * static_cast<double>(plan.slots()) * coefficient +
                            (owner.noise.fresh() + 2 * owner.noise.rescaling()) /
                                (plan.output_scale() * plan.output_scale());
        return 0x1p-22 + 12 * std::sqrt(slot);
    }

    BootstrapPlan plan;
    Owner owner;
    EvaluationKeys keys;
    Bootstrapper bootstrapper;
};

class BootstrapOfSlots : public testing::TestWithParam<unsigned> {};

TEST_P(BootstrapOfSlots, RenewsLevelsAndKeepsTheMessage) {
    const Setting setting(small_literal(GetParam()));
    EXPECT_LT(setting.largest_error(), 0x1p-20);  // the bound says something
    Random random(GetParam());
    const Slots message = setting.message(random);
    const Ciphertext result = setting.bootstrapper.bootstrap(setting.encrypt(message, 1));
    EXPECT_EQ(result.level(), 3U);
    EXPECT_TRUE(same_scale(result.scale(), setting.plan.output_scale()));
    const double error = test::max_abs_error(setting.owner.decrypt(result), message);
    EXPECT_LT(error, setting.largest_error());
    EXPECT_GT(error, 0);
}

INSTANTIATE_TEST_SUITE_P(All, BootstrapOfSlots, testing::Values(1, 2, 5, 8, 9));

// One for all tests of a program that only need one.
const Setting& shared() {
    static const Setting setting(small_literal(6));
    return setting;
}

TEST(Bootstrap, KeepsTheLargestCoefficients) {
    // Equal slots are one coefficient of that size: the worst that slots of size 1 can do.
    for (const std::complex<double> value :
         {std::complex<double>(1), std::complex<double>(0, -1)}) {
        const Slots message(shared().plan.parameters().slots(), value);
        const Ciphertext result = shared().bootstrapper.bootstrap(shared().encrypt(message, 2));
        EXPECT_LT(test::max_abs_error(shared().owner.decrypt(result), message),
                  shared().largest_error());
    }
}

TEST(Bootstrap, TakesLargerMessagesThroughTheirScale) {
    Random random(3);
    const Slots message = shared().message(random, 10);
    const Ciphertext low = shared().encrypt(message, 1).with_factor(1.0 / 16);
    const Ciphertext result = shared().bootstrapper.bootstrap(low).with_factor(16);
    EXPECT_LT(test::max_abs_error(shared().owner.decrypt(result), message),
              16 * shared().largest_error());
}

TEST(Bootstrap, StartsFromLevelZero) {
    Random random(4);
    const Slots message = shared().message(random);
    const Ciphertext low = shared().encrypt(message, 0);
    const Ciphertext result = shared().bootstrapper.bootstrap(low);
    // The largest multiple of the scale that fits, and the result's scale says how large it was.
    const double factor = std::floor(shared().plan.largest_message() / low.scale());
    EXPECT_TRUE(same_scale(result.scale(), shared().plan.output_scale() * factor * low.scale() /
                                               shared().plan.largest_message()));
    EXPECT_LT(test::max_abs_error(shared().owner.decrypt(result), message),
              2 * shared().largest_error());
}

TEST(Bootstrap, AveragesWhatDoesNotRepeat) {
    Random random(5);
    const Slots values = test::random_slots(random, shared().plan.parameters().slots());
    const std::size_t n = shared().plan.slots();
    Slots mean(n);
    for (std::size_t j = 0; j < values.size(); ++j) {
        mean[j % n] += values[j] * (static_cast<double>(n) / static_cast<double>(values.size()));
    }
    const Ciphertext result = shared().bootstrapper.bootstrap(shared().encrypt(values, 1));
    EXPECT_LT(test::max_abs_error(shared().owner.decrypt(result), shared().repeat(mean)),
              shared().largest_error());
}

TEST(Bootstrap, TakesTwoRealVectorsInOne) {
    Random random(6);
    const auto real = [&] {
        Slots values = shared().message(random);
        for (auto& value : values) {
            value = value.real();
        }
        return values;
    };
    const Slots a = real();
    const Slots b = real();
    const auto [first, second] =
        shared().bootstrapper.bootstrap_pair(shared().encrypt(a, 1), shared().encrypt(b, 1));
    EXPECT_EQ(first.level(), 3U);
    EXPECT_TRUE(same_scale(first.scale(), 2 * shared().plan.output_scale()));
    EXPECT_TRUE(same_scale(second.scale(), first.scale()));
    EXPECT_LT(test::max_abs_error(shared().owner.decrypt(first), a), shared().largest_error());
    EXPECT_LT(test::max_abs_error(shared().owner.decrypt(second), b), shared().largest_error());
}

TEST(Bootstrap, CanBeRepeatedAndComputedWith) {
    Random random(7);
    Slots message = shared().message(random);
    const Evaluator evaluator(shared().keys);
    Ciphertext state = shared().encrypt(message, 1);
    double error = 0;
    for (int round = 1; round <= 3; ++round) {
        state = shared().bootstrapper.bootstrap(state);
        // Squares: the error of x^2 is twice that of x, for slots of size 1.
        state = evaluator.relinearize_rescale(evaluator.multiply(state, state));
        for (auto& value : message) {
            value *= value;
        }
        error = 2 * (error + shared().largest_error());
        EXPECT_EQ(state.level(), 2U);
        EXPECT_LT(test::max_abs_error(shared().owner.decrypt(state), message), error) << round;
    }
}

TEST(Bootstrap, GivesTheSameBitsOnAnyNumberOfThreads) {
    Random random(8);
    const Ciphertext low = shared().encrypt(shared().message(random), 1);
    const auto run = [&] { return shared().bootstrapper.bootstrap(low); };
    EXPECT_TRUE(test::same_bits(test::with_threads(1, run), test::with_threads(2, run)));
}

TEST(Bootstrap, HasACubicAndNoArcsineToo) {
    Random random(9);
    for (const std::size_t degree : {1U, 3U}) {
        BootstrapLiteral literal = small_literal(4);
        literal.ratio_bits = 8;
        literal.arcsine_degree = degree;
        const Setting setting(literal);
        const Slots message = setting.message(random);
        const Ciphertext result = setting.bootstrapper.bootstrap(setting.encrypt(message, 1));
        // (2 pi 2^-8)^2 / 6 of a coefficient is what a sine alone lacks.
        const double sine = degree == 1 ? std::pow(2 * std::numbers::pi / 256, 2) / 6 : 0;
        EXPECT_LT(test::max_abs_error(setting.owner.decrypt(result), message),
                  setting.largest_error() + sine * static_cast<double>(setting.plan.slots()));
    }
}

TEST(Bootstrap, RefusesWhatItCannotDo) {
    const auto& setting = shared();
    const Slots message = setting.repeat(Slots(setting.plan.slots(), 0.5));
    EXPECT_TRUE(test::throws(ErrorCode::scale_mismatch, {"2^48.00", "2^46.00"}, [&] {
        static_cast<void>(
            setting.bootstrapper.bootstrap(setting.owner.encrypt(message, 0, 0x1p48)));
    }));
    EXPECT_TRUE(test::throws(ErrorCode::invalid_argument, {"3 parts", "relinearise"}, [&] {
        const Evaluator evaluator(setting.keys);
        const Ciphertext a = setting.encrypt(message, 1);
        static_cast<void>(setting.bootstrapper.bootstrap(evaluator.multiply(a, a)));
    }));
    const EvaluationKeys none = setting.owner.keys({});
    EXPECT_TRUE(test::throws(ErrorCode::missing_key, {"relinearisation"},
                             [&] { Bootstrapper(setting.plan, none); }));
    const Owner other(test::small_ring(small_log_n, 2));
    const EvaluationKeys foreign = other.keys({});
    EXPECT_TRUE(test::throws(ErrorCode::invalid_argument, {"other parameters"},
                             [&] { Bootstrapper(setting.plan, foreign); }));
}

TEST(BootstrapPlan, RefusesBadLiteralsAndForeignParameters) {
    const auto create = [](const BootstrapLiteral& literal) {
        return [literal] { static_cast<void>(BootstrapPlan::create(literal)); };
    };
    BootstrapLiteral literal = small_literal(5);
    literal.levels = 0;
    EXPECT_TRUE(
        test::throws(ErrorCode::invalid_argument, {"levels left", "got 0"}, create(literal)));
    literal = small_literal(5);
    literal.log_slots = small_log_n;
    EXPECT_TRUE(
        test::throws(ErrorCode::invalid_argument, {"log_slots", "got 10"}, create(literal)));
    literal = small_literal(5);
    literal.coeffs_to_slots = 6;
    EXPECT_TRUE(
        test::throws(ErrorCode::invalid_argument, {"coeffs_to_slots", "got 6"}, create(literal)));
    const Parameters other = test::small_ring(small_log_n, 4);
    EXPECT_TRUE(test::throws(ErrorCode::invalid_argument, {"bootstrap_parameters"}, [&] {
        static_cast<void>(BootstrapPlan::create(other, small_literal(5)));
    }));
}

TEST(BootstrapPlan, PresetsAreWithinTheSecurityTable) {
    for (const BootstrapLiteral& preset : {bootstrap_n16_levels10, bootstrap_n16_levels12}) {
        for (const unsigned log_slots : {1U, 11U, 15U}) {
            const ParametersLiteral chain = bootstrap_parameters(with_slots(preset, log_slots));
            unsigned bits = 0;
            for (const auto* list : {&chain.q_bits, &chain.p_bits}) {
                for (const unsigned size : *list) {
                    bits += size;
                }
            }
            EXPECT_LE(bits, largest_secure_log_qp(16));
            EXPECT_FALSE(chain.insecure_for_tests_only);
        }
    }
}

// The preset at N = 2^16 and 2^11 slots: the bars for precision, levels and size of its keys.
TEST(BootstrapPlan, FullSizeKeepsItsPromises) {
    if (test::small_rings()) {
        GTEST_SKIP() << "the full-size run is left out: CIPHERFIT_SMALL_RINGS is set";
    }
    const Setting setting(bootstrap_n16_levels10);
    EXPECT_EQ(setting.plan.parameters().security_bits(), 128U);
    Random random(10);
    const Slots message = setting.message(random);
    const Ciphertext result = setting.bootstrapper.bootstrap(setting.encrypt(message, 1));
    EXPECT_EQ(result.level(), 10U);
    const PrecisionStats stats = precision(setting.owner.decrypt(result), message);
    EXPECT_GT(stats.mean_bits(), 19.5);
    EXPECT_GT(stats.worst_bits(), 16.5);
    EXPECT_LT(stats.worst_error, setting.largest_error());
}

}  // namespace
}  // namespace cipherfit
