// Models in the middle of dual runs with bootstrappings, as both parties handle them in files.
#include "cipherfit/protocol/owner/checkpoints.h"
#include "cipherfit/protocol/owner/model_check.h"
#include "cipherfit/protocol/review.h"
#include "cipherfit/solver/owner/noise.h"
#include "protocol/small_job.h"
#include "support/errors.h"
#include "support/stable_step.h"
#include "support/twin_models.h"

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

namespace cipherfit::testing {
namespace {

namespace fs = std::filesystem;

using test::stable_step;

constexpr int segment_iterations = 8;
constexpr int every = 3;  // models after 3 and 6, and of the run itself

Recipe segment_recipe(Momentum momentum = Momentum::nesterov) {
    return standard_recipe(segment_iterations, stable_step, fit_sigmoid(3, 8), momentum);
}

SmallJob dual_job(const Recipe& recipe) {
    PlanOptions options = SmallJob::refreshed_options("dual");
    options.models_every = every;
    return {recipe, 1, options};
}

class SegmentFilesTest : public FileTest {
  protected:
    JobFiles files() const { return {directory_}; }
    std::string kept(int iteration) const {
        return files().kept_checkpoint(iteration).lexically_relative(directory_).string();
    }
    // Runs until the server has done so many iterations, of which the checkpoint tells.
    void run_until(int iteration, const TrainingOptions& options) const {
        std::stop_source stop;
        const auto each_step = [&](const Progress& progress) {
            if (progress.phase == Progress::Phase::train &&
                progress.done >= static_cast<std::uint64_t>(iteration)) {
                stop.request_stop();
            }
        };
        EXPECT_TRUE(test::throws(ErrorCode::interrupted, {fmt::format("iteration {}", iteration)},
                                 [&] { train(directory_, options, stop.get_token(), each_step); }));
    }
    void expect_refused(ErrorCode code, std::initializer_list<std::string_view> words,
                        const TrainingOptions& options) const {
        EXPECT_TRUE(test::throws(code, words, [&] { train(directory_, options); }));
        EXPECT_EQ(exit_status(code), 2);
        EXPECT_FALSE(fs::exists(files().model()));
    }
};

TEST_F(SegmentFilesTest, KeptCheckpointsGiveTheTwinsModels) {
    Recipe decayed = chiang2023_recipe(segment_iterations, 10);
    decayed.decay = 0.03;
    for (const Recipe& recipe : {segment_recipe(), segment_recipe(Momentum::none), decayed}) {
        fs::remove_all(directory_);
        fs::create_directories(directory_);
        const SmallJob small = dual_job(recipe);
        small.write(files());
        train(directory_, for_tests(every));
        EXPECT_EQ(last_kept_checkpoint(stored(files()), small.job.plan), 6);
        const auto models =
            decrypt_checkpoints(stored(files()), small.job, small.key, small.data.xs);
        ASSERT_EQ(models.size(), 2U);
        const OwnerSetup setup{small.job.plan, small.preprocessing, {"a", "b", "c"}, {}, 1};
        const TwinReference reference = make_twin_reference(setup, small.data);
        ASSERT_EQ(reference.state_error_bounds.size(),
                  static_cast<std::size_t>(segment_iterations));
        EXPECT_EQ(reference.state_error_bounds.back(), reference.state_error_bound);
        const auto twins = test::twin_models("primal", small.data, recipe);
        for (const CheckpointModel& model : models) {
            const auto index = static_cast<std::size_t>(model.iteration - 1);
            const double bound = reference.state_error_bounds[index];
            EXPECT_LT((values(model.state) - twins[index]).cwiseAbs().maxCoeff(), bound);
            EXPECT_LT(bound, 1e-2 * twins[index].cwiseAbs().maxCoeff());
        }
        const auto checked = checked_models(models, small.data, setup, reference);
        ASSERT_EQ(checked.size(), 2U);
        EXPECT_EQ(checked[0].iteration, 3);
        EXPECT_EQ(checked[1].iteration, 6);
        // Another iteration's model is told from it.
        for (const auto& [iteration, model] : {std::pair{3, &models[1]}, {6, &models[0]}}) {
            std::vector<CheckpointModel> wrong;
            wrong.push_back({iteration, UncheckedModel(values(model->state))});
            EXPECT_TRUE(test::throws(ErrorCode::corrupt_data, {"twin"}, [&] {
                static_cast<void>(checked_models(wrong, small.data, setup, reference));
            }));
        }
        EXPECT_EQ(models[0].iteration, 3);
        EXPECT_EQ(models[1].iteration, 6);
        // Without an earlier one there is none after it either.
        const std::string first = get(kept(3));
        fs::remove(files().kept_checkpoint(3));
        EXPECT_TRUE(
            decrypt_checkpoints(stored(files()), small.job, small.key, small.data.xs).empty());
        EXPECT_EQ(last_kept_checkpoint(stored(files()), small.job.plan), 6);
        // One that stands in another's place is named.
        put(kept(3), get(kept(6)));
        EXPECT_TRUE(test::throws(ErrorCode::corrupt_data, {kept(3), "iteration 6"}, [&] {
            static_cast<void>(
                decrypt_checkpoints(stored(files()), small.job, small.key, small.data.xs));
        }));
        put(kept(3), first);
        fs::remove(files().kept_checkpoint(6));
        EXPECT_EQ(decrypt_checkpoints(stored(files()), small.job, small.key, small.data.xs).size(),
                  1U);
    }
}

// The model does not depend on whether there are any in between, and a run that was stopped
// anywhere leaves the same bytes, in kept checkpoints too.
TEST_F(SegmentFilesTest, RunsGoOnFromTheMiddleOfASegmentWithTheSameBytes) {
    const SmallJob small = dual_job(segment_recipe());
    small.write(files());
    train(directory_, for_tests(every));
    const std::string model = get("model.cft");
    const std::vector<std::string> checkpoints{get(kept(3)), get(kept(6))};
    for (int stopped = 1; stopped < segment_iterations; ++stopped) {
        SCOPED_TRACE(stopped);
        fs::remove(files().model());
        fs::remove_all(directory_ / "checkpoints");
        run_until(stopped, for_tests(every));
        const auto state = read_state(files().checkpoint(), ContainerKind::checkpoint, small.job);
        ASSERT_TRUE(state) << state.error().message;
        EXPECT_EQ(state->iteration, stopped);
        EXPECT_EQ((*state)["segment"].size(), stopped <= 6 ? 2U : 0U);
        // As if killed between the checkpoint and its copy.
        if (stopped % every == 0) {
            fs::remove(files().kept_checkpoint(stopped));
        }
        EXPECT_EQ(train(directory_, for_tests(every)).resumed_at, stopped);
        EXPECT_EQ(get("model.cft"), model);
        EXPECT_EQ(get(kept(3)), checkpoints[0]);
        EXPECT_EQ(get(kept(6)), checkpoints[1]);
    }
}

TEST_F(SegmentFilesTest, CheckpointsWithoutTheirSumsAreRefused) {
    const SmallJob small = dual_job(segment_recipe());
    small.write(files());
    run_until(4, for_tests(every));
    TrainingState state =
        value_or_throw(read_state(files().checkpoint(), ContainerKind::checkpoint, small.job));
    const auto refused = [&] {
        value_or_throw(
            write_state(files().checkpoint(), ContainerKind::checkpoint, small.job, state));
        EXPECT_TRUE(
            fails_with(read_state(files().checkpoint(), ContainerKind::checkpoint, small.job),
                       ErrorCode::corrupt_data, "fit the plan"));
        expect_refused(ErrorCode::corrupt_data, {"checkpoint.cft", "fit the plan"},
                       for_tests(every));
    };
    Ciphertext last = std::move(state["segment"].back());
    state["segment"].pop_back();
    refused();
    Ciphertext first = std::move(state["segment"].back());
    state["segment"].pop_back();
    refused();
    state["segment"].push_back(first.copy());
    state["segment"].push_back(last.copy());
    state["segment"].push_back(last.copy());
    refused();
    state["segment"].pop_back();
    state["segment"].back() = last.copy().with_factor(0.5);
    refused();
    state["segment"].back() = std::move(last);
    value_or_throw(write_state(files().checkpoint(), ContainerKind::checkpoint, small.job, state));
    EXPECT_EQ(train(directory_, for_tests(every)).resumed_at, 4);
}

TEST_F(SegmentFilesTest, OwnersReviewAndStopSuchRuns) {
    const SmallJob small = dual_job(segment_recipe());
    small.write(files());
    train(directory_, for_tests());
    const std::string whole = get("model.cft");
    fs::remove(files().model());
    // Every second model is reviewed; those in between are kept as well.
    const TrainingOptions options = for_tests(0, 2 * every);
    for (int again = 0; again < 2; ++again) {
        EXPECT_TRUE(test::throws(ErrorCode::interrupted, {kept(6), "have the owner answer"},
                                 [&] { train(directory_, options); }));
    }
    EXPECT_EQ(decrypt_checkpoints(stored(files()), small.job, small.key, small.data.xs).size(), 2U);
    must(write_answer(stored(files()), small.job.identity, 6, Answer::stop));
    const TrainingReport stopped = train(directory_, options);
    EXPECT_TRUE(stopped.stopped_by_owner);
    EXPECT_EQ(stopped.stopped_at, 6);
    EXPECT_FALSE(fs::exists(files().model()));
    must(write_answer(stored(files()), small.job.identity, 6, Answer::go_on));
    EXPECT_EQ(train(directory_, options).resumed_at, 6);
    EXPECT_EQ(get("model.cft"), whole);
}

TEST_F(SegmentFilesTest, OptionsThatThePlanHasNoModelsForAreRefused) {
    const SmallJob small = dual_job(segment_recipe());
    small.write(files());
    expect_refused(ErrorCode::bad_input, {"plan.cft", "reviews", "every 2", "multiple of 3"},
                   for_tests(0, 2));
    expect_refused(ErrorCode::bad_input,
                   {"plan.cft", "kept checkpoints", "every 1", "multiple of 3"}, for_tests(1));
    EXPECT_FALSE(fs::exists(files().checkpoint()));
    // A run that did not keep its checkpoints has no models to review any more.
    run_until(4, for_tests());
    expect_refused(ErrorCode::bad_input, {kept(3), "without reviews", "begin anew"},
                   for_tests(0, every));
    EXPECT_TRUE(fs::exists(files().checkpoint()));
    EXPECT_EQ(train(directory_, for_tests(every)).resumed_at, 4);
}

}  // namespace
}  // namespace cipherfit::testing
