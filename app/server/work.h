// The server's work on one job directory: training, scoring, or the training of several owners.
#pragma once

#include "cipherfit/protocol/training_session.h"
#include "common/program.h"

#include <filesystem>

namespace cipherfit {

struct WorkOptions {
    std::filesystem::path job, model;
    RunOptions run;
    bool machine = false;
    double wait_seconds = 0;
    TrainingOptions training;
};

void work_on(const WorkOptions& options);
// How a training is run, and whether progress is told to a program.
void add_training_options(CLI::App& app, WorkOptions& options);

}  // namespace cipherfit
