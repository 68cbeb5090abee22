// Mini-batches and bootstrapped runs through files: the twin's model, files that are not what they
// should be, and runs that stop and go on.
#include "cipherfit/protocol/job_files.h"
#include "cipherfit/solver/owner/noise.h"
#include "cipherfit/solver/owner/plain_run.h"
#include "protocol/small_job.h"
#include "solver/dual/owner/dual_twin.h"
#include "support/errors.h"
#include "support/noise_bounds.h"
#include "support/stable_step.h"

#include <filesystem>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>

namespace cipherfit::testing {
namespace {

namespace fs = std::filesystem;

using test::stable_step;

constexpr int batched_iterations = 5;

// Ten rows as 4, 4 and 2: an epoch and two iterations of the next.
Recipe batched_recipe() {
    Recipe recipe = standard_recipe(batched_iterations, stable_step, fit_sigmoid(3, 8));
    recipe.batch = 4;
    return recipe;
}

// What can be run from files beside one upload in one chain.
enum class Kind { batches, parts, refreshed_batches, refreshed_primal, refreshed_dual };

SmallJob small_job(Kind kind) {
    if (kind == Kind::batches) {
        return SmallJob(batched_recipe());
    }
    Recipe recipe = batched_recipe();
    if (kind == Kind::parts) {  // the same three files, and all of them in every iteration
        recipe.batch = 0;
        recipe.parts = 3;
        return SmallJob(recipe);
    }
    if (kind != Kind::refreshed_batches) {
        recipe.batch = 0;
    }
    const std::string_view solver = kind == Kind::refreshed_dual ? "dual" : "primal";
    return {recipe, 1, SmallJob::refreshed_options(solver)};
}

class BatchFilesTest : public FileTest {
  protected:
    JobFiles files() const { return {directory_}; }
    std::string batch_name(std::size_t batch) const {
        return files().batch(batch).lexically_relative(directory_).string();
    }
    void forget_run() const {
        fs::remove(files().model());
        fs::remove(files().checkpoint());
    }

    // Runs until after that iteration.
    void run_and_stop(int stop_at, const TrainingOptions& options) const {
        std::stop_source stop;
        const auto each_step = [&](const Progress& progress) {
            if (progress.phase == Progress::Phase::train &&
                progress.done == static_cast<std::uint64_t>(stop_at)) {
                stop.request_stop();
            }
        };
        EXPECT_TRUE(test::throws(ErrorCode::interrupted, {fmt::format("iteration {}", stop_at)},
                                 [&] { train(directory_, options, stop.get_token(), each_step); }));
    }

    // The run ends at that moment, as by a kill: with the checkpoints written so far.
    void run_and_die(int die_at, const TrainingOptions& options) const {
        struct Killed : std::runtime_error {
            Killed() : std::runtime_error("killed") {}
        };
        const auto each_step = [&](const Progress& progress) {
            if (progress.phase == Progress::Phase::train &&
                progress.done == static_cast<std::uint64_t>(die_at)) {
                throw Killed();
            }
        };
        EXPECT_THROW(train(directory_, options, {}, each_step), Killed);
    }

    // A run that stands after iteration 1, and what it would have ended with.
    std::string stopped_after_one(const SmallJob& small) const {
        small.write(files());
        train(directory_, for_tests());
        const std::string whole = get("model.cft");
        forget_run();
        run_and_stop(1, for_tests());
        return whole;
    }

    // One line that names `name`, exit status 2, and the checkpoint as it was.
    void expect_refused(ErrorCode code, const std::string& name, const std::string& word) const {
        const std::string checkpoint = get("checkpoint.cft");
        EXPECT_TRUE(test::throws(code, {name, word}, [&] { train(directory_, for_tests()); }));
        EXPECT_EQ(exit_status(code), 2);
        EXPECT_EQ(get("checkpoint.cft"), checkpoint);
        EXPECT_FALSE(fs::exists(files().model()));
    }
};

TEST_F(BatchFilesTest, EveryKindOfRunEndsWithTheTwinsModel) {
    for (const Kind kind : {Kind::batches, Kind::parts, Kind::refreshed_batches,
                            Kind::refreshed_primal, Kind::refreshed_dual}) {
        SCOPED_TRACE(static_cast<int>(kind));
        fs::remove_all(directory_);
        fs::create_directories(directory_);
        const SmallJob small = small_job(kind);
        const bool refreshed = kind != Kind::batches && kind != Kind::parts;
        EXPECT_EQ(small.job.plan.refresh_count() > 0, refreshed);
        if (kind == Kind::refreshed_dual) {
            EXPECT_LT(largest_carried_logit(
                          PlainRun("dual", borrowed(small.data), small.job.plan.recipe())),
                      SmallJob::largest_refreshed);
        } else if (refreshed) {
            EXPECT_LT(run_twin(small.data, small.job.plan.recipe()).max_abs_state,
                      SmallJob::largest_refreshed);
        }
        small.write(files());
        const bool batched = small.job.plan.row_files() > 1;
        EXPECT_EQ(fs::exists(files().training_data()), !batched);
        for (std::size_t batch = 0; batched && batch < 3; ++batch) {
            EXPECT_TRUE(fs::exists(files().batch(batch))) << batch;
        }
        EXPECT_FALSE(fs::exists(files().batch(3)));
        EXPECT_EQ(train(directory_, for_tests()).iterations, batched_iterations);
        EXPECT_FALSE(fs::exists(files().checkpoint()));
        const auto model = read_model(files().model(), small.job);
        ASSERT_TRUE(model) << model.error().message;
        const RowMatrix state = values(decrypt_model(small.job, small.key, *model, small.data.xs));
        const RowMatrix twin = run_twin(small.data, small.job.plan.recipe()).model();
        const double bound = test::state_error_bound(small.job.plan, small.data);
        EXPECT_LT((state - twin).cwiseAbs().maxCoeff(), bound);
        EXPECT_GT((state - twin).cwiseAbs().maxCoeff(), 0);
        // The bound tells the right model from others, such as the one of all rows at once.
        EXPECT_LT(bound, 1e-2 * twin.cwiseAbs().maxCoeff());
        if (kind == Kind::batches || kind == Kind::refreshed_batches) {
            Recipe all = small.job.plan.recipe();
            all.batch = 0;
            EXPECT_GT((run_twin(small.data, all).model() - twin).cwiseAbs().maxCoeff(), 10 * bound);
        }
    }
}

TEST_F(BatchFilesTest, StoppedOrKilledRunsEndWithTheSameBytes) {
    for (const Kind kind :
         {Kind::batches, Kind::parts, Kind::refreshed_batches, Kind::refreshed_dual}) {
        SCOPED_TRACE(static_cast<int>(kind));
        fs::remove_all(directory_);
        fs::create_directories(directory_);
        const SmallJob small = small_job(kind);
        small.write(files());
        train(directory_, for_tests());
        const std::string whole = get("model.cft");
        for (const int every : {1, 3}) {
            TrainingOptions options = for_tests();
            options.checkpoint_every = every;
            forget_run();
            // Stopped after every iteration in turn: each time it goes on where it stopped.
            for (int stop_at = 1; stop_at < batched_iterations; ++stop_at) {
                run_and_stop(stop_at, options);
                const auto state =
                    read_state(files().checkpoint(), ContainerKind::checkpoint, small.job);
                ASSERT_TRUE(state) << state.error().message;
                EXPECT_EQ(state->iteration, stop_at);
            }
            EXPECT_EQ(train(directory_, options).resumed_at, batched_iterations - 1);
            EXPECT_EQ(get("model.cft"), whole);
            // Killed, it goes on from the last checkpoint that was due.
            for (int die_at = 1; die_at < batched_iterations; ++die_at) {
                forget_run();
                run_and_die(die_at, options);
                EXPECT_EQ(train(directory_, options).resumed_at, die_at - die_at % every);
                EXPECT_EQ(get("model.cft"), whole) << every << ", " << die_at;
            }
        }
    }
}

// A kill after the checkpoint is written and before it is kept: the copy is missing, or half there.
TEST_F(BatchFilesTest, ResumedRunsKeepTheCheckpointThatAKillLeftUnkept) {
    const SmallJob small(batched_recipe());
    small.write(files());
    TrainingOptions options = for_tests();
    options.keep_every = 2;
    for (const bool half : {false, true}) {
        fs::remove_all(directory_ / "checkpoints");
        forget_run();
        run_and_stop(2, options);
        const fs::path kept = files().kept_checkpoint(2);
        const std::string checkpoint = get("checkpoint.cft");
        const std::string name = kept.lexically_relative(directory_).string();
        ASSERT_EQ(get(name), checkpoint);
        fs::remove(kept);
        if (half) {
            put(name, checkpoint.substr(0, checkpoint.size() / 2));
        }
        EXPECT_EQ(train(directory_, options).resumed_at, 2);
        EXPECT_EQ(get(name), checkpoint);
        EXPECT_TRUE(fs::exists(files().kept_checkpoint(4)));
        EXPECT_FALSE(fs::exists(files().kept_checkpoint(batched_iterations)));
    }
    // One that is not to be kept is not.
    fs::remove_all(directory_ / "checkpoints");
    forget_run();
    run_and_stop(3, options);
    train(directory_, options);
    EXPECT_FALSE(fs::exists(files().kept_checkpoint(3)));
}

TEST_F(BatchFilesTest, FilesThatAreNotTheBatchAreRefusedAndNamed) {
    const SmallJob small(batched_recipe());
    const std::string whole = stopped_after_one(small);
    const std::string name = batch_name(1);
    const std::string right = get(name);

    const SmallJob other(batched_recipe(), 2);
    Job next = small.job;
    next.identity.nonce[0] ^= 1;
    const JobFiles others{path("others")};
    value_or_throw(write_training_batches(stored(others), other.job, other.key, other.data));
    const std::string of_another_key = get("others/" + batch_name(1));
    fs::remove_all(others.directory);
    value_or_throw(write_training_batches(stored(others), next, small.key, small.data));
    const std::string of_another_job = get("others/" + batch_name(1));

    expect_refused(ErrorCode::bad_input, (fs::remove(path(name)), name), "batch 2 of 3 is missing");
    put(name, of_another_key);
    expect_refused(ErrorCode::fingerprint_mismatch, name, "key");
    put(name, of_another_job);
    expect_refused(ErrorCode::fingerprint_mismatch, name, "job");
    for (const char* kind : {"checkpoint.cft", "evaluation_keys.cft", "plan.cft"}) {
        put(name, get(kind));
        expect_refused(ErrorCode::bad_input, name, "training_batch is expected");
    }
    for (const std::size_t size :
         {std::size_t{0}, std::size_t{10}, std::size_t{200}, right.size() / 2, right.size() - 1}) {
        put(name, right.substr(0, size));
        expect_refused(ErrorCode::corrupt_data, name, "");
    }
    put(name, right + '\0');
    expect_refused(ErrorCode::corrupt_data, name, "");
    for (const std::size_t at : {right.size() / 3, right.size() / 2, right.size() - 20}) {
        std::string damaged = right;
        damaged[at] = static_cast<char>(damaged[at] ^ 4);
        put(name, damaged);
        expect_refused(ErrorCode::corrupt_data, name, "");
    }
    put(name, get(batch_name(0)));
    expect_refused(ErrorCode::corrupt_data, name, "holds batch 0 where batch 1");

    put(name, right);
    EXPECT_EQ(train(directory_, for_tests()).resumed_at, 1);
    EXPECT_EQ(get("model.cft"), whole);
}

TEST_F(BatchFilesTest, SwappedBatchesAreNoticedWhenTheirTurnComes) {
    const SmallJob small(batched_recipe());
    const std::string whole = stopped_after_one(small);
    const auto swap = [&](std::size_t a, std::size_t b) {
        fs::rename(files().batch(a), path("aside"));
        fs::rename(files().batch(b), files().batch(a));
        fs::rename(path("aside"), files().batch(b));
    };
    swap(1, 2);
    expect_refused(ErrorCode::corrupt_data, batch_name(1), "swapped");
    swap(1, 2);
    // Batch 1 is right, and so its iteration is done and kept.
    swap(0, 2);
    EXPECT_TRUE(test::throws(ErrorCode::corrupt_data, {batch_name(2), "swapped"},
                             [&] { train(directory_, for_tests()); }));
    swap(0, 2);
    EXPECT_EQ(train(directory_, for_tests()).resumed_at, 2);
    EXPECT_EQ(get("model.cft"), whole);
}

TEST_F(BatchFilesTest, WritingAgainKeepsWhatIsComplete) {
    const SmallJob small(batched_recipe());
    small.write(files());
    const auto write = [&] {
        return write_training_batches(stored(files()), small.job, small.key, small.data);
    };
    std::vector<std::string> before;
    std::uint64_t bytes = 0;
    for (std::size_t batch = 0; batch < 3; ++batch) {
        before.push_back(get(batch_name(batch)));
        bytes += before.back().size();
    }
    // One is lost, and another stands in the place of the third.
    fs::remove(files().batch(1));
    put(batch_name(2), before[0]);
    const auto written = write();
    ASSERT_TRUE(written) << written.error().message;
    EXPECT_EQ(*written, bytes);
    EXPECT_EQ(get(batch_name(0)), before[0]);
    for (const std::size_t again : {std::size_t{1}, std::size_t{2}}) {
        EXPECT_NE(get(batch_name(again)), before[again]);  // encrypted afresh
    }
    train(directory_, for_tests());
    const auto model = read_model(files().model(), small.job);
    ASSERT_TRUE(model) << model.error().message;
    EXPECT_LT((values(decrypt_model(small.job, small.key, *model, small.data.xs)) -
               run_twin(small.data, small.job.plan.recipe()).model())
                  .cwiseAbs()
                  .maxCoeff(),
              test::state_error_bound(small.job.plan, small.data));

    // What is damaged or cut off anywhere is encrypted afresh, and nothing else is.
    const std::string right = get(batch_name(1));
    std::vector<std::string> damaged;
    for (const std::size_t size :
         {std::size_t{0}, std::size_t{10}, std::size_t{300}, right.size() / 2, right.size() - 1}) {
        damaged.push_back(right.substr(0, size));
    }
    for (const std::size_t at :
         {std::size_t{0}, std::size_t{40}, right.size() / 2, right.size() - 20}) {
        damaged.push_back(right);
        damaged.back()[at] = static_cast<char>(damaged.back()[at] ^ 4);
    }
    damaged.push_back(right + '\0');
    for (const std::string& bad : damaged) {
        put(batch_name(1), bad);
        EXPECT_EQ(write(), bytes);
        EXPECT_TRUE(read_training_batch(files().batch(1), small.job, 1)) << bad.size();
        EXPECT_EQ(get(batch_name(0)), before[0]);
    }

    Job next = small.job;
    next.identity.nonce[0] ^= 1;
    EXPECT_TRUE(fails_with(write_training_batches(stored(files()), next, small.key, small.data),
                           ErrorCode::fingerprint_mismatch, batch_name(0)));
    EXPECT_EQ(get(batch_name(0)), before[0]);
}

}  // namespace
}  // namespace cipherfit::testing
