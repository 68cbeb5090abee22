// The rehearsal over what costs depth: numbers of iterations and degrees of the sigmoid. For each
// pair rehearse() finds step and range; this chooses between the pairs by what they reach on rows
// that were held out and by what their plans cost under encryption.
#pragma once

#include "cipherfit/train/owner/rehearse.h"
#include "cipherfit/train/plan.h"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

namespace cipherfit {

struct RehearsalGridOptions {
    std::vector<int> iterations{1, 2, 3, 4, 6, 8};  // each 1..max_iterations
    std::vector<int> degrees{3, 5};                 // each 1, 3, 5 or 7
    std::vector<double> decays{0.0};                // of the weights, see recipe.h
    std::optional<double> step = std::nullopt;      // as in RehearsalOptions
    std::optional<double> range = std::nullopt;
    int folds = 5;
    std::uint64_t seed = 1;
    PlanOptions plan = {};
    // The best accuracy, not the cheapest within one standard error of it.
    bool prefer_accuracy = false;
};

// What a run reaches on the held-out rows of all folds after an iteration.
struct HeldOutPoint {
    double accuracy = 0.0;
    double loss = 0.0;  // mean softmax cross-entropy
};

// What a plan asks of the server.
struct RehearsedCost {
    unsigned log_n = 0;
    std::size_t levels = 0;
    double limb_transforms = 0;  // the planner's unit of work
    double key_bytes = 0, upload_bytes = 0, memory_bytes = 0;
};

struct RehearsedRun {
    int iterations = 0;
    int degree = 0;
    double decay = 0;
    // Why the run cannot be used: |z| leaves every range, no stable step, no ring that holds it.
    // Empty where it can; only then the rest is set.
    std::string refusal;
    Recipe recipe;
    RehearsalCandidate chosen;
    std::vector<HeldOutPoint> curve;  // of the chosen candidate, one point per iteration
    RehearsedCost cost;
    bool usable() const noexcept { return refusal.empty(); }
};

struct RehearsalGrid {
    std::vector<RehearsedRun>
        runs;  // by degree, then decay, then iterations, in the options' order
    std::size_t chosen = 0;
    const RehearsedRun& best() const { return runs[chosen]; }
};

// Takes, from the usable pairs whose accuracy is within one standard error sqrt(p (1 - p) / n) of
// the best p over n held-out rows, the one of least predicted work; with prefer_accuracy the most
// accurate. The smaller loss decides between equals. Every usable pair keeps |z|
// within 0.95 of its sigmoid's range, on the rows of each fold, held out or not, and on all rows.
// Throws Error(bad_input), with the reason of the first pair, where none is usable.
RehearsalGrid rehearse_grid(const RowMatrix& raw, std::span<const int> labels, int classes,
                            const RehearsalGridOptions& options = {});

nlohmann::json to_json(const RehearsedRun& run);

}  // namespace cipherfit
