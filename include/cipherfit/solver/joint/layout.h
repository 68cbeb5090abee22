// How several owners' sums lie in ciphertexts, and how the server takes them apart.
//
// d rows and c classes, d' and c' the next powers of two, S = N/2 slots.
//     state     slot m d' + i = V[i, m], over and over with the period d' c'
//     diagonal  o = 0..d-1 of the symmetric G: H_o[i] = G[i, i + o], 0 where i + o >= d; kept
//               turned back, K_o[i] = H_o[i - u B mod d'] with o = u B + v, the same in all classes
// Nothing but G's upper half is sent: with V turned by o,
//     G V = sum_o H_o o rot_o(V) + sum_{o > 0} rot_{-o}(H_o o V)
//         = sum_u rot_{uB} sum_v K_o o rot_v(V) + sum_v rot_{-v} sum_u K_o o rot_{-uB}(V)
// H_o is zero where a turn would bring in another class, so that no mask is needed.
//
// Packing: two real diagonals are the real and imaginary parts of one vector. Vectors of period d'
// are the polynomials in X^g, g = S/d'. So g of them fit into one polynomial, vector k in the
// coefficients of X^(k + g j). The server splits it in log2(g) stages: with the automorphism f that
// sends Y = X^(2^j) to -Y, p + f(p) holds twice the even and Y^-1 (p - f(p)) twice the odd vectors.
// (Chen, Chillotti and Ren, Onion Ring ORAM, CCS 2019, expand queries so.) One stage more, with the
// conjugate, parts the two diagonals. That takes one key switch for two results, no mask and no
// level.
#pragma once

#include "cipherfit/circuit/operations.h"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace cipherfit {

class JointLayout {
  public:
    // Throws Error(invalid_argument) where d' c' does not fit the slots (a power of two), or for
    // fewer than 2 rows, no class, baby steps that are no power of two up to d', or a number of
    // hoisted rotations that is none up to the baby steps.
    static JointLayout create(std::size_t slots, std::size_t rows, std::size_t classes,
                              std::size_t babies, std::size_t hoisted);
    static bool fits(std::size_t slots, std::size_t rows, std::size_t classes) noexcept;

    std::size_t slots() const noexcept { return slots_; }
    std::size_t rows() const noexcept { return rows_; }
    std::size_t classes() const noexcept { return classes_; }
    std::size_t padded_rows() const noexcept { return padded_rows_; }
    std::size_t padded_classes() const noexcept { return padded_classes_; }
    std::size_t period() const noexcept { return padded_rows_ * padded_classes_; }
    // How often a state is repeated: also the gap of the coefficients that carry it.
    std::size_t copies() const noexcept { return slots_ / period(); }
    std::size_t babies() const noexcept { return babies_; }
    std::size_t giants() const noexcept { return (rows_ + babies_ - 1) / babies_; }
    std::size_t hoisted() const noexcept { return hoisted_; }
    // g, and how many diagonals a ciphertext holds: 2 g, or d' where that is less (then every
    // 2 g/d'-th place is used).
    std::size_t places() const noexcept { return slots_ / padded_rows_; }
    std::size_t packed() const noexcept;
    // What taking them apart multiplies them by.
    std::size_t unpacking_factor() const noexcept { return 2 * places(); }
    std::size_t gram_ciphertexts() const noexcept { return (rows_ + packed() - 1) / packed(); }
    // The diagonal at a place of a ciphertext, in the real part, or the one in the imaginary part;
    // rows() where there is none.
    std::size_t diagonal_at(std::size_t ciphertext, std::size_t place,
                            bool imaginary = false) const noexcept;
    // Those of places, and that of the parts.
    std::size_t stages() const noexcept;
    // Key switches of each stage, over all ciphertexts.
    std::vector<std::size_t> stage_switches() const;
    // Chained rotations behind each other in a family of `count` turns.
    std::size_t chained(std::size_t count) const noexcept {
        return count == 0 ? 0 : (count - 1) / hoisted_;
    }

  private:
    JointLayout() = default;
    std::size_t slots_ = 0, rows_ = 0, classes_ = 0, padded_rows_ = 0, padded_classes_ = 0;
    std::size_t babies_ = 0, hoisted_ = 0;
};

// The diagonals K_0..K_{d-1} from the ciphertexts that hold them; their scale takes up the factor
// of the stages.
std::vector<Handle> unpack_diagonals(Operations& operations, const JointLayout& layout,
                                     std::vector<Handle> packed);

// G V, relinearised and not rescaled: at the operands' level, scale(G) scale(V).
Handle multiply_symmetric(Operations& operations, const JointLayout& layout,
                          const std::vector<Handle>& diagonals, const Handle& state);

}  // namespace cipherfit
