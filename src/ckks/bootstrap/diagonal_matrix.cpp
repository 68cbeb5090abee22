#include "ckks/bootstrap/diagonal_matrix.h"

#include "cipherfit/base/error.h"

namespace cipherfit {

using Complex = std::complex<double>;

std::vector<Complex> DiagonalMatrix::operator()(std::span<const Complex> values) const {
    require(values.size() == size, ErrorCode::invalid_argument,
            "a matrix of {} columns cannot be applied to {} values", size, values.size());
    std::vector<Complex> result(size);
    for (const auto& [offset, diagonal] : diagonals) {
        for (std::size_t j = 0; j < size; ++j) {
            result[j] += diagonal[j] * values[(j + offset) % size];
        }
    }
    return result;
}

DiagonalMatrix multiply(const DiagonalMatrix& left, const DiagonalMatrix& right) {
    require(left.size == right.size, ErrorCode::invalid_argument,
            "cannot multiply matrices of sizes {} and {}", left.size, right.size);
    DiagonalMatrix result{left.size, {}};
    for (const auto& [a, outer] : left.diagonals) {
        for (const auto& [b, inner] : right.diagonals) {
            auto& diagonal = result.diagonals[(a + b) % left.size];
            diagonal.resize(left.size);
            for (std::size_t j = 0; j < left.size; ++j) {
                diagonal[j] += outer[j] * inner[(j + a) % left.size];
            }
        }
    }
    return result;
}

void multiply_rows(DiagonalMatrix& matrix, std::span<const Complex> factors) {
    for (auto& [offset, diagonal] : matrix.diagonals) {
        for (std::size_t j = 0; j < matrix.size; ++j) {
            diagonal[j] *= factors[j];
        }
    }
}

void multiply_columns(DiagonalMatrix& matrix, std::span<const Complex> factors) {
    for (auto& [offset, diagonal] : matrix.diagonals) {
        for (std::size_t j = 0; j < matrix.size; ++j) {
            diagonal[j] *= factors[(j + offset) % matrix.size];
        }
    }
}

DiagonalMatrix repeat_rows(const DiagonalMatrix& matrix, std::size_t size) {
    require(size % matrix.size == 0, ErrorCode::invalid_argument,
            "a matrix of size {} cannot be repeated to {}", matrix.size, size);
    DiagonalMatrix result{size, {}};
    for (const auto& [offset, diagonal] : matrix.diagonals) {
        // The vectors repeat: offsets just below the period are as well just below the size, which
        // keeps them near 0.
        const bool negative = 2 * offset > matrix.size;
        auto& longer = result.diagonals[negative ? offset + size - matrix.size : offset];
        longer.reserve(size);
        while (longer.size() < size) {
            longer.insert(longer.end(), diagonal.begin(), diagonal.end());
        }
    }
    return result;
}

}  // namespace cipherfit
