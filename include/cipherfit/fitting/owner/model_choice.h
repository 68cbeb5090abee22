// What features and which recipe, chosen on the training rows in the clear: search_models() with
// the sources that fit the data.
#pragma once

#include "cipherfit/fitting/owner/fit_options.h"
#include "cipherfit/fitting/owner/training_rows.h"
#include "cipherfit/train/owner/model_search.h"

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace cipherfit {

// Whether the options leave features or recipe to the search. They do not with raw features, a
// whitening, a step or no rehearsal of the user's, another preset, or a recipe file.
bool leaves_model_open(const RecipeOptions& recipe, const FeatureOptions& features);

struct ModelChoice {
    RecipeOptions recipe;     // with everything that was chosen pinned
    FeatureOptions features;  // the same
    ModelSearch search;
    std::vector<std::string> sources;  // names, by ModelCandidate::source
    std::size_t rows = 0;              // that took part
    std::string text;                  // one line: what was chosen and why
};

// `class_weights`: one a class, or empty. `progress`: told the share of the work that is done.
// Throws Error(bad_input).
ModelChoice choose_model(const TrainingRows& training, const RecipeOptions& recipe,
                         const FeatureOptions& features, const Eigen::VectorXd& class_weights = {},
                         const std::function<void(double)>& progress = {});

}  // namespace cipherfit
