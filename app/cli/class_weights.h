// Weights and shares of classes, as options name them.
#pragma once

#include "cipherfit/io/dataset.h"

#include <string>

#include <Eigen/Core>

namespace cipherfit {

// One number for each class of the rows, in their order. `given`: empty for none, which gives an
// empty vector; "balanced" for weights that give every class the same share; or a file with a line
// "CLASS,NUMBER" for every class. Throws Error(bad_input, io_failure).
Eigen::VectorXd class_weights_of(const std::string& given, const Dataset& rows);
// The same for shares: "balanced" gives equal ones.
Eigen::VectorXd class_shares_of(const std::string& given, const Dataset& rows);

}  // namespace cipherfit
