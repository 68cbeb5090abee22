// Scores under encryption: Z = X W^T for rows X that the server must not see, with a model W that
// is encrypted too, or that is the server's own and in the clear.
//
// A plan of its own, in a small ring: q_0 of 50 bits and one level of 38, keys of a few megabytes
// in place of the gigabyte that training needs. What training leaves lies at the last level, where
// nothing can be multiplied any more; its owner has decrypted and checked it anyhow, and encrypts
// it afresh for prediction.
//
// Rows and model are brought to fixed sizes, so that the plan tells nothing of them:
//     |x_i|_1 <= 128 for every row (bias included), |w_kj| <= 4, hence |z| <= 512.
// The factors that were taken out are put back by whoever took them.
#pragma once

#include "cipherfit/base/error.h"
#include "cipherfit/base/secure.h"
#include "cipherfit/ckks/evaluator.h"
#include "cipherfit/linalg/lane_layout.h"
#include "cipherfit/linalg/matrix_products.h"
#include "cipherfit/rlwe/parameters.h"

#include <cstddef>
#include <vector>

#include <nlohmann/json_fwd.hpp>

namespace cipherfit {

inline constexpr double largest_row_norm = 128;  // 1-norm of a row
inline constexpr double largest_weight = 4;

// n, d (bias included), c, and whose the model is.
struct PredictionShape {
    std::size_t samples = 0;
    std::size_t features = 0;
    std::size_t classes = 0;
    bool encrypted_model = true;
    friend bool operator==(const PredictionShape&, const PredictionShape&) = default;
};

class PredictionPlan {
  public:
    // The smallest 128-bit ring from N = 2^13 on that holds the layout, and the lane of least work.
    // A function of the shape alone. Throws Error(bad_input) for more than 2^24 rows, 2^20 features
    // or more classes than a ring holds (128). With `test_log_n` that ring instead, which may be
    // insecure: for tests only.
    static PredictionPlan create(const PredictionShape& shape, unsigned test_log_n = 0);

    const PredictionShape& shape() const noexcept { return shape_; }
    const Parameters& parameters() const noexcept { return parameters_; }
    const LaneLayout& layout() const noexcept { return layout_; }
    const ShiftPlan& shifts() const noexcept { return shifts_; }
    std::size_t level() const noexcept { return 1; }  // of rows and model; scores are at 0
    double scale() const noexcept;                    // of rows and of the model
    double score_scale() const noexcept;
    KeyRequest keys() const;
    std::size_t row_ciphertexts() const noexcept;
    std::size_t model_ciphertexts() const noexcept;  // 0 for a model in the clear
    std::size_t score_ciphertexts() const noexcept { return layout_.sample_blocks(); }
    // The server's memory for ciphertexts and keys.
    double memory_bytes() const;
    // The standard deviation, from above, of a score's error for rows and models of the sizes
    // above: fresh errors and switches of the features times the weights, those of the model times
    // the row, the rescaling and the fold over lane / c' columns (noise.h).
    double score_error() const;

    Digest hash() const;
    nlohmann::json to_json() const;
    // Untrusted JSON: ErrorCode::corrupt_data unless it is what create() makes of its shape.
    static Expected<PredictionPlan> from_json(const nlohmann::json& json);

  private:
    PredictionPlan(const PredictionShape& shape, unsigned test_log_n, Parameters parameters,
                   const LaneLayout& layout, const ShiftPlan& shifts);
    PredictionShape shape_;
    unsigned test_log_n_;
    Parameters parameters_;
    LaneLayout layout_;
    ShiftPlan shifts_;
};

// The blocks of Z, in the layout's order, at level 0 and score_scale(). Columns j >= c' of every
// row hold partial sums. `rows` and `model` in the layout's order; they must be as the plan says,
// or Error(corrupt_data); a missing key is Error(missing_key). Holds no secret and draws no
// randomness.
std::vector<Ciphertext> predict_encrypted(const PredictionPlan& plan, const EvaluationKeys& keys,
                                          std::vector<Ciphertext> rows,
                                          const std::vector<Ciphertext>& model);
// The same for a model in the clear, c x d, |entries| <= largest_weight (invalid_argument).
std::vector<Ciphertext> predict_plain(const PredictionPlan& plan, const EvaluationKeys& keys,
                                      const std::vector<Ciphertext>& rows, MatrixView model);

}  // namespace cipherfit
