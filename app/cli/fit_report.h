// What a run of `fit` can say about itself: the figures of --json and the lines at its end.
#pragma once

#include "cipherfit/fitting/owner/plan_figures.h"
#include "cipherfit/train/owner/head.h"
#include "cli/owner_files.h"
#include "cli/owner_steps.h"

#include <filesystem>
#include <optional>
#include <string>

#include <nlohmann/json.hpp>

namespace cipherfit {

struct FitResult {
    const OwnerState& state;
    const Head& head;  // decrypted, or simulated
    const Dataset& training;
    const TestRows& test;
    bool simulated = false;
    nlohmann::json timings = nlohmann::json::object();  // *_seconds; absent where unknown
    nlohmann::json server = nlohmann::json::object();   // server_report.json
    std::optional<JobFiles> job = std::nullopt;         // for the sizes of what was sent
    double held_out_share = 0;  // of the training rows, which were tested on; 0: other rows were
};

// One object with all figures; null where a simulated run has none.
nlohmann::json fit_figures(const FitResult& result);

// A few lines for a person, from those figures.
std::string fit_ending(const nlohmann::json& figures);

// Whether decrypted and twin's predictions agree wherever the bound says that they must.
bool is_in_agreement(const nlohmann::json& figures);
// Records a refusal and throws refuse_decrypted() where they do not.
void require_agreement(const nlohmann::json& figures, OwnerSession& session);

}  // namespace cipherfit
