// cipherfit charter new.
#pragma once

#include <CLI/CLI.hpp>

namespace cipherfit {

void add_charter_new(CLI::App& app);

}  // namespace cipherfit
