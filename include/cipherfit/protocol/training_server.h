// The server's whole work on a job directory: load, train with checkpoints, write the model. Holds
// no secret.
#pragma once

#include "cipherfit/protocol/job_files.h"

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>

namespace cipherfit {

// What a progress line can say.
struct ServerProgress {
    enum class Phase { load_keys, load_data, prepare, train, write } phase = Phase::load_keys;
    std::uint64_t done = 0;  // bytes, or iterations
    std::uint64_t total = 0;
    std::size_t level = 0;  // of the model, while training
    std::uint64_t bytes_written = 0;
    double work_done = 0;  // while training, the part of all iterations' predicted work, 0 to 1
};

struct ServerOptions {
    std::function<void(const ServerProgress&)> progress;
    // A plan that would need more is refused before anything is loaded; 0: the machine's memory.
    double memory_limit_bytes = 0;
    TestParameters tests = TestParameters::refuse;
    // The checkpoint of every so many iterations but the last stays, in checkpoints/: a learning
    // curve for the owner. 0: none. Where the plan has models every so many iterations
    // (TrainingPlan::models_every), a multiple of that, as is review_every; all of these are then
    // kept.
    int keep_every = 0;
    // A checkpoint to go on from is written after every so many iterations, and when the run is
    // stopped; at least 1.
    int checkpoint_every = 1;
    // After every so many iterations but the last, the run stops until the owner's answer to the
    // kept checkpoint is there (review.h); 0: never.
    int review_every = 0;
    // How long it waits for an answer before it ends, to be run again; 0: not at all.
    double review_wait_seconds = 0;
    // Set from a signal handler to stop before the next iteration.
    const std::atomic<bool>* stop = nullptr;
};

struct ServerReport {
    int iterations = 0;             // in all
    int resumed_at = 0;             // iterations found in the checkpoint
    bool already_done = false;      // the model was there
    bool stopped_by_owner = false;  // at `stopped_at`; there is no model then
    int stopped_at = 0;
    double load_seconds = 0;      // keys and data
    double prepare_seconds = 0;   // shifted copies of the features
    double training_seconds = 0;  // iterations of this process
    std::uint64_t model_bytes = 0;
};

// Locks the directory, resumes from its checkpoint where there is one, and leaves the model; the
// checkpoint is removed once the model is there. Killed at any moment and run again, it ends with
// the same bytes. Throws Error: busy, interrupted (by a signal, or for want of the owner's answer),
// bad_input for options that the plan has no models for, and what the readers report.
ServerReport run_training_job(const std::filesystem::path& directory,
                              const ServerOptions& options = {});

}  // namespace cipherfit
