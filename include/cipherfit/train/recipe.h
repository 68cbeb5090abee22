// A recipe: every public constant of a training run, fixed by the data owner before encryption. The
// recurrence it parameterises, in scaled coordinates (see preprocess.h; class-major c x d states):
//
//     M_0 = U_0 = 0
//     S_t = U_t or M_t                    by gradient_at
//     Z_t = Z_0 + Xs S_t^T,  E_t = Y - s(Z_t),  Q_t = E_t^T Xs
//     M_{t+1} = (1 - decay) U_t + steps[t] Q_t                          the main sequence
//     U_{t+1} = (1 - etas[t]) M_{t+1} + etas[t] M_t                     the extrapolated sequence
//
// for t = 0..iterations-1; the model is M_T or U_T, by `model`. With mini-batches, Xs, Y and Z_0
// are the rows of batch t modulo the number of batches (batch_rows()). All rows may come in parts,
// whose Q_t are added up: they change what is in memory together, and nothing else. Weight decay is
// decoupled from the gradient (Loshchilov and Hutter, ICLR 2019): it shrinks the way from W_0, so
// that the iterates stay in the row space of Xs and the dual solver's are the same. In the first
// iteration S_0 = 0 and so Z = Z_0, which the owner knows: zero where initial_weight is zero.
// Nesterov's method: eta_t = (1 - a_t) / a_{t+1}, a_{t+1} = (1 + sqrt(1 + 4 a_t^2)) / 2.
#pragma once

#include "cipherfit/base/error.h"
#include "cipherfit/train/sigmoid.h"

#include <cstddef>
#include <string_view>
#include <vector>

#include <Eigen/Core>
#include <nlohmann/json_fwd.hpp>

namespace cipherfit {

enum class Preset {
    standard,    // centred features of common unit RMS norm, zero start, a_0 = 1
    chiang2023,  // what the public code of arXiv 2304.03807 computes
};

enum class ModelSequence {
    main,          // M_t
    extrapolated,  // U_t
};

std::string_view name(Preset preset) noexcept;
std::string_view name(ModelSequence sequence) noexcept;

// The preset of that name. ErrorCode::bad_input, listing the names there are.
Expected<Preset> preset_from_name(std::string_view name);

inline constexpr int max_iterations = 10'000;
inline constexpr int largest_batch = 1 << 20;
inline constexpr int most_parts = 1 << 12;

struct Recipe {
    Preset preset = Preset::standard;
    int iterations = 0;         // 1..max_iterations
    SigmoidPolynomial sigmoid;  // see check(SigmoidPolynomial)
    std::vector<double> steps;  // one per iteration, each in (0, 1e6]
    std::vector<double> etas;   // one per iteration, each in [-1, 1]
    ModelSequence gradient_at = ModelSequence::extrapolated;
    ModelSequence model = ModelSequence::main;
    double initial_weight = 0.0;  // every entry of W_0 (c x d, unscaled coordinates), |.| <= 1e3
    double decay = 0.0;           // of the weights, an iteration, in [0, 0.5]
    int batch = 0;                // samples an iteration, 0: all; up to largest_batch
    int parts = 1;                // in which all samples come; 1 with mini-batches; to most_parts

    bool operator==(const Recipe&) const = default;
};

// eta_0..eta_{iterations-1} for a start a_0 >= 0. With a_0 = 1: eta_0 = 0, so that U_1 = M_1.
std::vector<double> nesterov_etas(double a0, int iterations);

enum class Momentum {
    nesterov,
    none,  // all etas are 0, so that U = M: plain gradient descent, with one sequence
};
std::string_view name(Momentum momentum) noexcept;
// The momentum of that name. ErrorCode::bad_input, listing the names there are.
Expected<Momentum> momentum_from_name(std::string_view name);

// a_0 = 1, a constant step, zero start, gradient at U (without momentum: at M), model M. Throws
// Error (invalid_argument) for values that check() refuses.
Recipe standard_recipe(int iterations, double step, SigmoidPolynomial sigmoid,
                       Momentum momentum = Momentum::nesterov);

// The logits that a run of so many classes trains: one for each, or for two classes a single one,
// of class 1 against class 0. From a zero start two heads would mirror each other all along, since
// s(-z) = 1 - s(z); from a common start that is not zero they do not, and both are trained.
std::size_t trained_heads(std::size_t classes, const Recipe& recipe) noexcept;

// Whether U is needed: not where all etas are 0 and gradient and model are those of M, which is
// then all that is kept.
bool has_momentum(const Recipe& recipe) noexcept;

// The paper's code for n = `samples` >= 1 training samples: W_0 = 0.0128 everywhere, a_0 = 0.01,
// step_t = 1 + 1 / (n (t + 1)), gradient at M, model U.
Recipe chiang2023_recipe(int iterations, Eigen::Index samples);

// The rows that an iteration trains on.
struct BatchRows {
    std::size_t first = 0;
    std::size_t count = 0;
};
// Batches of `samples` rows, one where the recipe takes all of them at once. The last one may have
// fewer rows than the others.
std::size_t batch_count(const Recipe& recipe, std::size_t samples) noexcept;
// Rows of one batch: the recipe's batch, or `samples` if those are fewer.
std::size_t rows_per_batch(const Recipe& recipe, std::size_t samples) noexcept;
// The rows of batch 0..batch_count-1.
BatchRows batch_rows(const Recipe& recipe, std::size_t samples, std::size_t batch) noexcept;

// The files in which the rows are sent: a mini-batch each, or a part of all rows. The last one may
// have fewer rows than the others. There may be fewer files than the recipe has parts, where there
// are few rows.
std::size_t row_files(const Recipe& recipe, std::size_t samples) noexcept;
// Rows of a layout for one file.
std::size_t rows_per_file(const Recipe& recipe, std::size_t samples) noexcept;
// The rows of file 0..row_files-1.
BatchRows file_rows(const Recipe& recipe, std::size_t samples, std::size_t file) noexcept;

// What makes the recipe unusable, if anything. ErrorCode::invalid_argument.
Expected<void> check(const Recipe& recipe);

// One JSON object with every member under its own name; doubles survive bit for bit. Reading
// untrusted JSON gives ErrorCode::corrupt_data for a wrong shape or what check() refuses.
nlohmann::json to_json(const Recipe& recipe);
Expected<Recipe> recipe_from_json(const nlohmann::json& json);

}  // namespace cipherfit
