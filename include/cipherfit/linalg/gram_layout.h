// The layout of the dual solver: K A for an n x n matrix K (the Gram matrix of the samples) and an
// n x c matrix A, by diagonals of K dealt out over lanes (Halevi and Shoup, CRYPTO 2014, with
// lanes).
//
// n' = samples padded to a power of two, c' = classes padded to one, L lanes with L n' c' = slots
// and L <= n'; slot (i, g, m) = (i L + g) c' + m. Rows are cyclic modulo n', and a
// rotation by one row is one by L c' slots.
//   values      (i, 0, m) = A[i, m], zero in lanes g > 0: what a fold over lanes leaves, masked
//   replicas    (i, g, m) = A[i + g, m]: what a product takes
//   Gram matrix      block q: (i, g, m) = K[i, i + L q + g], q = 0..n'/L - 1
// so that sum_q gram_q o (replicas rotated by L q rows), summed over the lanes g, is K A.
// Values become replicas by log2(L) rotations by L c' - c' slots, 2 of these, 4 of these, ...
//
// Baby steps and giant steps: q = u G + v. Block q is stored rotated back by u G L rows, so that
// products with the replicas rotated by v L rows are summed over v and the sums joined by rotations
// of G L rows (Horner's rule).
#pragma once

#include "cipherfit/linalg/lane_layout.h"

#include <cstddef>
#include <span>
#include <vector>

namespace cipherfit {

class GramLayout {
  public:
    // Throws Error(invalid_argument) unless samples and classes are at least 1, slots is a power
    // of two of at least n' c', and `babies` (G) a power of two that divides n'/L. c' is at least
    // `least_padded`: features come in chunks of c', so that a Gram matrix that is made from them
    // wants more than one.
    static GramLayout create(std::size_t slots, std::size_t samples, std::size_t classes,
                             std::size_t babies, std::size_t least_padded = 1);
    // Whether n' c' values fit.
    static bool fits(std::size_t slots, std::size_t samples, std::size_t classes,
                     std::size_t least_padded = 1) noexcept;

    std::size_t slots() const noexcept { return rows_ * lanes_ * padded_classes_; }
    std::size_t samples() const noexcept { return samples_; }
    std::size_t classes() const noexcept { return classes_; }
    std::size_t padded_classes() const noexcept { return padded_classes_; }
    std::size_t rows() const noexcept { return rows_; }
    std::size_t lanes() const noexcept { return lanes_; }
    std::size_t gram_blocks() const noexcept { return rows_ / lanes_; }
    std::size_t babies() const noexcept { return babies_; }
    std::size_t giants() const noexcept { return gram_blocks() / babies_; }

    // n x n to block q; zero where a sample is padding.
    std::vector<double> pack_gram(MatrixView k, std::size_t q) const;
    // n x c to slots.
    std::vector<double> pack_values(MatrixView a) const;
    std::vector<double> pack_replicas(MatrixView a) const;
    // 1 where pack_values puts a value, 0 elsewhere.
    std::vector<double> value_mask() const;
    // The samples' features in chunks of c', from which gram_from_features.h makes the Gram matrix;
    // x is n x d, p a chunk of ceil(d / c'). Stored c' slots further on, where that wants them:
    //   rows         (i, g, m) = X[i, p c' + m]
    //   skewed rows  (i, g, m) = X[i + g, p c' + m]
    std::vector<double> pack_rows(MatrixView x, std::size_t p) const;
    std::vector<double> pack_skewed_rows(MatrixView x, std::size_t p) const;
    std::size_t feature_chunks(std::size_t features) const noexcept {
        return (features + padded_classes_ - 1) / padded_classes_;
    }
    // Replicas to n x c, row-major: the mean over the lanes. And values.
    std::vector<double> unpack_replicas(std::span<const double> slots) const;
    std::vector<double> unpack_values(std::span<const double> slots) const;

  private:
    GramLayout() = default;
    std::vector<double> pack_chunk(MatrixView x, std::size_t p, bool skewed) const;
    std::size_t slot(std::size_t i, std::size_t g, std::size_t m) const noexcept {
        return (i % rows_ * lanes_ + g) * padded_classes_ + m;
    }
    std::size_t samples_ = 0, classes_ = 0;
    std::size_t rows_ = 0, lanes_ = 0, padded_classes_ = 0, babies_ = 0;
};

}  // namespace cipherfit
