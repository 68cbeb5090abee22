// Matrices by their diagonals, in doubles: what a linear transform of slots multiplies by.
#pragma once

#include <complex>
#include <cstddef>
#include <map>
#include <span>
#include <vector>

namespace cipherfit {

// (M v)[j] = sum_k diagonal_k[j] v[(j + k) mod size]; offsets k in [0, size), each diagonal of
// `size` values.
struct DiagonalMatrix {
    std::size_t size = 0;
    std::map<std::size_t, std::vector<std::complex<double>>> diagonals;

    std::vector<std::complex<double>> operator()(
        std::span<const std::complex<double>> values) const;
};

// The matrix that applies `right`, then `left`; of the same size.
DiagonalMatrix multiply(const DiagonalMatrix& left, const DiagonalMatrix& right);

// Row j, or column j, multiplied by factors[j]; as many factors as rows.
void multiply_rows(DiagonalMatrix& matrix, std::span<const std::complex<double>> factors);
void multiply_columns(DiagonalMatrix& matrix, std::span<const std::complex<double>> factors);

// The same matrix for vectors of `size` values that repeat with its own period: rows repeated,
// offsets in the upper half of the period taken as negative.
DiagonalMatrix repeat_rows(const DiagonalMatrix& matrix, std::size_t size);

}  // namespace cipherfit
