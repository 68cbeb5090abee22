// Computes on ciphertexts that somebody else made and sent as files: with evaluation keys and no
// secret. Python's `cipherfit.ckks` writes and reads the same files, and computes the same bytes.
//
//   ciphertext_files KEYS INPUT OUTPUT
//
// INPUT holds two ciphertexts x and y. OUTPUT gets x y + rotate(x y, 3) and p(x y), p being the
// cubic -0.004 t^3 + 0.2 t + 0.5.
#include "cipherfit/protocol/ciphertext_files.h"

#include "cipherfit/ckks/polynomial.h"

#include <array>
#include <cstdio>
#include <filesystem>

#include <fmt/format.h>

using namespace cipherfit;

int main(int argc, char** argv) try {
    require(argc == 4, ErrorCode::bad_input, "usage: ciphertext_files KEYS INPUT OUTPUT");
    const KeyFile keys = value_or_throw(read_keys(std::filesystem::path(argv[1])));
    const CiphertextFile input = value_or_throw(read_ciphertexts(std::filesystem::path(argv[2])));
    require(input.key == keys.key && input.ciphertexts.size() == 2, ErrorCode::bad_input,
            "{}: holds no two ciphertexts of these keys' owner", argv[2]);

    const Evaluator evaluator(keys.keys);
    const Ciphertext product = evaluator.relinearize_rescale(
        evaluator.multiply(input.ciphertexts[0], input.ciphertexts[1]));
    const Ciphertext sum = evaluator.add(product, evaluator.rotate(product, 3));
    const Polynomial cubic{.basis = PolynomialBasis::monomial,
                           .coefficients = {0.5, 0.2, 0, -0.004}};
    const Ciphertext values = evaluate_polynomial(evaluator, cubic, product, 0x1p40);
    fmt::print("sum at level {}, polynomial at level {}\n", sum.level(), values.level());

    const std::array results{&sum, &values};
    value_or_throw(
        write_ciphertexts(std::filesystem::path(argv[3]), input.parameters, input.key, results));
} catch (const Error& error) {
    fmt::print(stderr, "error: {}\n", error.what());
    return exit_status(error.code());
}
