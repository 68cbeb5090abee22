// The public part of a model: what 'cipherfit export' writes, and what others read of it.
#pragma once

#include "cli/owner_steps.h"

#include <filesystem>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

namespace cipherfit {

struct PublicModel {
    RowMatrix weights;         // c x (features + 1), bias first, for the columns of the input
    nlohmann::json extractor;  // null, or the state of an extractor without anything fitted
    nlohmann::json card;       // card.json
};

// The model for inputs as they are before what was fitted on the training rows: with P and m the
// components and means of an extractor, w (P^T (f - m)) + b = (w P^T) f + (b - w P^T m). Of 'pca'
// nothing else is left; of 'random-conv' the filters, which come from a public seed, as an
// extractor whose components are the unit matrix. Throws Error(bad_input) for an extractor that it
// does not know.
PublicModel public_model(const RowMatrix& weights, const SavedModel& model,
                         const std::vector<std::string>& feature_names);

// The names of the input's columns that model.json or a card knows; none where it knows none.
std::vector<std::string> feature_names_of(const nlohmann::json& json);

// card.json in that directory, or the model.json that earlier versions had published in its place:
// class names, a head without rows of as many columns, the extractor.
SavedModel read_model_card(const std::filesystem::path& directory);

}  // namespace cipherfit
