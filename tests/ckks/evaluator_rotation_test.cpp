// Rotations: every amount, hoisted and not.
#include "support/errors.h"
#include "support/owner.h"
#include "support/property.h"

#include <bit>

namespace cipherfit {
namespace {

using test::holds;
using test::is_noise;
using test::Owner;
using test::random_slots;
using test::Slots;
using test::small_ring;
using test::throws;

Slots rotated(const Slots& values, std::int64_t steps) {
    const auto count = static_cast<std::int64_t>(values.size());
    Slots result(values.size());
    for (std::int64_t j = 0; j < count; ++j) {
        result[static_cast<std::size_t>(j)] =
            values[static_cast<std::size_t>((((j + steps) % count) + count) % count)];
    }
    return result;
}

KeyRequest rotation_at(std::int64_t steps, std::size_t slots, std::size_t level) {
    KeyRequest request;
    request.rotation(steps, slots, level);
    return request;
}

TEST(EvaluatorRotation, EveryPowerOfTwoBothWays) {
    test::Random random(1);
    const unsigned log_n = 10;
    const Owner owner(small_ring(log_n, 2, 40, 2));
    const std::size_t slots = owner.parameters.slots();
    KeyRequest request;
    std::vector<std::int64_t> amounts;
    for (std::int64_t step = 1; step < static_cast<std::int64_t>(slots); step *= 2) {
        for (const std::int64_t amount : {step, -step}) {
            request.rotation(amount, slots, 2);
            amounts.push_back(amount);
        }
    }
    // Half the slots is one rotation, whichever way.
    EXPECT_EQ(request.levels().size(), 2 * (log_n - 1) - 1);
    const EvaluationKeys keys = owner.keys(request);
    const Evaluator evaluator(keys);
    const Slots values = random_slots(random, slots);
    const Ciphertext ciphertext = owner.encrypt(values, 2, 0x1p35);
    const Slots decrypted = owner.decrypt(ciphertext);
    const double variance = owner.noise.key_switching(2) * 0x1p-70;
    for (const std::int64_t amount : amounts) {
        const Ciphertext result = evaluator.rotate(ciphertext, amount);
        EXPECT_EQ(result.level(), 2U);
        EXPECT_EQ(result.scale(), 0x1p35);
        EXPECT_TRUE(is_noise(owner.decrypt(result), rotated(decrypted, amount), variance))
            << amount;
    }
}

TEST(EvaluatorRotation, AnyAmountAtAnyLevelWithKeysOfThatLevelOrAbove) {
    EXPECT_TRUE(holds("rotations", 30, [] {
        const unsigned log_n = *rc::gen::element(9U, 10U, 11U);
        const auto levels = test::pick<std::size_t>(0, 5);
        const auto digits = test::pick<unsigned>(1, static_cast<unsigned>(levels) + 2);
        const Owner owner(small_ring(log_n, levels, 38, digits));
        const std::size_t slots = owner.parameters.slots();
        const auto level = test::pick<std::size_t>(0, levels + 1);
        const auto key_level = test::pick(level, levels + 1);
        const auto steps = test::pick<std::int64_t>(-3000, 3000);
        RC_PRE(steps % static_cast<std::int64_t>(slots) != 0);
        const EvaluationKeys keys = owner.keys(rotation_at(steps, slots, key_level));
        const Evaluator evaluator(keys);
        test::Random random(*rc::gen::arbitrary<std::uint64_t>());
        const Ciphertext ciphertext = owner.encrypt(random_slots(random, slots), level, 0x1p34);
        const Ciphertext result = evaluator.rotate(ciphertext, steps);
        RC_ASSERT(result.level() == level);
        RC_ASSERT(result.scale() == 0x1p34);
        const auto noise =
            is_noise(owner.decrypt(result), rotated(owner.decrypt(ciphertext), steps),
                     owner.noise.key_switching(level) * 0x1p-68);
        if (!noise) {
            RC_FAIL(noise.message());
        }
    }));
}

TEST(EvaluatorRotation, WholeTurnsCopyAndNeedNoKey) {
    test::Random random(2);
    const Owner owner(small_ring(8, 1));
    const EvaluationKeys keys(owner.parameters);
    const Evaluator evaluator(keys);
    const Ciphertext ciphertext = owner.encrypt(random_slots(random, 128), 1, 0x1p40);
    for (const std::int64_t steps : {0, 128, -128, 1280}) {
        EXPECT_TRUE(test::same_bits(evaluator.rotate(ciphertext, steps), ciphertext));
        EXPECT_TRUE(
            test::same_bits(evaluator.rotate(evaluator.hoist(ciphertext), steps), ciphertext));
    }
}

TEST(EvaluatorRotation, HoistedRotationsAreBitForBitTheSame) {
    test::Random random(3);
    const Owner owner(small_ring(9, 3, 40, 2));
    const std::size_t slots = owner.parameters.slots();
    KeyRequest request;
    const std::vector<std::int64_t> amounts{1, 2, 3, -1, 17, 128, 255};
    for (const std::int64_t steps : amounts) {
        request.rotation(steps, slots, 3);
    }
    const EvaluationKeys keys = owner.keys(request);
    const Evaluator evaluator(keys);
    for (const std::size_t level : {3U, 1U}) {
        const Ciphertext ciphertext = owner.encrypt(random_slots(random, slots), level, 0x1p40);
        const HoistedCiphertext hoisted = evaluator.hoist(ciphertext);
        for (const std::int64_t steps : amounts) {
            EXPECT_TRUE(test::same_bits(evaluator.rotate(hoisted, steps),
                                        evaluator.rotate(ciphertext, steps)))
                << steps;
        }
    }
}

// Double hoisting: the keys' errors of every rotation, but the rounding of one.
TEST(EvaluatorRotation, SumsOfRotationsAreRoundedOnce) {
    test::Random random(6);
    const Owner owner(small_ring(10, 3, 40, 2));
    const std::size_t slots = owner.parameters.slots();
    const std::vector<std::int64_t> rotations{1, 5, -64, 200};
    KeyRequest request;
    for (const std::int64_t steps : rotations) {
        request.rotation(steps, slots, 3);
    }
    const EvaluationKeys keys = owner.keys(request);
    const Evaluator evaluator(keys);
    for (const std::size_t level : {3U, 1U}) {
        const Ciphertext ciphertext = owner.encrypt(random_slots(random, slots), level, 0x1p36);
        const Slots decrypted = owner.decrypt(ciphertext);
        for (const bool itself : {false, true}) {
            std::vector<std::int64_t> steps = rotations;
            if (itself) {
                steps.insert(steps.begin() + 1, 0);
            }
            Slots expected(slots);
            for (const std::int64_t step : steps) {
                const Slots term = rotated(decrypted, step);
                for (std::size_t j = 0; j < slots; ++j) {
                    expected[j] += term[j];
                }
            }
            const double variance =
                (4 * owner.noise.key_errors(level) + owner.noise.rescaling()) * 0x1p-72;
            const Ciphertext sum = evaluator.sum_of_rotations(ciphertext, steps);
            EXPECT_EQ(sum.scale(), ciphertext.scale());
            EXPECT_TRUE(is_noise(owner.decrypt(sum), expected, variance)) << level;
        }
        const std::vector<std::int64_t> turns{0, static_cast<std::int64_t>(slots)};
        EXPECT_TRUE(test::same_bits(evaluator.sum_of_rotations(ciphertext, turns),
                                    evaluator.add(ciphertext, ciphertext)));
        EXPECT_TRUE(throws(ErrorCode::invalid_argument, {"needs a term"},
                           [&] { static_cast<void>(evaluator.sum_of_rotations(ciphertext, {})); }));
    }
}

TEST(EvaluatorRotation, SameBitsOnAnyNumberOfThreads) {
    test::Random random(4);
    const Owner owner(small_ring(12, 3, 40, 2));
    const EvaluationKeys keys = owner.keys(rotation_at(5, owner.parameters.slots(), 3));
    const Evaluator evaluator(keys);
    const Ciphertext ciphertext = owner.encrypt(random_slots(random, 2048), 3, 0x1p40);
    const auto run = [&] { return evaluator.rotate(ciphertext, 5); };
    EXPECT_TRUE(test::same_bits(test::with_threads(1, run), test::with_threads(2, run)));
}

TEST(EvaluatorRotation, MissingKeysAreNamed) {
    test::Random random(5);
    const Owner owner(small_ring(8, 2));
    const EvaluationKeys keys = owner.keys(rotation_at(3, 128, 1));
    const Evaluator evaluator(keys);
    const Ciphertext ciphertext = owner.encrypt(random_slots(random, 128), 2, 0x1p40);
    constexpr auto missing = ErrorCode::missing_key;
    EXPECT_TRUE(throws(missing, {"rotation by 5"},
                       [&] { static_cast<void>(evaluator.rotate(ciphertext, 5)); }));
    EXPECT_TRUE(throws(missing, {"rotation by 125"},
                       [&] { static_cast<void>(evaluator.rotate(ciphertext, -3)); }));
    EXPECT_TRUE(throws(missing, {"rotation by 3", "level 1", "not 2"},
                       [&] { static_cast<void>(evaluator.rotate(ciphertext, 3)); }));
    EXPECT_NO_THROW(static_cast<void>(evaluator.rotate(evaluator.drop_to_level(ciphertext, 1), 3)));
    const Ciphertext product = evaluator.multiply(ciphertext, ciphertext);
    EXPECT_TRUE(throws(ErrorCode::invalid_argument, {"3 parts", "relinearise"},
                       [&] { static_cast<void>(evaluator.rotate(product, 3)); }));
}

}  // namespace
}  // namespace cipherfit
