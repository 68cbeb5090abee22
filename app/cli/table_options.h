// How tables are read: options of all commands that take rows.
#pragma once

#include "cipherfit/io/table.h"

#include <CLI/CLI.hpp>

namespace cipherfit {

// Adds the options of rows that a model is trained on: --label, --drop, --delimiter, --header,
// --one-hot, --categorical and --impute.
void add_training_table_options(CLI::App& app, TableOptions& table);
// Adds the first four of them, for rows of a model that knows its columns.
void add_table_options(CLI::App& app, TableOptions& table);

}  // namespace cipherfit
