// Options that several commands share, and what they mean.
#pragma once

#include "cipherfit/fitting/owner/fit_options.h"
#include "cipherfit/io/dataset.h"
#include "common/program.h"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

namespace cipherfit {

// Rows begin..end-1; without an end, up to the last.
struct RowRange {
    std::size_t begin = 0;
    std::optional<std::size_t> end;
};

// "A:B", "A:", ":B". Throws Error(bad_input).
RowRange parse_rows(const std::string& text);

// A labelled file and the part of it that is meant. Empty: not given.
struct SampleOptions {
    std::filesystem::path file, labels;
    std::string rows;
    DatasetPart part = DatasetPart::train;  // which files a folder stands for
    bool unlabelled = false;                // rows without labels; each gets the label 0
    TableOptions table = {};
    // A share of every class that is held out of the rows, by the seed: these are the rest, or the
    // share itself. 0: all rows.
    double hold_out = 0;
    std::uint64_t hold_out_seed = 1;
    bool is_held_out = false;
    bool count_unknown_classes = false;  // of test rows; refused otherwise
};

void add_train_options(CLI::App& app, SampleOptions& samples, bool required);
void add_test_options(CLI::App& app, SampleOptions& samples, bool required = true);
void add_feature_options(CLI::App& app, FeatureOptions& features);
void add_recipe_options(CLI::App& app, RecipeOptions& recipe);
void add_json_option(CLI::App& app, std::filesystem::path& file);

}  // namespace cipherfit
