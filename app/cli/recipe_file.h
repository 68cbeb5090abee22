// The recipe that `rehearse` writes and that `plan` and `fit` take in place of a search.
#pragma once

#include "cipherfit/train/owner/rehearsal_grid.h"
#include "cli/options.h"

#include <filesystem>

namespace cipherfit {

// {"format", "iterations", "step", "sigmoid_degree", "sigmoid_range", "decay", "features",
// "pca", "rehearsed"}; 0600, as it may be made from private rows. Of `features` the kind, which
// must not be auto, and the principal components, 0 for none pinned. Of whitened components (see
// FeatureOptions::are_whitened) "ridge" and, with rbf, "rbf_width" too.
void write_recipe_file(const std::filesystem::path& path, const RehearsedRun& run,
                       const FeatureOptions& features);
// The same of a search: `rehearsed` is a record of what it found, for people.
void write_recipe_file(const std::filesystem::path& path, const RecipeOptions& recipe,
                       const FeatureOptions& features, const nlohmann::json& rehearsed);

// Puts the pins of recipe.file, where one was given, into both. Throws Error (corrupt_data,
// bad_input) for a file that is no recipe or that contradicts --features or --pca.
void take_recipe_file(RecipeOptions& recipe, FeatureOptions& features);

// The options that this run stands for.
void pin(const RehearsedRun& run, RecipeOptions& recipe);

}  // namespace cipherfit
