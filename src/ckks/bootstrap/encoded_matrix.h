// A public matrix times encrypted slots, by diagonals in baby steps and giant steps with both kinds
// of hoisting (Halevi and Shoup, CRYPTO 2018; Bossuat et al., EUROCRYPT 2021, algorithm 6):
//     M v = sum_g rot_gG( S_g ),   S_g = sum_b rot_-gG(d_{gG+b}) o rot_b(v)
// The babies' rotations share one decomposition and stay modulo Q P, where the sums of products are
// taken as well. The giant steps are taken by Horner's rule from both ends, S_g += rot_G(S_{g+1}),
// so that one or two keys serve them all; each costs one division by P, of one polynomial, and one
// decomposition. A last division by P q_level makes the result.
#pragma once

#include "cipherfit/ckks/ciphertext.h"
#include "cipherfit/rlwe/evaluation_keys.h"
#include "ckks/bootstrap/diagonal_matrix.h"
#include "rlwe/raised_pair.h"

#include <cstddef>
#include <cstdint>
#include <map>
#include <vector>

namespace cipherfit {

// Offsets k = giant * stride + baby, as rotations of all N/2 slots.
struct BabyGiantSteps {
    struct Step {
        std::size_t baby;
        std::int64_t giant;
    };
    std::int64_t stride = 0;            // of one giant step
    std::map<std::size_t, Step> steps;  // by offset, modulo the matrix' size
};

// The split of a matrix' offsets (multiples of one number, on both sides of 0 or all around) that
// costs least, counting a giant step twice.
BabyGiantSteps split_offsets(const DiagonalMatrix& matrix);

// What split_offsets() needs at `level`.
KeyRequest matrix_keys(const DiagonalMatrix& matrix, const Parameters& parameters,
                       std::size_t level);

// What is encoded of a matrix, without the values.
struct MatrixShape {
    struct Diagonal {
        std::size_t offset;
        std::size_t baby;
        std::size_t period;  // the smallest power of two, at least 2, with which it repeats
    };
    std::int64_t stride = 0;                               // of one giant step
    std::map<std::int64_t, std::vector<Diagonal>> giants;  // by the giant step
};
MatrixShape shape_of(const DiagonalMatrix& matrix);

// Words of work that each thread has while the babies are multiplied, in a ring of dimension n.
std::size_t expanded_words(std::size_t n) noexcept;

class EncodedMatrix {
  public:
    // For ciphertexts at exactly `level` >= 1 whose slots repeat with the matrix' size, a divisor
    // of N/2. A diagonal that repeats within the size is stored once.
    EncodedMatrix(const Parameters& parameters, const DiagonalMatrix& matrix, std::size_t level,
                  double scale);

    std::size_t level() const noexcept { return level_; }
    double scale() const noexcept { return scale_; }
    std::size_t bytes() const noexcept;

    // M a at level - 1 and the scale a.scale * scale / q_level. Throws Error(level_mismatch) for
    // another level, Error(missing_key).
    Ciphertext apply(const EvaluationKeys& keys, const Ciphertext& a) const;
    // The same before the division by P q_level, for those who have more to add.
    RaisedPair apply_raised(const EvaluationKeys& keys, const Ciphertext& a) const;

  private:
    struct Diagonal {
        std::size_t baby;
        std::size_t repeat;  // each stored value stands for that many consecutive ones
        RnsPoly values;      // modulo Q_level P, NTT values
    };
    void multiply_babies(const Ring& ring, const std::map<std::size_t, RaisedPair>& babies,
                         std::map<std::int64_t, RaisedPair>& sums) const;

    std::size_t level_;
    double scale_;
    std::int64_t stride_ = 0;
    std::map<std::int64_t, std::vector<Diagonal>> giants_;  // by the giant step
};

}  // namespace cipherfit
