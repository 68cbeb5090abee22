// A first program with CKKS: two encrypted vectors are multiplied, the product is rotated and added
// to itself, and a polynomial is evaluated. Both parties live in one process here; example
// 02_owner_and_server takes them apart.
//
// CKKS encrypts a vector of real (or complex) numbers, one a "slot", and computes on all slots at
// once. Its numbers are approximate: every operation adds a small error, as floating point does.
#include "cipherfit/ckks/evaluator.h"
#include "cipherfit/ckks/owner/encryptor.h"
#include "cipherfit/ckks/polynomial.h"

#include <cmath>
#include <cstdlib>
#include <vector>

#include <fmt/format.h>

using namespace cipherfit;

namespace {

// log2 of the largest difference between what was decrypted and what it should be.
double log_error(const std::vector<double>& decrypted, const std::vector<double>& expected) {
    double largest = 0;
    for (std::size_t i = 0; i < expected.size(); ++i) {
        largest = std::max(largest, std::abs(decrypted[i] - expected[i]));
    }
    return std::log2(largest);
}

}  // namespace

int main() {
    // 1. Parameters. The ring has degree N = 2^14, which gives N/2 = 8,192 slots. Ciphertexts live
    //    modulo a product of primes, and every rescaling uses up one of them: five primes, four
    //    levels. The special primes (p_bits) are for key switching. create() refuses what falls
    //    below 128-bit security.
    const Parameters parameters = Parameters::create(
        {.log_n = 14, .q_bits = {50, 40, 40, 40, 40}, .p_bits = {48, 48, 48}, .digits = 2});
    const std::size_t top = parameters.max_level();
    const std::size_t slots = parameters.slots();
    fmt::print("ring: 2^{}, {} slots, {} levels, log2(QP) = {:.0f} of at most {:.0f}, {}-bit\n",
               parameters.log_n(), slots, top, parameters.log_qp(),
               largest_secure_log_qp(parameters.log_n()), parameters.security_bits());

    // 2. What will be computed says which keys it needs, and at which level: a product needs
    //    relinearisation, a rotation the key of its number of steps.
    const Polynomial sigmoid =
        chebyshev_fit([](double x) { return 1 / (1 + std::exp(-x)); }, -1, 1, 7);
    KeyRequest request = polynomial_keys(sigmoid, top - 1);
    request.relinearization(top);
    request.rotation(3, slots, top - 1);

    // 3. The owner's keys. The secret key stays with the owner; evaluation keys are public and are
    //    all that the computing party ever gets.
    const SecretKey secret = SecretKey::generate(parameters);
    const EvaluationKeys keys = KeyGenerator(secret).evaluation_keys(request);

    // 4. Encode and encrypt. The scale turns numbers into integers: 2^40 keeps about 27 bits behind
    //    the point once the noise is counted.
    const double scale = 0x1p40;
    std::vector<double> x(slots);
    std::vector<double> y(slots);
    for (std::size_t i = 0; i < slots; ++i) {
        x[i] = std::sin(static_cast<double>(i));
        y[i] = std::cos(static_cast<double>(i));
    }
    const Encoder encoder(parameters);
    const Ciphertext encrypted_x = encrypt(secret, encoder.encode(x, top, scale));
    const Ciphertext encrypted_y = encrypt(secret, encoder.encode(y, top, scale));

    // 5. Compute without the secret. A product multiplies the scales; relinearising and rescaling
    //    bring it back to two parts and to the old scale, one level lower.
    const Evaluator evaluator(keys);
    const Ciphertext product =
        evaluator.relinearize_rescale(evaluator.multiply(encrypted_x, encrypted_y));
    const Ciphertext sum = evaluator.add(product, evaluator.rotate(product, 3));
    fmt::print("product: level {}, scale 2^{:.3f}\n", product.level(), std::log2(product.scale()));

    // 6. A polynomial of degree 7 takes three levels, the least there is.
    const Ciphertext activated = evaluate_polynomial(evaluator, sigmoid, product, scale);
    fmt::print("polynomial of degree {}: level {} to {}\n", sigmoid.degree(), product.level(),
               activated.level());

    // 7. Decrypt and compare with the same in the clear.
    std::vector<double> expected_sum(slots);
    std::vector<double> expected_activated(slots);
    for (std::size_t i = 0; i < slots; ++i) {
        const std::size_t next = (i + 3) % slots;
        expected_sum[i] = x[i] * y[i] + x[next] * y[next];
        expected_activated[i] = sigmoid(x[i] * y[i]);
    }
    const double sum_error = log_error(encoder.decode(decrypt(secret, sum)), expected_sum);
    const double activated_error =
        log_error(encoder.decode(decrypt(secret, activated)), expected_activated);
    fmt::print("precision of the sum: {:.1f} bits\n", -sum_error);
    fmt::print("precision of the polynomial: {:.1f} bits\n", -activated_error);
    return sum_error < -20 && activated_error < -18 ? EXIT_SUCCESS : EXIT_FAILURE;
}
