#include "cipherfit/protocol/training_session.h"

#include "base/idle_blocks.h"
#include "cipherfit/base/parallel.h"
#include "cipherfit/protocol/review.h"
#include "cipherfit/train/cost.h"
#include "protocol/batch_reader.h"
#include "protocol/physical_memory.h"

#include <algorithm>
#include <chrono>
#include <optional>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace cipherfit {
namespace {

using Clock = std::chrono::steady_clock;

constexpr const char* smaller_plan = "ask the owner for a smaller plan, or use a larger machine";

double seconds_since(Clock::time_point start) {
    return std::chrono::duration<double>(Clock::now() - start).count();
}

// The part of the predicted work that is done after 0, 1, ... iterations.
std::vector<double> work_shares(const TrainingPlan& plan) {
    std::vector<double> shares{0.0};
    for (const OperationCounts& iteration : count_operations(plan).iterations) {
        shares.push_back(shares.back() + iteration.limb_transforms);
    }
    const double all = std::max(shares.back(), 1.0);
    std::transform(shares.begin(), shares.end(), shares.begin(),
                   [all](double share) { return share / all; });
    return shares;
}

// Whether there are models to review and to keep, which a plan decides.
void require_models(const TrainingOptions& options, const TrainingPlan& plan,
                    const std::string& file) {
    const int every = plan.models_every();
    require(options.review_every == 0 || every > 0, ErrorCode::bad_input,
            "{}: the plan has no model before the last iteration, so that there is nothing to "
            "review: train without reviews, or plan models in between",
            file);
    for (const auto& [name, value] : {std::pair{"reviews", options.review_every},
                                      std::pair{"kept checkpoints", options.keep_every}}) {
        require(
            every == 0 || value % every == 0, ErrorCode::bad_input,
            "{}: the plan has a model after every {} iterations, {} are asked for every {}: give "
            "a multiple of {}",
            file, every, name, value, every);
    }
}

// Whether the checkpoint of that iteration stays for the owner, who may have to join models from
// those of all boundaries.
bool is_kept(const TrainingOptions& options, const TrainingPlan& plan, int iteration) {
    if (iteration == 0 || iteration == plan.recipe().iterations) {
        return false;
    }
    if (plan.solver().joins_models() && plan.has_intermediate_models() &&
        (options.keep_every > 0 || options.review_every > 0)) {
        return iteration % plan.models_every() == 0;
    }
    return options.keep_every > 0 && iteration % options.keep_every == 0;
}

bool is_reviewed(const TrainingOptions& options, int iteration) {
    return options.review_every > 0 && iteration > 0 && iteration % options.review_every == 0;
}

}  // namespace

class TrainingSession::Run {
  public:
    Run(JobStore& store, const TrainingOptions& options, Observer* observer)
        : store_(store),
          options_(options),
          observer_(observer),
          hold_(value_or_throw(store.hold())),
          job_(value_or_throw(read_plan(store.get(contents::plan), options.tests))),
          iterations_(job_.plan.recipe().iterations) {
        require(
            options.checkpoint_every >= 1 && options.keep_every >= 0 && options.review_every >= 0,
            ErrorCode::invalid_argument,
            "checkpoints are written every 1 or more iterations, kept and reviewed every 0 or "
            "more, got {}, {} and {}",
            options.checkpoint_every, options.keep_every, options.review_every);
        // Products of sizes, before a tape is recorded: the plan is another's.
        require_memory(largest_batch_bytes(job_.plan), options.memory_limit_bytes,
                       store.label(contents::plan), smaller_plan);
        const double needed = plan_cost(job_.plan, thread_count()).peak_memory_bytes;
        require_memory(needed, options.memory_limit_bytes, store.label(contents::plan),
                       smaller_plan);
        report_.iterations = iterations_;
        if (store.exists(contents::model)) {
            static_cast<void>(value_or_throw(read_model(store.get(contents::model), job_)));
            finish(value_or_throw(content_bytes(store, contents::model)));
            report_.already_done = true;
            report_.resumed_at = iterations_;
            state_.iteration = iterations_;
            return;
        }
        require_models(options, job_.plan, store.label(contents::plan));
        // The checkpoint first: a damaged one must stop the run before minutes of loading.
        if (store.exists(contents::checkpoint)) {
            state_ = value_or_throw(
                read_state(store.get(contents::checkpoint), ContainerKind::checkpoint, job_));
            written_at_ = report_.resumed_at = state_.iteration;
            // A run that was killed may have left its checkpoint without the copy, or with half of
            // one.
            if (is_kept(options, job_.plan, state_.iteration)) {
                keep_checkpoint();
            }
            require_segments();
        }
    }

    // What the session's buffers held is the machine's again: other sessions count on it.
    ~Run() {
        trainer_.reset();
        keys_.reset();
        batches_.reset();
        state_ = {};
        trim_pool();
    }
    Run(const Run&) = delete;
    Run& operator=(const Run&) = delete;

    const Job& job() const noexcept { return job_; }
    int iteration() const noexcept { return state_.iteration; }
    bool is_finished() const noexcept { return finished_; }

    void load(const std::stop_token& stop) {
        if (finished_ || trainer_) {
            return;
        }
        const auto load_start = Clock::now();
        EncryptedTrainingData data;
        if (job_.plan.row_files() > 1) {
            batches_.emplace(store_, job_);
        } else {
            data = value_or_throw(read_training_data(store_.get(contents::training_data), job_,
                                                     bytes_of(Progress::Phase::load_data, stop)));
        }
        keys_.emplace(
            value_or_throw(read_evaluation_keys(store_.get(contents::evaluation_keys), job_,
                                                bytes_of(Progress::Phase::load_keys, stop))));
        report_.load_seconds = seconds_since(load_start);
        const auto prepare_start = Clock::now();
        tell({.phase = Progress::Phase::prepare, .total = 1});
        if (batches_) {
            trainer_.emplace(job_.plan, *keys_,
                             [this](std::size_t batch) { return (*batches_)(batch); });
        } else {
            trainer_.emplace(job_.plan, *keys_, std::move(data));
        }
        report_.prepare_seconds = seconds_since(prepare_start);
    }

    TrainingReport train(const std::stop_token& stop) {
        if (finished_) {
            return report_;
        }
        load(stop);
        const auto start = Clock::now();
        const double before = report_.training_seconds;
        const std::vector<double> work = work_shares(job_.plan);
        const auto progress = [&] {
            report_.training_seconds = before + seconds_since(start);
            tell_iteration(work);
        };
        progress();
        while (state_.iteration < iterations_) {
            if (is_reviewed(options_, state_.iteration) && owner_stops(stop)) {
                report_.stopped_by_owner = true;
                report_.stopped_at = state_.iteration;
                return report_;
            }
            if (stop.stop_requested()) {
                save();
                throw Error(ErrorCode::interrupted,
                            fmt::format("stopped after iteration {} of {}: run again to go on from "
                                        "there",
                                        state_.iteration, iterations_));
            }
            step();
            progress();
        }
        finish(value_or_throw(
            write_state(store_.put(contents::model), ContainerKind::model, job_, state_)));
        return report_;
    }

  private:
    void tell(const Progress& progress) const {
        if (observer_ != nullptr) {
            observer_->on_progress(progress);
        }
    }
    ByteProgress bytes_of(Progress::Phase phase, const std::stop_token& stop) const {
        return [this, phase, stop](std::uint64_t done, std::uint64_t total) {
            require(!stop.stop_requested(), ErrorCode::interrupted,
                    "stopped while loading: run again to go on");
            tell({.phase = phase, .done = done, .total = total});
        };
    }
    void tell_iteration(const std::vector<double>& work) const {
        const auto done = static_cast<std::size_t>(state_.iteration);
        const auto level =
            done == 0 ? job_.plan.levels().front().start : job_.plan.levels()[done - 1].end;
        tell({.phase = Progress::Phase::train,
              .done = done,
              .total = static_cast<std::uint64_t>(iterations_),
              .level = static_cast<std::size_t>(level),
              .bytes_written = bytes_written_,
              .work_done = work[done]});
    }

    void step() {
        try {
            state_ = trainer_->step(state_);
        } catch (const Error&) {  // a batch that cannot be read, which may be put right
            save();
            throw;
        }
        const bool keep = is_kept(options_, job_.plan, state_.iteration);
        if (keep || state_.iteration == iterations_ ||
            state_.iteration % options_.checkpoint_every == 0) {
            save();
        }
        if (keep) {
            keep_checkpoint();
        }
    }
    // Writes the checkpoint, unless it is there.
    void save() {
        if (written_at_ != state_.iteration) {
            bytes_written_ += value_or_throw(write_state(store_.put(contents::checkpoint),
                                                         ContainerKind::checkpoint, job_, state_));
            written_at_ = state_.iteration;
        }
    }
    void keep_checkpoint() {
        value_or_throw(
            store_.copy(contents::checkpoint, contents::kept_checkpoint(state_.iteration)));
    }
    void finish(std::uint64_t model_bytes) {
        report_.model_bytes = model_bytes;
        value_or_throw(store_.remove(contents::checkpoint));
        finished_ = true;
    }

    // Models of segments need all checkpoints before: no review where a run without it has passed
    // one.
    void require_segments() const {
        const int every = job_.plan.solver().joins_models() ? job_.plan.models_every() : 0;
        if (options_.review_every == 0 || every == 0 || state_.iteration == iterations_) {
            return;
        }
        for (int end = every; end <= state_.iteration; end += every) {
            require(store_.exists(contents::kept_checkpoint(end)), ErrorCode::bad_input,
                    "{}: was not kept, so that there is no model to review after any later "
                    "iteration: train without reviews, or remove {} to begin anew",
                    store_.label(contents::kept_checkpoint(end)),
                    store_.label(contents::checkpoint));
        }
    }
    // Waits for the owner's answer. Throws Error(interrupted) if it does not come in time.
    bool owner_stops(const std::stop_token& stop) {
        constexpr auto pause = std::chrono::milliseconds(200);
        save();
        keep_checkpoint();
        const auto start = Clock::now();
        for (;;) {
            if (const auto answer = value_or_throw(
                    read_answer(store_, job_.identity, state_.iteration, job_.answer_key))) {
                return *answer == Answer::stop;
            }
            require(!stop.stop_requested() && seconds_since(start) < options_.review_wait_seconds,
                    ErrorCode::interrupted,
                    "{}: iteration {} waits for the owner's answer: have the owner answer, and run "
                    "again to go on",
                    store_.label(contents::kept_checkpoint(state_.iteration)), state_.iteration);
            std::this_thread::sleep_for(pause);
        }
    }

    JobStore& store_;
    TrainingOptions options_;
    Observer* observer_;
    std::unique_ptr<JobHold> hold_;
    Job job_;
    int iterations_;
    TrainingReport report_;
    TrainingState state_;
    int written_at_ = 0;
    std::uint64_t bytes_written_ = 0;
    bool finished_ = false;
    std::optional<BatchReader> batches_;
    std::optional<EvaluationKeys> keys_;
    std::optional<EncryptedTrainer> trainer_;
};

TrainingSession::TrainingSession(JobStore& store, const TrainingOptions& options,
                                 Observer* observer)
    : run_(std::make_unique<Run>(store, options, observer)) {}
TrainingSession::~TrainingSession() = default;
TrainingSession::TrainingSession(TrainingSession&&) noexcept = default;

const Job& TrainingSession::job() const noexcept {
    return run_->job();
}

int TrainingSession::iteration() const noexcept {
    return run_->iteration();
}

bool TrainingSession::is_finished() const noexcept {
    return run_->is_finished();
}

void TrainingSession::load(std::stop_token stop) {
    run_->load(stop);
}

TrainingReport TrainingSession::train(std::stop_token stop) {
    return run_->train(stop);
}

}  // namespace cipherfit
