#include "cipherfit/protocol/training_server.h"

#include "cipherfit/io/file.h"
#include "cipherfit/protocol/review.h"
#include "cipherfit/train/cost.h"
#include "protocol/batch_reader.h"

#include <algorithm>
#include <chrono>
#include <optional>
#include <thread>
#include <unistd.h>
#include <utility>
#include <vector>

namespace cipherfit {
namespace {

using Clock = std::chrono::steady_clock;

double physical_memory_bytes() {
    return static_cast<double>(sysconf(_SC_PHYS_PAGES)) *
           static_cast<double>(sysconf(_SC_PAGE_SIZE));
}

double seconds_since(Clock::time_point start) {
    return std::chrono::duration<double>(Clock::now() - start).count();
}

// Checkpoints are replaced, never changed, so that a second name keeps the bytes.
void keep_checkpoint(const JobFiles& files, int iteration) {
    namespace fs = std::filesystem;
    const fs::path kept = files.kept_checkpoint(iteration);
    fs::create_directories(kept.parent_path());
    fs::remove(kept);
    std::error_code error;
    fs::create_hard_link(files.checkpoint(), kept, error);
    if (error) {  // a file system without links
        fs::copy_file(files.checkpoint(), kept);
    }
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
void require_models(const ServerOptions& options, const TrainingPlan& plan,
                    const std::filesystem::path& path) {
    const int every = plan.models_every();
    require(options.review_every == 0 || every > 0, ErrorCode::bad_input,
            "{}: the plan has no model before the last iteration, so that there is nothing to "
            "review: train without reviews, or plan models in between",
            path.string());
    for (const auto& [name, value] : {std::pair{"reviews", options.review_every},
                                      std::pair{"kept checkpoints", options.keep_every}}) {
        require(
            every == 0 || value % every == 0, ErrorCode::bad_input,
            "{}: the plan has a model after every {} iterations, {} are asked for every {}: give "
            "a multiple of {}",
            path.string(), every, name, value, every);
    }
}

// Whether the checkpoint of that iteration stays for the owner, who joins models of segments from
// those of all boundaries.
bool is_kept(const ServerOptions& options, const TrainingPlan& plan, int iteration) {
    if (iteration == 0 || iteration == plan.recipe().iterations) {
        return false;
    }
    if (plan.solver().joins_models() && plan.has_intermediate_models() &&
        (options.keep_every > 0 || options.review_every > 0)) {
        return iteration % plan.models_every() == 0;
    }
    return options.keep_every > 0 && iteration % options.keep_every == 0;
}

// Models of segments need all checkpoints before: no review where a run without it has passed one.
void require_segments(const ServerOptions& options, const TrainingPlan& plan, const JobFiles& files,
                      int iteration) {
    const int every = plan.solver().joins_models() ? plan.models_every() : 0;
    if (options.review_every == 0 || every == 0 || iteration == plan.recipe().iterations) {
        return;
    }
    for (int end = every; end <= iteration; end += every) {
        require(std::filesystem::exists(files.kept_checkpoint(end)), ErrorCode::bad_input,
                "{}: was not kept, so that there is no model to review after any later iteration: "
                "train without reviews, or remove {} to begin anew",
                files.kept_checkpoint(end).string(), files.checkpoint().string());
    }
}

bool is_reviewed(const ServerOptions& options, int iteration) {
    return options.review_every > 0 && iteration > 0 && iteration % options.review_every == 0;
}

// Waits for the owner's answer. Throws Error(interrupted) where it does not come in time.
bool owner_stops(const JobFiles& files, const Job& job, const ServerOptions& options,
                 int iteration) {
    constexpr auto pause = std::chrono::milliseconds(200);
    const auto start = Clock::now();
    for (;;) {
        if (const auto answer =
                value_or_throw(read_answer(files, job.identity, iteration, job.answer_key))) {
            return *answer == Answer::stop;
        }
        require((options.stop == nullptr || !options.stop->load()) &&
                    seconds_since(start) < options.review_wait_seconds,
                ErrorCode::interrupted,
                "{}: iteration {} waits for the owner's answer: have it given with 'cipherfit "
                "review', and run again to go on",
                files.kept_checkpoint(iteration).string(), iteration);
        std::this_thread::sleep_for(pause);
    }
}

}  // namespace

ServerReport run_training_job(const std::filesystem::path& directory,
                              const ServerOptions& options) {
    const JobFiles files{directory};
    const auto tell = [&](ServerProgress progress) {
        if (options.progress) {
            options.progress(progress);
        }
    };
    const auto bytes_of = [&](ServerProgress::Phase phase) {
        return [&tell, phase](std::uint64_t done, std::uint64_t total) {
            tell({.phase = phase, .done = done, .total = total, .level = 0, .bytes_written = 0});
        };
    };
    const auto lock = value_or_throw(DirectoryLock::acquire(directory));
    remove_stale_files(directory);
    const Job job = value_or_throw(read_plan(files.plan(), options.tests));
    const double needed = plan_cost(job.plan).peak_memory_bytes;
    const double limit =
        options.memory_limit_bytes > 0 ? options.memory_limit_bytes : physical_memory_bytes();
    require(needed <= limit, ErrorCode::bad_input,
            "{}: the job needs {:.3g} GB of memory, the limit is {:.3g} GB: ask the owner for a "
            "smaller plan, or use a larger machine",
            files.plan().string(), needed / 1e9, limit / 1e9);
    ServerReport report;
    report.iterations = job.plan.recipe().iterations;
    if (std::filesystem::exists(files.model())) {
        static_cast<void>(value_or_throw(read_model(files.model(), job)));
        report.already_done = true;
        report.resumed_at = report.iterations;
        report.model_bytes = std::filesystem::file_size(files.model());
        std::filesystem::remove(files.checkpoint());
        return report;
    }

    require_models(options, job.plan, files.plan());

    // The checkpoint first: a damaged one must stop the run before minutes of loading.
    TrainingState state;
    if (std::filesystem::exists(files.checkpoint())) {
        state = value_or_throw(read_state(files.checkpoint(), ContainerKind::checkpoint, job));
        report.resumed_at = state.iteration;
        // A run that was killed may have left its checkpoint without the copy, or with half of one.
        if (is_kept(options, job.plan, state.iteration)) {
            keep_checkpoint(files, state.iteration);
        }
        require_segments(options, job.plan, files, state.iteration);
    }
    const auto load_start = Clock::now();
    const bool streamed = job.plan.batches() > 1;
    std::optional<BatchReader> batches;
    EncryptedTrainingData data;
    if (streamed) {
        batches.emplace(files, job);
    } else {
        data = value_or_throw(read_training_data(files.training_data(), job,
                                                 bytes_of(ServerProgress::Phase::load_data)));
    }
    const EvaluationKeys keys = value_or_throw(read_evaluation_keys(
        files.evaluation_keys(), job, bytes_of(ServerProgress::Phase::load_keys)));
    report.load_seconds = seconds_since(load_start);

    const auto prepare_start = Clock::now();
    tell({.phase = ServerProgress::Phase::prepare,
          .done = 0,
          .total = 1,
          .level = 0,
          .bytes_written = 0});
    EncryptedTrainer trainer =
        streamed ? EncryptedTrainer(job.plan, keys,
                                    [&batches](std::size_t batch) { return (*batches)(batch); })
                 : EncryptedTrainer(job.plan, keys, std::move(data));
    report.prepare_seconds = seconds_since(prepare_start);

    const auto train_start = Clock::now();
    std::uint64_t written = 0;
    const std::vector<double> work = work_shares(job.plan);
    const auto progress = [&](int iteration) {
        const auto level = iteration == 0
                               ? job.plan.levels().front().start
                               : job.plan.levels()[static_cast<std::size_t>(iteration - 1)].end;
        tell({.phase = ServerProgress::Phase::train,
              .done = static_cast<std::uint64_t>(iteration),
              .total = static_cast<std::uint64_t>(report.iterations),
              .level = static_cast<std::size_t>(level),
              .bytes_written = written,
              .work_done = work[static_cast<std::size_t>(iteration)]});
    };
    progress(state.iteration);
    int written_at = state.iteration;
    const auto write_checkpoint = [&] {
        written +=
            value_or_throw(write_state(files.checkpoint(), ContainerKind::checkpoint, job, state));
        written_at = state.iteration;
    };
    while (state.iteration < report.iterations) {
        if (is_reviewed(options, state.iteration)) {
            if (written_at != state.iteration) {
                write_checkpoint();
            }
            keep_checkpoint(files, state.iteration);
            if (owner_stops(files, job, options, state.iteration)) {
                report.stopped_by_owner = true;
                report.stopped_at = state.iteration;
                report.training_seconds = seconds_since(train_start);
                return report;
            }
        }
        if (options.stop != nullptr && options.stop->load()) {
            if (written_at != state.iteration) {
                write_checkpoint();
            }
            throw Error(ErrorCode::interrupted,
                        fmt::format("stopped after iteration {} of {}: run again to go on from "
                                    "there",
                                    state.iteration, report.iterations));
        }
        try {
            state = trainer.step(state);
        } catch (const Error&) {  // a batch that cannot be read, which may be put right
            if (written_at != state.iteration) {
                write_checkpoint();
            }
            throw;
        }
        const bool done = state.iteration == report.iterations;
        const bool keep = is_kept(options, job.plan, state.iteration);
        if (keep || done || state.iteration % options.checkpoint_every == 0) {
            write_checkpoint();
        }
        if (keep) {
            keep_checkpoint(files, state.iteration);
        }
        progress(state.iteration);
    }
    report.training_seconds = seconds_since(train_start);
    report.model_bytes =
        value_or_throw(write_state(files.model(), ContainerKind::model, job, state));
    std::filesystem::remove(files.checkpoint());
    return report;
}

}  // namespace cipherfit
