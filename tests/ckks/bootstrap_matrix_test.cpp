// Linear operations of bootstrapping on ciphertexts, each against the same on complex vectors with
// the error that its roundings make (support/noise.h).
#include "ckks/bootstrap/encoded_matrix.h"
#include "ckks/bootstrap/imaginary_unit.h"
#include "ckks/bootstrap/raised_ciphertext.h"
#include "support/errors.h"
#include "support/owner.h"

#include <array>
#include <complex>
#include <cstddef>
#include <numeric>
#include <vector>

#include <gtest/gtest.h>

namespace cipherfit {
namespace {

using test::Owner;
using test::Random;
using test::Slots;
using Complex = std::complex<double>;

constexpr double scale = 0x1p40;

Slots repeated(const Slots& values, std::size_t count) {
    Slots result(count);
    for (std::size_t j = 0; j < count; ++j) {
        result[j] = values[j % values.size()];
    }
    return result;
}

Slots rotated(const Slots& values, std::size_t steps) {
    Slots result(values.size());
    for (std::size_t j = 0; j < values.size(); ++j) {
        result[j] = values[(j + steps) % values.size()];
    }
    return result;
}

class BootstrapMatrix : public testing::Test {
  protected:
    Owner owner_{test::small_ring(10, 4, 40, 2)};
    std::size_t slots_ = owner_.parameters.slots();
    Random random_{1};

    DiagonalMatrix draw(std::size_t size, std::size_t period,
                        const std::vector<std::size_t>& offsets) {
        DiagonalMatrix matrix{size, {}};
        for (const std::size_t offset : offsets) {
            matrix.diagonals[offset] = repeated(test::random_slots(random_, period), size);
        }
        return matrix;
    }

    // Encryption, M v and rescaling. Variances in units of the result: encoding a diagonal rounds
    // the 2 period coefficients that it has, times the message; the input's error and, for every
    // baby but the first, that of its key, times the diagonals; the rescaling. All errors that come
    // before it are divided by q.
    void expect_product(const DiagonalMatrix& matrix, std::size_t period, std::size_t level) {
        const Parameters& parameters = owner_.parameters;
        const EvaluationKeys keys = owner_.keys(matrix_keys(matrix, parameters, level));
        const auto q = static_cast<double>(parameters.q(level));
        const double plain_scale = 0.75 * q;  // not the prime: the scale must follow
        const EncodedMatrix encoded(parameters, matrix, level, plain_scale);
        const Slots v = test::random_slots(random_, matrix.size);
        const Ciphertext input = owner_.encrypt(repeated(v, slots_), level, scale);
        const Ciphertext result = encoded.apply(keys, input);
        EXPECT_EQ(result.level(), level - 1);
        EXPECT_TRUE(same_scale(result.scale(), scale * plain_scale / q));

        double gain = 0;
        for (const auto& [offset, diagonal] : matrix.diagonals) {
            gain += test::power(diagonal);
        }
        const auto count = static_cast<double>(matrix.diagonals.size());
        const double before =
            count * test::power(v) * scale * scale * static_cast<double>(2 * period) / 12 +
            gain * plain_scale * plain_scale *
                (owner_.noise.fresh() + owner_.noise.key_errors(level));
        const double variance = before / (q * q) + owner_.noise.rescaling();
        const Slots expected = repeated(matrix(v), slots_);
        EXPECT_TRUE(test::is_noise(owner_.decrypt(result), expected,
                                   variance / (result.scale() * result.scale())));
    }
};

TEST_F(BootstrapMatrix, MultipliesByDenseDiagonals) {
    expect_product(draw(slots_, slots_, {0, 1, 2, 3, 4, slots_ - 1, slots_ - 2}), slots_, 4);
}

TEST_F(BootstrapMatrix, MultipliesAtALowerLevel) {
    expect_product(draw(slots_, slots_, {0, 16, slots_ - 16}), slots_, 1);
}

TEST_F(BootstrapMatrix, MultipliesWithoutTheMainDiagonal) {
    expect_product(draw(slots_, slots_, {3, 6, 9, 12, 15}), slots_, 2);
}

TEST_F(BootstrapMatrix, MultipliesRepeatingVectors) {
    std::vector<std::size_t> offsets(16);
    std::iota(offsets.begin(), offsets.end(), 0);
    expect_product(draw(16, 16, offsets), 16, 3);
}

TEST_F(BootstrapMatrix, StoresRepeatingDiagonalsOnce) {
    const DiagonalMatrix matrix = draw(slots_, 4, {0, 1, slots_ - 1});
    expect_product(matrix, 4, 3);
    const EncodedMatrix encoded(owner_.parameters, matrix, 3, scale);
    const std::size_t limbs = 4 + owner_.parameters.special_primes();
    EXPECT_EQ(encoded.bytes(), 3 * 8 * limbs * sizeof(std::uint64_t));
}

TEST_F(BootstrapMatrix, GivesTheSameBitsOnAnyNumberOfThreads) {
    const DiagonalMatrix matrix = draw(slots_, slots_, {0, 1, 2, 3, slots_ - 1});
    const EvaluationKeys keys = owner_.keys(matrix_keys(matrix, owner_.parameters, 3));
    const EncodedMatrix encoded(owner_.parameters, matrix, 3, scale);
    const Ciphertext input = owner_.encrypt(test::random_slots(random_, slots_), 3, scale);
    const Ciphertext one = test::with_threads(1, [&] { return encoded.apply(keys, input); });
    const Ciphertext two = test::with_threads(2, [&] { return encoded.apply(keys, input); });
    EXPECT_TRUE(test::same_bits(one, two));
}

TEST_F(BootstrapMatrix, RefusesOtherLevelsAndMissingKeys) {
    const DiagonalMatrix matrix = draw(slots_, slots_, {0, 5});
    const EncodedMatrix encoded(owner_.parameters, matrix, 3, scale);
    const EvaluationKeys none = owner_.keys({});
    const Slots v = test::random_slots(random_, slots_);
    EXPECT_TRUE(test::throws(ErrorCode::level_mismatch, {"3", "2"}, [&] {
        static_cast<void>(encoded.apply(none, owner_.encrypt(v, 2, scale)));
    }));
    EXPECT_TRUE(test::throws(ErrorCode::missing_key, {"rotation by 5"}, [&] {
        static_cast<void>(encoded.apply(none, owner_.encrypt(v, 3, scale)));
    }));
    EXPECT_TRUE(test::throws(ErrorCode::invalid_argument, {"level 0"},
                             [&] { EncodedMatrix(owner_.parameters, matrix, 0, scale); }));
}

TEST_F(BootstrapMatrix, ConjugatesEverySlot) {
    KeyRequest request;
    request.conjugation(3);
    const EvaluationKeys keys = owner_.keys(request);
    const Slots v = test::random_slots(random_, slots_);
    for (const std::size_t level : {3U, 1U}) {
        Slots expected = v;
        for (Complex& value : expected) {
            value = std::conj(value);
        }
        const Ciphertext result = Evaluator(keys).conjugate(owner_.encrypt(v, level, scale));
        EXPECT_TRUE(test::is_noise(
            owner_.decrypt(result), expected,
            (owner_.noise.fresh() + owner_.noise.key_switching(level)) / (scale * scale)));
    }
}

TEST_F(BootstrapMatrix, AddsRotationsWithOneRounding) {
    const std::array ids{KeyId{1}, KeyId{7}, KeyId{static_cast<std::uint32_t>(slots_) - 1}};
    KeyRequest request;
    for (const KeyId id : ids) {
        request.add(id, 3);
    }
    const EvaluationKeys keys = owner_.keys(request);
    const Slots v = test::random_slots(random_, slots_);
    Slots expected = v;
    for (const KeyId id : ids) {
        const Slots turned = rotated(v, id.code);
        for (std::size_t j = 0; j < slots_; ++j) {
            expected[j] += turned[j];
        }
    }
    const Ciphertext result = Evaluator(keys).add_automorphisms(owner_.encrypt(v, 3, scale), ids);
    // Four copies of the fresh error, three keys' errors, one rounding.
    const double variance =
        4 * owner_.noise.fresh() + 3 * owner_.noise.key_errors(3) + owner_.noise.rescaling();
    EXPECT_TRUE(test::is_noise(owner_.decrypt(result), expected, variance / (scale * scale)));
}

TEST_F(BootstrapMatrix, SumAndDifferenceWithTheConjugateAreTwiceThePartsOfEachSlot) {
    const std::size_t level = 3;
    const Ring& ring = owner_.parameters.ring();
    KeyRequest request;
    request.conjugation(level);
    const EvaluationKeys keys = owner_.keys(request);
    const SwitchingKey& key = keys.get(KeyId::conjugation(), level);
    const Slots v = test::random_slots(random_, slots_);
    const auto q = static_cast<double>(owner_.parameters.q(level));
    const Ciphertext input = owner_.encrypt(v, level, scale * scale);
    const auto both = add_and_subtract(ring, lift(ring, input), key);
    const auto lowered = [&](const RaisedPair& pair) {
        return owner_.decrypt(lower(ring, pair.copy(), input.scale(), true));
    };
    Slots real(slots_);
    Slots imaginary(slots_);
    for (std::size_t j = 0; j < slots_; ++j) {
        real[j] = 2 * v[j].real();
        imaginary[j] = Complex(0, 2 * v[j].imag());
    }
    // All that happens before the rescaling is divided by q and vanishes beside its rounding.
    const double variance = owner_.noise.rescaling() / (input.scale() / q * (input.scale() / q));
    EXPECT_TRUE(test::is_noise(lowered(both.sum), real, variance));
    EXPECT_TRUE(test::is_noise(lowered(both.difference), imaginary, variance));
    const RaisedPair sum = add_automorphism(ring, lift(ring, input), key);
    EXPECT_TRUE(test::same_bits(sum.parts[0], both.sum.parts[0]));
    EXPECT_TRUE(test::same_bits(sum.parts[1], both.sum.parts[1]));
}

TEST_F(BootstrapMatrix, MultipliesByIExactly) {
    const Ring& ring = owner_.parameters.ring();
    const Ciphertext a = owner_.encrypt(test::random_slots(random_, slots_), 2, scale);
    const Slots before = owner_.decrypt(a);
    Slots expected = before;
    for (Complex& value : expected) {
        value *= Complex(0, 1);
    }
    const Ciphertext product = multiply_by_i(ring, a);
    // Only the decoder's doubles round: coefficients below 2^50 on a transform of 10 stages.
    EXPECT_LT(test::max_abs_error(owner_.decrypt(product), expected), 0x1p-45);
    const KeyRequest none;
    const EvaluationKeys keys = owner_.keys(none);
    const Ciphertext minus = multiply_by_i(ring, product);
    EXPECT_TRUE(test::same_bits(minus, Evaluator(keys).negate(a)));
}

}  // namespace
}  // namespace cipherfit
