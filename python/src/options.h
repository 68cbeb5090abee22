// Options of a training as Python passes them: a dictionary by the names of the fields.
#pragma once

#include "bindings.h"
#include "cipherfit/fitting/owner/fit_options.h"

#include <utility>

namespace cipherfit::python {

// Members that are None or missing stay open. Throws Error(invalid_argument) for a name that is no
// option and for values of a wrong type.
std::pair<RecipeOptions, FeatureOptions> options_of(const nb::dict& given);

}  // namespace cipherfit::python
