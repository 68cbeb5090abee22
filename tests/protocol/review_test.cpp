// Runs that the owner reviews: they wait for an answer, obey it, and take nothing else for one.
#include "cipherfit/protocol/review.h"

#include "cipherfit/protocol/owner/answer_signer.h"
#include "cipherfit/protocol/owner/checkpoints.h"
#include "cipherfit/solver/owner/noise.h"
#include "protocol/small_job.h"
#include "support/errors.h"
#include "support/noise_bounds.h"
#include "support/solvers.h"
#include "support/stable_step.h"

#include <filesystem>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <nlohmann/json.hpp>

namespace cipherfit::testing {
namespace {

namespace fs = std::filesystem;

using test::stable_step;

constexpr int review_iterations = 5;

Recipe reviewed_recipe() {
    return standard_recipe(review_iterations, stable_step, fit_sigmoid(3, 8));
}

// After iterations 2 and 4.
TrainingOptions reviewing() {
    TrainingOptions options;
    options.tests = TestParameters::allow;
    options.review_every = 2;
    return options;
}

class ReviewTest : public FileTest {
  protected:
    void SetUp() override {
        FileTest::SetUp();
        small_.write(files());
    }
    JobFiles files() const { return {directory_}; }

    // The model of a run without reviews.
    std::string undisturbed() const {
        TrainingOptions options;
        options.tests = TestParameters::allow;
        train(directory_, options);
        std::string model = get("model.cft");
        fs::remove(files().model());
        return model;
    }

    void expect_waiting(int iteration, const TrainingOptions& options = reviewing(),
                        std::stop_token stop = {}) const {
        EXPECT_TRUE(test::throws(ErrorCode::interrupted,
                                 {files().kept_checkpoint(iteration).string(),
                                  fmt::format("iteration {}", iteration), "have the owner answer"},
                                 [&] { train(directory_, options, stop); }));
        EXPECT_TRUE(fs::exists(files().kept_checkpoint(iteration)));
        EXPECT_FALSE(fs::exists(files().model()));
        const auto state = read_state(files().checkpoint(), ContainerKind::checkpoint, small_.job);
        ASSERT_TRUE(state) << state.error().message;
        EXPECT_EQ(state->iteration, iteration);
    }

    SmallJob small_{reviewed_recipe()};
};

TEST_F(ReviewTest, RunsWaitForAnswersAndEndWithTheSameBytes) {
    const std::string whole = undisturbed();
    for (const int checkpoint_every : {1, 3}) {
        fs::remove_all(directory_ / "checkpoints");
        TrainingOptions options = reviewing();
        options.checkpoint_every = checkpoint_every;
        for (const int iteration : {2, 4}) {
            expect_waiting(iteration, options);
            const std::string kept = get("checkpoint.cft");
            expect_waiting(iteration, options);  // no answer: nothing has changed
            EXPECT_EQ(get("checkpoint.cft"), kept);
            must(write_answer(stored(files()), small_.job.identity, iteration, Answer::go_on));
        }
        const TrainingReport report = train(directory_, options);
        EXPECT_EQ(report.resumed_at, 4);
        EXPECT_FALSE(report.stopped_by_owner);
        EXPECT_EQ(get("model.cft"), whole);
        EXPECT_FALSE(fs::exists(files().checkpoint()));
        fs::remove(files().model());
        // Answers that are there already are obeyed without a pause.
        EXPECT_EQ(train(directory_, options).resumed_at, 0);
        EXPECT_EQ(get("model.cft"), whole);
        fs::remove(files().model());
    }
}

TEST_F(ReviewTest, OwnerStopsTheRunAndKeepsItsCheckpoints) {
    expect_waiting(2);
    must(write_answer(stored(files()), small_.job.identity, 2, Answer::go_on));
    expect_waiting(4);
    must(write_answer(stored(files()), small_.job.identity, 4, Answer::stop));
    for (int again = 0; again < 2; ++again) {
        const TrainingReport report = train(directory_, reviewing());
        EXPECT_TRUE(report.stopped_by_owner);
        EXPECT_EQ(report.stopped_at, 4);
        EXPECT_EQ(report.iterations, review_iterations);
        EXPECT_FALSE(report.already_done);
        EXPECT_EQ(report.model_bytes, 0U);
        EXPECT_FALSE(fs::exists(files().model()));
    }
    // What the owner stopped for: the models of the iterations under review.
    const auto models =
        decrypt_checkpoints(stored(files()), small_.job, small_.key, small_.data.xs);
    ASSERT_EQ(models.size(), 2U);
    std::vector<RowMatrix> twins;
    run_twin(small_.data, small_.job.plan.recipe(), nullptr,
             [&](const TwinIteration& after) { twins.push_back(after.model); });
    const double bound = test::state_error_bound(small_.job.plan, small_.data);
    for (const CheckpointModel& model : models) {
        const RowMatrix& expected = twins[static_cast<std::size_t>(model.iteration - 1)];
        EXPECT_LT((values(model.state) - expected).cwiseAbs().maxCoeff(), bound) << model.iteration;
    }
    EXPECT_EQ(models[0].iteration, 2);
    EXPECT_EQ(models[1].iteration, 4);
    EXPECT_LT(bound,
              1e-2 * (values(models[0].state) - values(models[1].state)).cwiseAbs().maxCoeff());
}

TEST_F(ReviewTest, NothingElseIsAnAnswer) {
    const std::string whole = undisturbed();
    expect_waiting(2);
    const std::string kept = get("checkpoint.cft");
    const std::string name = files().answer(2).lexically_relative(directory_).string();
    const std::vector<std::string> bad{
        "",
        "continue",
        "{",
        "[]",
        "null",
        "2",
        R"({"iteration": 2})",
        R"({"answer": "continue"})",
        R"({"iteration": 2, "answer": "perhaps"})",
        R"({"iteration": 2, "answer": ""})",
        R"({"iteration": 2, "answer": "stop\u0000"})",
        R"({"iteration": 2, "answer": "Continue"})",
        R"({"iteration": 2, "answer": true})",
        R"({"iteration": 2, "answer": ["continue"]})",
        R"({"iteration": 4, "answer": "continue"})",
        R"({"iteration": "2", "answer": "continue"})",
        R"({"iteration": 2, "answer": "continue"} {})",
        std::string(4000, '['),
        R"({"iteration": 2, "answer": "continue"})" + std::string(100'000, ' '),
        R"({"iteration": 2, "answer": "stop)" + std::string(1, '\0') + "\"}",
        "\xff\xfe\x80",
    };
    // Right but for what each of them gets wrong; and whole answers to other jobs.
    must(write_answer(stored(files()), small_.job.identity, 2, Answer::go_on));
    const std::string right = get(name);
    const std::size_t start = right.find("\"job\"");
    const std::string job = right.substr(start, right.find_first_of(",}", start) - start);
    ContainerIdentity other = small_.job.identity;
    other.nonce[0] ^= 1U;
    for (const std::string& content : bad) {
        std::string text = content;
        if (const std::size_t brace = text.find("{\""); brace == 0) {
            text.insert(1, job + ", ");
        }
        put(name, text);
        const auto answer = read_answer(stored(files()), small_.job.identity, 2);
        EXPECT_TRUE(fails_with(answer, ErrorCode::bad_input, name)) << content.substr(0, 60);
        EXPECT_TRUE(
            test::throws(ErrorCode::bad_input, {name}, [&] { train(directory_, reviewing()); }));
        EXPECT_EQ(get("checkpoint.cft"), kept);
        EXPECT_FALSE(fs::exists(files().model()));
    }
    must(write_answer(stored(files()), other, 2, Answer::go_on));
    EXPECT_TRUE(fails_with(read_answer(stored(files()), small_.job.identity, 2),
                           ErrorCode::bad_input, "of this job"));
    must(write_answer(stored(files()), small_.job.identity, 2, Answer::go_on));
    must(write_answer(stored(files()), small_.job.identity, 4, Answer::go_on));
    EXPECT_EQ(train(directory_, reviewing()).resumed_at, 2);
    EXPECT_EQ(get("model.cft"), whole);
}

TEST_F(ReviewTest, AnswersComeBackFromTheirFiles) {
    for (const Answer answer : {Answer::go_on, Answer::stop}) {
        EXPECT_EQ(answer_from_name(name(answer)), answer);
        fs::create_directories(directory_ / "checkpoints");
        must(write_answer(stored(files()), small_.job.identity, 3, answer));
        const auto read = read_answer(stored(files()), small_.job.identity, 3);
        ASSERT_TRUE(read) << read.error().message;
        EXPECT_EQ(*read, answer);  // a later answer replaces an earlier one
    }
    const auto none = read_answer(stored(files()), small_.job.identity, 2);
    ASSERT_TRUE(none);
    EXPECT_FALSE(none->has_value());
    EXPECT_TRUE(fails_with(answer_from_name("go on"), ErrorCode::bad_input, "go on"));
}

// A job whose plan brings the key of the answers.
class SignedReviewTest : public ReviewTest {
  protected:
    void SetUp() override {
        small_.job.answer_key = signer_.public_key();
        ReviewTest::SetUp();
    }
    void answer(int iteration, Answer given, const std::optional<AnswerSignature>& signature) {
        must(write_answer(stored(files()), small_.job.identity, iteration, given, signature));
    }
    void expect_forged(int iteration) {
        EXPECT_TRUE(fails_with(
            read_answer(stored(files()), small_.job.identity, iteration, small_.job.answer_key),
            ErrorCode::bad_input, "not signed by the owner"));
        EXPECT_TRUE(test::throws(ErrorCode::bad_input, {"not signed by the owner"},
                                 [&] { train(directory_, reviewing()); }));
    }

    AnswerSigner signer_{small_.key};
};

TEST_F(SignedReviewTest, ServersObeyTheOwnerAndNobodyElse) {
    expect_waiting(2);
    const ContainerIdentity& mine = small_.job.identity;
    const AnswerSignature right = signer_.sign(mine, 2, Answer::go_on);
    answer(2, Answer::go_on, std::nullopt);
    expect_forged(2);
    answer(2, Answer::stop, right);  // another answer than was signed
    expect_forged(2);
    answer(2, Answer::go_on, signer_.sign(mine, 4, Answer::go_on));  // another iteration's
    expect_forged(2);
    ContainerIdentity other = mine;
    other.nonce[0] ^= 1U;
    answer(2, Answer::go_on, signer_.sign(other, 2, Answer::go_on));  // another job's
    expect_forged(2);
    other = mine;
    other.plan[0] ^= 1U;
    answer(2, Answer::go_on, signer_.sign(other, 2, Answer::go_on));  // another plan's
    expect_forged(2);
    const SecretKey stranger = SecretKey::generate(small_.job.plan.parameters());
    answer(2, Answer::go_on, AnswerSigner(stranger).sign(mine, 2, Answer::go_on));
    expect_forged(2);
    AnswerSignature damaged = right;
    damaged[63] ^= 1U;
    answer(2, Answer::go_on, damaged);
    expect_forged(2);
    answer(2, Answer::go_on, right);
    EXPECT_TRUE(test::throws(ErrorCode::interrupted, {"iteration 4"},
                             [&] { train(directory_, reviewing()); }));
    answer(4, Answer::stop, signer_.sign(mine, 4, Answer::stop));
    EXPECT_TRUE(train(directory_, reviewing()).stopped_by_owner);
}

TEST_F(SignedReviewTest, TheKeyOfAnswersComesWithThePlanAndFromTheSecretKeyAlone) {
    const Job read = value_or_throw(read_plan(files().plan(), TestParameters::allow));
    ASSERT_TRUE(read.answer_key.has_value());
    EXPECT_EQ(*read.answer_key, signer_.public_key());
    EXPECT_EQ(AnswerSigner(small_.key).public_key(), signer_.public_key());
    const SecretKey same = SecretKey::from_coefficients(small_.job.plan.parameters(),
                                                        small_.key.coefficients(), small_.key.id());
    EXPECT_EQ(AnswerSigner(same).public_key(), signer_.public_key());
    Digest renamed = small_.key.id();
    renamed[0] ^= 1U;
    const SecretKey named = SecretKey::from_coefficients(small_.job.plan.parameters(),
                                                         small_.key.coefficients(), renamed);
    EXPECT_NE(AnswerSigner(named).public_key(), signer_.public_key());
}

TEST_F(SignedReviewTest, PlansWithAWrongKeyAreRefused) {
    const nlohmann::json plan = small_.job.plan.to_json();
    const std::string text = plan.dump();
    for (const std::size_t bytes : {0U, 31U, 33U}) {
        auto writer = value_or_throw(
            ContainerWriter::create(files().plan(), ContainerKind::plan, small_.job.identity));
        must(writer.section(section_tag("PLAN"), 0, bytes_of(text)));
        must(writer.section(section_tag("AKEY"), 0, std::vector<std::uint8_t>(bytes)));
        must(writer.commit());
        EXPECT_FALSE(read_plan(files().plan(), TestParameters::allow)) << bytes;
    }
}

// An hour to wait, of which none is spent: the answer comes as soon as it is asked for.
TEST_F(ReviewTest, WaitingServersTakeTheAnswerWhenItComes) {
    const std::string whole = undisturbed();
    TrainingOptions options = reviewing();
    options.review_wait_seconds = 3600;
    std::thread owner([this] {
        for (const int iteration : {2, 4}) {
            while (!fs::exists(files().kept_checkpoint(iteration))) {
                std::this_thread::sleep_for(std::chrono::milliseconds(5));
            }
            must(write_answer(stored(files()), small_.job.identity, iteration, Answer::go_on));
        }
    });
    const TrainingReport report = train(directory_, options);
    owner.join();
    EXPECT_EQ(report.resumed_at, 0);
    EXPECT_EQ(get("model.cft"), whole);
}

TEST_F(ReviewTest, AStopEndsTheWaiting) {
    TrainingOptions options = reviewing();
    options.review_wait_seconds = 3600;
    std::stop_source stop;
    std::thread signal([&] {
        while (!fs::exists(files().kept_checkpoint(2))) {
            std::this_thread::sleep_for(std::chrono::milliseconds(5));
        }
        stop.request_stop();
    });
    expect_waiting(2, options, stop.get_token());
    signal.join();
}

TEST_F(ReviewTest, MiniBatchesAndBootstrappedRunsCanBeReviewed) {
    Recipe recipe = reviewed_recipe();
    recipe.batch = 4;
    for (const bool refreshed : {false, true}) {
        fs::remove_all(directory_);
        fs::create_directories(directory_);
        const SmallJob small(
            recipe, 1,
            refreshed ? SmallJob::refreshed_options("primal") : SmallJob::options("primal"));
        small.write(files());
        const std::string whole = undisturbed();
        for (const int iteration : {2, 4}) {
            EXPECT_TRUE(test::throws(ErrorCode::interrupted,
                                     {files().kept_checkpoint(iteration).string()},
                                     [&] { train(directory_, reviewing()); }));
            must(write_answer(stored(files()), small.job.identity, iteration, Answer::go_on));
        }
        train(directory_, reviewing());
        EXPECT_EQ(get("model.cft"), whole);
    }
}

TEST_F(ReviewTest, NoReviewWhereThereIsNoModelInBetween) {
    fs::remove_all(directory_);
    fs::create_directories(directory_);
    PlanOptions plan = SmallJob::refreshed_options("dual");
    plan.models_every = 0;
    const SmallJob small(reviewed_recipe(), 1, plan);
    ASSERT_FALSE(small.job.plan.has_intermediate_models());
    small.write(files());
    EXPECT_TRUE(test::throws(ErrorCode::bad_input, {"plan.cft", "without reviews"},
                             [&] { train(directory_, reviewing()); }));
    EXPECT_FALSE(fs::exists(files().checkpoint()));
    EXPECT_FALSE(undisturbed().empty());
}

}  // namespace
}  // namespace cipherfit::testing
