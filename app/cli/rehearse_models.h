// `cipherfit rehearse` where features and recipe are open: the search, as a table and a recipe.
#pragma once

#include "cipherfit/fitting/owner/model_choice.h"

#include <string>

#include <nlohmann/json.hpp>

namespace cipherfit {

// The best run of each kind of features and number of iterations, with a mark at the chosen one.
std::string describe(const ModelChoice& choice);

// {"rows", "runs", "chosen"}: every run that was tried, by loss.
nlohmann::json figures_of(const ModelChoice& choice);

}  // namespace cipherfit
