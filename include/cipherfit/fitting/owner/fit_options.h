// What a training may be asked for: the features that are made in the clear, the recipe, the plan.
// The command line and other front ends fill these in; what is left open is chosen on the training
// rows (model_choice.h).
#pragma once

#include "cipherfit/protocol/owner/owner_setup.h"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

namespace cipherfit {

// The kinds of features that FeatureOptions::kind may name.
const std::vector<std::string>& feature_kinds();

// The most filters that random-conv takes, on its grid of 4 x 4 cells.
inline constexpr int most_filters = 1024;

struct FeatureOptions {
    // auto, raw, standardised, rbf, random-conv, pca, random-conv+rbf, pca+rbf
    std::string kind = "auto";
    int components = 0;                 // 0: not given
    std::vector<int> tried_components;  // by the search; empty: its own
    std::optional<double> whitening;    // the extractor's own unless given
    std::optional<double> ridge;        // of whitening with unit steps; searched unless given
    std::optional<double> width;        // of rbf; searched unless given

    int cosines = 1024;  // of rbf
    // The threshold of random-conv's rectifier, in units of a white pixel; searched unless given.
    std::optional<double> threshold;
    int filters = 64;           // of random-conv
    bool unit_filters = false;  // divide their answers to an image by their norm

    // Whether features are whitened components with a ridge, on which steps are unit steps.
    bool are_whitened() const {
        return ridge || kind == "standardised" || kind.find("rbf") != std::string::npos;
    }
    // It seeds feature extraction, the rehearsal's folds and the order of mini-batches. 1 unless
    // given.
    std::optional<std::uint64_t> given_seed;
    std::uint64_t seed() const { return given_seed.value_or(1); }
};

struct RecipeOptions {
    std::string preset = "standard";
    int iterations = 0;                             // 0: not given
    std::vector<int> tried_iterations{1, 2, 4, 8};  // by the search, where none are given
    int epochs = 0;                                 // 0: iterations are given
    int batch = 0;                                  // 0: all samples in every iteration
    int parts = 0;                                  // files of all samples; 0: as many as suit
    std::optional<double> decay;
    std::vector<double> tried_decays{0.0, 0.02, 0.1};  // by the search, where none is given
    std::string momentum = "nesterov";
    std::string class_weight, prior;             // empty, balanced or a file; see class_weights.h
    int degree = 0;                              // 0: not pinned
    double range = 0, step = 0, final_step = 0;  // 0: not pinned
    bool no_rehearsal = false;
    bool prefer_accuracy = false;  // the most accurate run of the search, whatever it costs
    unsigned log_n = 0, scale_bits = 0;
    double memory_limit_gb = 0;  // 0: the planner's own
    std::optional<std::size_t> most_ciphertexts;
    std::string solver = "auto", gram = "owner", security = "128";
    std::optional<int> models_every;
    std::filesystem::path file;  // of `rehearse`; see recipe_file.h
};

// The sigmoid's degree that is asked for, or that the solver which is asked for must have; 0: left
// open. A preset has its own.
int pinned_degree(const RecipeOptions& recipe);

// Throws Error(bad_input) for an unknown preset.
SetupOptions setup_options(const RecipeOptions& recipe, const FeatureOptions& features);

// Everything that decides what a plan is, besides the training rows.
nlohmann::json to_json(const RecipeOptions& recipe, const FeatureOptions& features);

}  // namespace cipherfit
