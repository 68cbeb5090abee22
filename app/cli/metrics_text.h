// How good a model is on test rows, as lines for a person.
#pragma once

#include "cipherfit/train/owner/metrics.h"

#include <span>
#include <string>

#include <nlohmann/json_fwd.hpp>

namespace cipherfit {

// What always naming the most frequent class would reach, balanced accuracy, AUC, log loss and
// calibration error, a line each.
std::string describe_metrics(const nlohmann::json& metrics);  // to_json(Metrics)

// Rows, precision, recall and AUC of every class.
std::string class_table(const Metrics& metrics, std::span<const std::string> names);

// The confusion matrix; a line that names --json instead where there are too many classes for one.
std::string confusion_table(const Metrics& metrics, std::span<const std::string> names);

}  // namespace cipherfit
