// cipherfit charter new.
#pragma once

#include "cipherfit/parties/charter.h"
#include "cipherfit/protocol/charter_plan.h"

#include <string>

#include <CLI/CLI.hpp>

namespace cipherfit {

void add_charter_new(CLI::App& app);

// Lines that say so where the sums that are published leave few rows no secrets: equations for each
// value of the rows, or a covariance of as many columns as there are rows. Empty elsewhere.
std::string caution_of(const Charter& charter, const CharterPlan& plan);

}  // namespace cipherfit
