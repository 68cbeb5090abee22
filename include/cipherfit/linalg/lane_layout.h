// The layout of training matrices in slots: a skewed Volley Revolver (arXiv 2201.10838) without
// masks between products.
//
// The slots form rows of `lane` columns: slot (i, j) = i * lane + j. With c' = classes padded to a
// power of two:
//   features  X, n x d   block (rho, b): row i holds features b F .. b F + F - 1 of sample
//                        rho * rows + i in columns c'-1 .. lane-1, and zeros in columns 0 .. c'-2
//                        (the halo). F = lane - (c' - 1).
//   model     U, c x d   block b, all rows: (i, j) = U[(j - i) mod c', feature of column j].
//   logits    Z, n x c   block rho: (i, j) = Z[rho * rows + i, (j - i) mod c'] for j < c'.
//
// The skew (j - i) is what removes the masks. Rotated by r rows, the model pairs row i with class
// (j - i - r) mod c'; shifting that product by r columns lines the classes up again, so that the
// sum over r and a fold over columns give the logits. Backwards, errors rotated by r columns pair
// with class (j - i - r) and a shift by r rows lines up rows of one class, so that a fold over rows
// gives the gradient, replicated, in exactly the model's layout. Rotations that leave a row's end
// meet the halo's zeros. Of a single class (c' = 1) there are no shifts and no halo: the products
// are those of whole blocks.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace cipherfit {

// Row-major view of a matrix in the clear.
struct MatrixView {
    const double* data = nullptr;
    std::size_t rows = 0;
    std::size_t columns = 0;
    double operator()(std::size_t i, std::size_t j) const noexcept { return data[i * columns + j]; }
};

class LaneLayout {
  public:
    // samples, features (bias included), classes >= 1; slots and lane are powers of two with
    // 2 c' <= lane and lane c' <= slots. Throws Error(invalid_argument).
    static LaneLayout create(std::size_t slots, std::size_t lane, std::size_t samples,
                             std::size_t features, std::size_t classes);
    // The lanes for which create() succeeds, smallest first.
    static std::vector<std::size_t> possible_lanes(std::size_t slots, std::size_t classes);

    std::size_t slots() const noexcept { return slots_; }
    std::size_t lane() const noexcept { return lane_; }
    std::size_t rows() const noexcept { return slots_ / lane_; }
    std::size_t samples() const noexcept { return samples_; }
    std::size_t features() const noexcept { return features_; }
    std::size_t classes() const noexcept { return classes_; }
    std::size_t padded_classes() const noexcept { return padded_classes_; }
    std::size_t features_per_block() const noexcept { return lane_ - (padded_classes_ - 1); }
    // Slots after which a block of the model repeats.
    std::size_t model_period() const noexcept { return padded_classes_ * lane_; }
    std::size_t sample_blocks() const noexcept { return (samples_ + rows() - 1) / rows(); }
    std::size_t feature_blocks() const noexcept {
        // A lane is at least 2 c' long.
        // NOLINTNEXTLINE(clang-analyzer-core.DivideZero)
        return (features_ + features_per_block() - 1) / features_per_block();
    }

    // n x d to block (rho, b).
    std::vector<double> pack_features(MatrixView x, std::size_t rho, std::size_t b) const;
    // n x c to block rho; slots that stand for no sample, no class or no logit hold 0.
    std::vector<double> pack_logits(MatrixView z, std::size_t rho) const;
    // 1 where pack_logits puts a value of block rho, 0 elsewhere.
    std::vector<double> logit_mask(std::size_t rho) const;
    // c x d to block b, and back from all blocks: the mean over the replicas of each entry.
    std::vector<double> pack_model(MatrixView u, std::size_t b) const;
    std::vector<double> unpack_model(std::span<const std::vector<double>> blocks) const;
    // Logit blocks to n x c, row-major: columns j < c' are read.
    std::vector<double> unpack_logits(std::span<const std::vector<double>> blocks) const;

  private:
    LaneLayout() = default;
    std::size_t class_of(std::size_t i, std::size_t j) const noexcept {
        return (j + padded_classes_ - i % padded_classes_) % padded_classes_;
    }
    std::size_t slots_ = 0, lane_ = 0, samples_ = 0, features_ = 0, classes_ = 0;
    std::size_t padded_classes_ = 0;
};

}  // namespace cipherfit
