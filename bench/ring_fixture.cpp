#include "ring_fixture.h"

#include <algorithm>
#include <cmath>
#include <random>

namespace cipherfit::bench {
namespace {

KeyRequest request_of(const Parameters& parameters) {
    KeyRequest request;
    request.relinearization(parameters.max_level());
    request.rotation(RingFixture::rotation, parameters.slots(), parameters.max_level());
    return request;
}

std::vector<double> random_values(std::size_t count) {
    std::mt19937_64 random(1);
    std::uniform_real_distribution<double> uniform(-1, 1);
    std::vector<double> values(count);
    std::generate(values.begin(), values.end(), [&] { return uniform(random); });
    return values;
}

}  // namespace

ParametersLiteral literal_of(const RingSize& size) {
    constexpr unsigned most_digits = 3;
    ParametersLiteral literal{.log_n = size.log_n,
                              .q_bits = std::vector<unsigned>(size.q_limbs, 40),
                              .p_bits = {},
                              .digits = most_digits};
    literal.q_bits[0] = 50;
    const std::size_t digit_size = (size.q_limbs + most_digits - 1) / most_digits;
    // Half a bit more, since primes lie beside the powers of two.
    const double digit_bits = 50.0 + 40.0 * static_cast<double>(digit_size - 1) + 0.5;
    const double count = std::ceil(digit_bits / 50.0);
    literal.p_bits.assign(static_cast<std::size_t>(count),
                          static_cast<unsigned>(std::ceil(digit_bits / count)));
    return literal;
}

RingFixture::RingFixture(const RingSize& size)
    : parameters(Parameters::create(literal_of(size))),
      level(parameters.max_level()),
      secret(SecretKey::generate(parameters)),
      public_key(KeyGenerator(secret).public_key()),
      keys(KeyGenerator(secret).evaluation_keys(request_of(parameters))),
      evaluator(keys),
      values(random_values(parameters.slots())),
      plaintext(evaluator.encoder().encode(values, level, scale)),
      a(encrypt(secret, plaintext)),
      b(encrypt(secret, plaintext)),
      product(evaluator.multiply(a, b)),
      two_limbs(evaluator.drop_to_level(a, 1)) {}

const RingFixture& fixture(const RingSize& size) {
    static std::unique_ptr<RingFixture> current;
    static RingSize made{};
    if (!current || made.log_n != size.log_n || made.q_limbs != size.q_limbs) {
        current.reset();
        current = std::make_unique<RingFixture>(size);
        made = size;
    }
    return *current;
}

}  // namespace cipherfit::bench
