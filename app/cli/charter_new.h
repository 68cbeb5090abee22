// cipherfit charter new.
#pragma once

#include "cipherfit/parties/charter.h"
#include "cipherfit/protocol/charter_plan.h"

#include <string>

#include <CLI/CLI.hpp>

namespace cipherfit {

void add_charter_new(CLI::App& app);

// Lines about solvable_sums(), empty where there are none.
std::string caution_of(const Charter& charter, const CharterPlan& plan);

}  // namespace cipherfit
