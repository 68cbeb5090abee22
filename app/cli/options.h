// Options that several commands share, and what they mean.
#pragma once

#include "cipherfit/io/dataset.h"
#include "cipherfit/protocol/owner/owner_setup.h"
#include "common/program.h"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include <CLI/CLI.hpp>
#include <nlohmann/json_fwd.hpp>

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
};

struct FeatureOptions {
    std::string kind = "auto";        // auto, raw, random-conv, pca
    int components = 0;               // 0: the extractor's own
    std::optional<double> whitening;  // the extractor's own unless given
    // Of feature extraction, the rehearsal's folds and the order of mini-batches. 1 unless given.
    std::optional<std::uint64_t> given_seed;
    std::uint64_t seed() const { return given_seed.value_or(1); }
};

struct RecipeOptions {
    std::string preset = "standard";
    int iterations = 8;
    int epochs = 0;  // 0: iterations are given
    int batch = 0;   // 0: all samples in every iteration
    double decay = 0;
    std::string momentum = "nesterov";
    int degree = 0;                              // 0: not pinned
    double range = 0, step = 0, final_step = 0;  // 0: not pinned
    bool no_rehearsal = false;
    unsigned log_n = 0, scale_bits = 0;
    double memory_limit_gb = 0;  // 0: the planner's own
    std::optional<std::size_t> most_ciphertexts;
    std::string solver = "auto", kernel = "owner", security = "128";
    std::optional<int> models_every;
    std::filesystem::path file;  // of `rehearse`; see recipe_file.h
};

void add_train_options(CLI::App& app, SampleOptions& samples, bool required);
void add_test_options(CLI::App& app, SampleOptions& samples, bool required = true);
void add_feature_options(CLI::App& app, FeatureOptions& features);
void add_recipe_options(CLI::App& app, RecipeOptions& recipe);
void add_json_option(CLI::App& app, std::filesystem::path& file);

// Throws Error(bad_input) for an unknown preset.
SetupOptions setup_options(const RecipeOptions& recipe, const FeatureOptions& features);

// Everything that decides what a plan is, besides the training rows.
nlohmann::json to_json(const RecipeOptions& recipe, const FeatureOptions& features);

}  // namespace cipherfit
