// Grids of the rehearsal for several numbers of components: which one is chosen, and how they are
// shown.
#pragma once

#include "cipherfit/train/owner/rehearsal_grid.h"

#include <cstddef>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

namespace cipherfit {

// One grid, of the features with that many principal components (0: the extractor's own choice).
struct RehearsedPart {
    int components = 0;
    std::string features;  // the kind that they are of
    RehearsalGrid grid;
};

// A table with a line for each run, of whose accuracies small bars tell the course.
std::string describe(const std::vector<RehearsedPart>& parts, std::size_t chosen);

// Between the parts' choices as rehearse_grid() chooses within one: the most accurate grid where
// accuracy decides, else the cheapest of those within one standard error of it.
std::size_t choose_part(const std::vector<RehearsedPart>& parts, std::size_t rows,
                        bool prefer_accuracy);

// For --json.
nlohmann::json figures_of(const std::vector<RehearsedPart>& parts, std::size_t chosen,
                          std::size_t rows);

}  // namespace cipherfit
