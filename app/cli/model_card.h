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

// Whether an extractor is published together with what was fitted on the training rows, where it
// cannot be separated from that.
enum class Fitted { keep, publish };

// The model for inputs as they are before what was fitted on the training rows: with P and m the
// components and means of an extractor, w (P^T (f - m)) + b = (w P^T) f + (b - w P^T m). Of 'pca'
// nothing else is left; of 'random-conv' the filters, which come from a public seed, as an
// extractor whose components are the unit matrix. Of 'standardised' nothing is left either; nothing
// is clipped then. Others ('rbf') throw Error(bad_input), or are published as they are. The names
// of the columns go into the card, with the categories of text columns; what fills in for missing
// values, a statistic of the training rows, does not.
PublicModel public_model(const RowMatrix& weights, const SavedModel& model, Fitted fitted);

// card.json in that directory, or the model.json that earlier versions had published in its place:
// class names, a head without rows of as many columns, the extractor.
SavedModel read_model_card(const std::filesystem::path& directory);

}  // namespace cipherfit
