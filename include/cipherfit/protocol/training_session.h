// The server's work on a job: load, train with checkpoints, write the model. It holds no secret.
#pragma once

#include "cipherfit/protocol/job_files.h"
#include "cipherfit/protocol/observer.h"

#include <cstdint>
#include <memory>
#include <stop_token>

namespace cipherfit {

struct TrainingOptions {
    // A plan that would need more is refused before anything is loaded; 0: the machine's memory. It
    // counts for one TrainingSession: whoever runs several at once divides the memory among them.
    double memory_limit_bytes = 0;
    TestParameters tests = TestParameters::refuse;
    // The checkpoint of every so many iterations but the last stays, in checkpoints/: a learning
    // curve for the owner. 0: none. If the plan has models every so many iterations
    // (TrainingPlan::models_every), this and review_every must be multiples of that; all of these
    // checkpoints are then kept.
    int keep_every = 0;
    // A checkpoint to go on from is written after every so many iterations, and when the run is
    // stopped; at least 1.
    int checkpoint_every = 1;
    // After every so many iterations but the last, the run waits for the owner's answer to the
    // kept checkpoint (review.h); 0: never.
    int review_every = 0;
    // How long it waits for an answer before it ends, to be run again; 0: not at all.
    double review_wait_seconds = 0;
};

struct TrainingReport {
    int iterations = 0;             // in all
    int resumed_at = 0;             // iterations found in the checkpoint
    bool already_done = false;      // the model was there
    bool stopped_by_owner = false;  // at `stopped_at`; there is no model then
    int stopped_at = 0;
    double load_seconds = 0;      // keys and data
    double prepare_seconds = 0;   // shifted copies of the features
    double training_seconds = 0;  // iterations that this object ran
    std::uint64_t model_bytes = 0;
};

// One job on its way through the server. Sessions share no state of a job: several may train at
// once, each on a thread of its own. What they do share is the limit on threads, which belongs to
// the process (set_thread_count, base/parallel.h): two sessions of one process divide its workers,
// and neither can have a limit of its own. Whoever wants that runs a process for each job. A run
// that is killed at any moment ends with the same bytes when another session goes on with it.
class TrainingSession {
  public:
    // Takes hold of the job, reads its plan, and the checkpoint if there is one. `store` and
    // `observer` must outlive the session. Throws Error: busy, bad_input for a plan that needs more
    // memory and for options that the plan has no models for, and what the readers report.
    explicit TrainingSession(JobStore& store, const TrainingOptions& options = {},
                             Observer* observer = nullptr);
    ~TrainingSession();
    TrainingSession(TrainingSession&&) noexcept;
    TrainingSession& operator=(TrainingSession&&) = delete;

    const Job& job() const noexcept;
    int iteration() const noexcept;     // done so far
    bool is_finished() const noexcept;  // the model is there

    // Reads keys and data and prepares the features. train() does so first if it was not done.
    void load(std::stop_token stop = {});
    // Trains, and leaves the model; the checkpoint is removed once the model is there. Returns
    // early if the owner answers so. Throws Error(interrupted) if a stop was requested, after it
    // wrote a checkpoint, or for want of the owner's answer: it may be called again then.
    TrainingReport train(std::stop_token stop = {});

  private:
    class Run;
    std::unique_ptr<Run> run_;
};

}  // namespace cipherfit
