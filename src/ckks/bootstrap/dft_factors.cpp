#include "ckks/bootstrap/dft_factors.h"

#include "cipherfit/base/error.h"
#include "math/special_fft.h"

#include <complex>
#include <numeric>
#include <span>
#include <utility>

namespace cipherfit {
namespace {

using Complex = std::complex<double>;

// One stage on vectors of `size` values, a multiple of 2 half: joining (x, y) -> (x + w y, x - w
// y), or splitting (x, y) -> (x + y, conj(w) (x - y)), twice the inverse.
DiagonalMatrix stage_matrix(std::size_t size, std::span<const Complex> twiddles, bool joining) {
    const std::size_t half = twiddles.size();
    DiagonalMatrix matrix{size, {}};
    auto& same = matrix.diagonals[0];
    auto& after = matrix.diagonals[half];
    auto& before = matrix.diagonals[size - half];  // `after` itself where the block is the vector
    for (auto* diagonal : {&same, &after, &before}) {
        diagonal->resize(size);
    }
    for (std::size_t block = 0; block < size; block += 2 * half) {
        for (std::size_t j = 0; j < half; ++j) {
            const Complex w = twiddles[j];
            const std::size_t x = block + j;
            const std::size_t y = x + half;
            same[x] = 1;
            same[y] = joining ? -w : -std::conj(w);
            after[x] = joining ? w : Complex(1);
            before[y] = joining ? Complex(1) : std::conj(w);
        }
    }
    return matrix;
}

// The factors of `size` (the first, or last, of `first_size`) that take the stages in the order of
// `halves`.
std::vector<DiagonalMatrix> factors_of(unsigned log_slots, const std::vector<std::size_t>& stages,
                                       const std::vector<std::size_t>& halves, bool joining,
                                       std::size_t first_size) {
    require(std::accumulate(stages.begin(), stages.end(), std::size_t{0}) == log_slots,
            ErrorCode::invalid_argument, "the matrices must take all {} stages", log_slots);
    const SpecialFft& fft = SpecialFft::shared(log_slots + 1);
    std::vector<DiagonalMatrix> factors;
    std::size_t next = 0;
    for (const std::size_t count : stages) {
        const std::size_t size = factors.empty() ? first_size : std::size_t{1} << log_slots;
        DiagonalMatrix product = stage_matrix(size, fft.stage(halves[next++]), joining);
        for (std::size_t i = 1; i < count; ++i) {
            product = multiply(stage_matrix(size, fft.stage(halves[next++]), joining), product);
        }
        factors.push_back(std::move(product));
    }
    return factors;
}

// (1, ..., 1, second, ..., second), n of each.
std::vector<Complex> halves_of(std::size_t n, Complex second) {
    std::vector<Complex> factors(n, 1.0);
    factors.resize(2 * n, second);
    return factors;
}

}  // namespace

std::vector<std::size_t> split_stages(unsigned log_slots, std::size_t factors) {
    require(factors >= 1 && factors <= log_slots, ErrorCode::invalid_argument,
            "a transform of 2^{} slots has 1 to {} factors, got {}", log_slots, log_slots, factors);
    std::vector<std::size_t> stages(factors, log_slots / factors);
    for (std::size_t i = 0; i < log_slots % factors; ++i) {
        ++stages[i];
    }
    return stages;
}

std::vector<DiagonalMatrix> coeffs_to_slots_factors(unsigned log_slots,
                                                    const std::vector<std::size_t>& stages,
                                                    bool side_by_side) {
    const std::size_t n = std::size_t{1} << log_slots;
    std::vector<std::size_t> halves;
    for (std::size_t half = n / 2; half >= 1; half /= 2) {
        halves.push_back(half);
    }
    auto factors = factors_of(log_slots, stages, halves, false, n);
    if (side_by_side) {
        factors.back() = repeat_rows(factors.back(), 2 * n);
        multiply_rows(factors.back(), halves_of(n, Complex(0, -1)));
    }
    return factors;
}

std::vector<DiagonalMatrix> slots_to_coeffs_factors(unsigned log_slots,
                                                    const std::vector<std::size_t>& stages,
                                                    bool side_by_side) {
    const std::size_t n = std::size_t{1} << log_slots;
    std::vector<std::size_t> halves;
    for (std::size_t half = 1; half < n; half *= 2) {
        halves.push_back(half);
    }
    auto factors = factors_of(log_slots, stages, halves, true, side_by_side ? 2 * n : n);
    if (side_by_side) {
        multiply_columns(factors.front(), halves_of(n, Complex(0, 1)));
    }
    return factors;
}

}  // namespace cipherfit
