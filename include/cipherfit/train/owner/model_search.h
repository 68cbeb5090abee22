// Choosing what a model is made of, in the clear, from the training rows alone, before anything is
// encrypted: the features, how many of their components, the ridge that whitening them takes, and
// the iterations of the encrypted run.
//
//     x = p diag((dev^2 + ridge T)^-1/2)          p: a row's components, dev^2 their variances
//     D = sqrt(4 / n) I                           unit steps: see ColumnScale in preprocess.h
//
// On such columns the first step from zero, at step 1 / (4 s'(0)), is the solution of ridge
// regression on the labels: (1 / s'(0)) (1/n) (Y - 1/2)^T X. So one iteration is judged in closed
// form for every ridge and number of components at the price of one decomposition, and longer runs,
// which mend what the square loss does wrong, are tried by the twin for the best of these alone.
#pragma once

#include "cipherfit/train/owner/rehearse.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace cipherfit {

// Components of features that were fitted on some rows, not whitened.
struct ComponentScores {
    Eigen::VectorXd deviation;    // K, descending, > 0
    double total_variance = 0.0;  // T, of all components, those left out included
    RowMatrix training;           // n x K, of mean 0 and deviation `deviation`
    RowMatrix held_out;           // m x K
};

// One way to make features of the training rows.
class FeatureSource {
  public:
    FeatureSource() = default;
    FeatureSource(const FeatureSource&) = delete;
    FeatureSource& operator=(const FeatureSource&) = delete;
    virtual ~FeatureSource() = default;

    // For messages, e.g. "rbf, width 0.1".
    virtual std::string name() const = 0;
    // Fitted on the rows `training` of all rows, and applied to both: at most `most` components.
    // Several threads may call it at once. Throws Error (bad_input) for rows that are all equal.
    virtual ComponentScores components(std::span<const Eigen::Index> training,
                                       std::span<const Eigen::Index> held_out,
                                       Eigen::Index most) const = 0;
};

struct ModelSearchOptions {
    std::vector<int> iterations{1, 2, 4, 8};     // numbers to try
    std::optional<int> degree = std::nullopt;    // of the sigmoid; 3 unless pinned
    std::optional<double> range = std::nullopt;  // 8 and 16 unless pinned
    std::vector<double> decays{0.0, 0.02, 0.1};  // of the weights, to try
    Momentum momentum = Momentum::nesterov;
    int batch = 0;                              // samples an iteration, 0: all
    std::vector<Eigen::Index> components = {};  // numbers to try; empty: 15, 31, 63, ..., 1023
    std::vector<double> ridges = {};            // to try, in units of T; empty: 1e-5, ..., 1e-1
    std::size_t training_rows = 0;              // of the encrypted run; 0: those given
    Eigen::VectorXd row_weights = {};           // n values >= 0; empty: all alike
    Eigen::Index most_components = 1023;        // of the numbers that are not given
    bool prefer_accuracy = false;               // the most accurate, whatever its loss
    int folds = 5;
    std::uint64_t seed = 1;  // of the folds
    // Told the share of the work that is done, from the calling thread; may throw.
    std::function<void(double)> progress = {};
};

// What was tried, and what it reached on the rows held out.
struct ModelCandidate {
    std::size_t source = 0;  // of those given
    Eigen::Index components = 0;
    double ridge = 0.0;
    int iterations = 1;
    double step = 0.0;
    double range = 0.0;
    double decay = 0.0;
    double accuracy = 0.0;
    double loss = 0.0;            // see held_out_loss.h
    double difference = 0.0;      // of the loss to the best's
    double standard_error = 0.0;  // of that difference, over rows
    double max_abs_z = 0.0;       // where gradients are taken; 0 for one iteration
    double work = 0.0;            // what the encrypted run costs, in arbitrary units
};

struct ModelSearch {
    ModelCandidate chosen, best;             // best: of least loss
    std::vector<ModelCandidate> candidates;  // by loss
    Recipe recipe;                           // of the chosen, for all rows
    HeldOutScores held_out;                  // of the chosen
    // The chosen as the rest of the program knows it.
    RehearsalCandidate rehearsed() const;
};

// `most` of the rows, ascending, which keep the classes' shares, or all where there are no more:
// what takes part in the search of a large data set. most >= 1.
std::vector<Eigen::Index> sample_rows(std::span<const int> labels, std::size_t most,
                                      std::uint64_t seed);

// The features of least held-out loss after two iterations, or after the least number above one
// that is tried. Another number of iterations is chosen where it makes the loss lower by more than
// a paired standard error: of few rows that error is large, and one iteration, whose loss is within
// it nearly always, classifies worse. Fewer components are taken where loss and share of wrong rows
// stay within a quarter of a standard error. Where more than 4e6 values are to be encrypted, the
// candidate of least work is chosen of those within one standard error of the least loss and its
// share of wrong rows. No candidate's |z| leaves 0.95 of its sigmoid's range. Throws Error
// (bad_input) for rows that cannot be trained on, and where no candidate can be used.
ModelSearch search_models(std::span<const std::unique_ptr<FeatureSource>> sources,
                          std::span<const int> labels, int classes,
                          const ModelSearchOptions& options = {});

// The recipe of unit steps: step 1 / (4 s'(0)), so that step s'(0) lambda_max(Xs Xs^T) = 1.
Recipe unit_step_recipe(int iterations, SigmoidPolynomial sigmoid,
                        Momentum momentum = Momentum::nesterov);

}  // namespace cipherfit
