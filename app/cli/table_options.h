// How tables are read: options of all commands that take rows.
#pragma once

#include "cipherfit/io/table.h"

#include <CLI/CLI.hpp>

namespace cipherfit {

// Of rows that a model is trained on: --label, --drop, --delimiter, --header, --one-hot,
// --categorical and --impute.
void add_training_table_options(CLI::App& app, TableOptions& table);
// Of rows for a model that knows its columns: the first four.
void add_table_options(CLI::App& app, TableOptions& table);

}  // namespace cipherfit
