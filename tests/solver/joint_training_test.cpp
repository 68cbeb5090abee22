// One model from several owners' sums: from rows to the recipient's model.
#include "cipherfit/ckks/owner/encryptor.h"
#include "cipherfit/solver/owner/joint/release_alone.h"
#include "support/errors.h"
#include "support/joint_tasks.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include <Eigen/Cholesky>
#include <gtest/gtest.h>

namespace cipherfit {
namespace {

using test::contributors_of;
using test::JointRows;
using test::JointRun;
using test::throws;
using test::toy_joint_task;

// From rows to the model of the recipient, by every set of two of three holders.
TEST(JointTraining, FromRowsToTheRecipientsModel) {
    const JointRun run(toy_joint_task(), 3);
    const auto all = contributors_of(run.plan, JointRows::random, 5);
    int iterations = 0;
    const Ciphertext model =
        train_jointly(run.plan, run.keys, run.encrypted(all), [&](int) { ++iterations; });
    EXPECT_EQ(iterations, 4);
    EXPECT_EQ(model.level(), run.plan.release_level());
    const JointStatistics sum = sum_statistics(all);
    const RowMatrix twin = joint_twin(run.plan, scaling_of(all), sum);
    const Digest digest =
        ciphertext_digest(run.plan.parameters(), model.level(), model.part(0), model.part(1));
    const ReleaseTerms terms = run.plan.release_terms(run.parties.charter);
    for (const HolderSet& set : test::subsets(3, 2)) {
        const ReleaseRequest request{.charter = run.parties.charter,
                                     .ciphertext = digest,
                                     .holders = set,
                                     .level = terms.level,
                                     .gap = terms.gap,
                                     .sigma = terms.sigma};
        require_valid(run.plan.parameters(), request);
        const auto holders = run.parties.holders(request);
        std::vector<ReleaseShare> shares;
        for (const unsigned point : set.points()) {
            shares.push_back(holders[point - 1].release(request, model.part(0), model.part(1),
                                                        digest, test::pair_secrets(point, 3)));
        }
        const RnsPoly opened =
            combine_release(run.plan.parameters(), request, model.part(0), shares);
        const RowMatrix state = decode_joint_state(run.plan, opened);
        // What is predicted, up to what the sampler draws more (at most twice) and chance.
        const double deviation = std::exp2(-run.plan.bits_of(1.0));
        const double measured =
            std::sqrt((state - twin).squaredNorm() / static_cast<double>(state.size()));
        EXPECT_LT((state - twin).cwiseAbs().maxCoeff(), 12 * deviation);
        EXPECT_LT(measured, 2.8 * deviation);
        EXPECT_GT(measured, 0.6 * deviation);
        const RowMatrix weights = decode_joint_model(run.plan, scaling_of(all), opened);
        EXPECT_EQ(weights.rows(), 3);
        EXPECT_EQ(weights.cols(), 11);
        const double back = std::sqrt(scaling_of(all).rows / scaling_of(all).largest_eigenvalue);
        EXPECT_NEAR(weights(2, 7), back * state(7, 2), 1e-12);
    }
}

// A single owner, with the keys and the encryption that it has anyway.
TEST(JointTraining, ASingleOwnerReleasesByTheSameArithmetic) {
    JointTask task = toy_joint_task();
    task.holders = task.threshold = task.contributors = 1;
    const JointPlan plan = value_or_throw(JointPlan::create(task));
    EXPECT_EQ(plan.releases(), 1U);
    const SecretKey key = SecretKey::generate(plan.parameters());
    const EvaluationKeys keys = KeyGenerator(key).evaluation_keys(plan.keys());
    const auto all = contributors_of(plan, JointRows::random, 12);
    const auto messages = value_or_throw(joint_messages(plan, scaling_of(all), all[0]));
    JointContribution sum;
    for (std::size_t i = 0; i + 1 < messages.size(); ++i) {
        sum.gram.push_back(encrypt(key, messages[i]));
    }
    sum.moments = encrypt(key, messages.back());
    const Ciphertext model = train_jointly(plan, keys, sum);
    const Digest job = test::charter_of(5);
    const RnsPoly opened = release_alone(plan, key, model, job, test::seed_of(6));
    const double error =
        (decode_joint_state(plan, opened) - joint_twin(plan, scaling_of(all), all[0]))
            .cwiseAbs()
            .maxCoeff();
    const double deviation = std::exp2(-plan.bits_of(1.0));
    EXPECT_LT(error, 12 * deviation);
    EXPECT_GT(error, deviation / 4);
    // The same bytes again.
    const RnsPoly again = release_alone(plan, key, model, job, test::seed_of(6));
    EXPECT_TRUE(std::equal(opened.limb(0), opened.limb(0) + 2 * opened.n(), again.limb(0)));
    const JointPlan others = value_or_throw(JointPlan::create(toy_joint_task()));
    EXPECT_TRUE(throws(ErrorCode::invalid_argument, {"3 holders"},
                       [&] { release_alone(others, key, model, job, test::seed_of(6)); }));
}

// Many iterations: the model is that of ridge regression on all rows together.
TEST(JointTraining, IsRidgeRegressionOnAllRows) {
    JointTask task = toy_joint_task();
    task.iterations = 40;
    const JointPlan plan = value_or_throw(JointPlan::create(task));
    const auto all = contributors_of(plan, JointRows::random, 8);
    const JointScaling scaling = scaling_of(all);
    const JointStatistics sum = sum_statistics(all);
    const RowMatrix weights = joint_model(scaling, joint_twin(plan, scaling, sum));
    const Eigen::MatrixXd left = Eigen::MatrixXd(sum.gram) + task.ridge *
                                                                 scaling.largest_eigenvalue *
                                                                 Eigen::MatrixXd::Identity(11, 11);
    const Eigen::MatrixXd solved = left.ldlt().solve(Eigen::MatrixXd(sum.moments));
    EXPECT_LT((weights.transpose() - solved).cwiseAbs().maxCoeff(), 1e-6);
}

// The circuit is the twin, for shapes that fill the ring and shapes that do not.
TEST(JointTraining, FollowsTheTwin) {
    struct Shape {
        std::size_t columns, classes;
        unsigned log_n;
        int iterations;
    };
    for (const Shape& shape :
         {Shape{2, 1, 7, 2}, Shape{5, 1, 8, 3}, Shape{16, 4, 8, 3}, Shape{17, 5, 9, 2},
          Shape{32, 8, 9, 3}, Shape{64, 2, 9, 3}, Shape{9, 6, 11, 3}}) {
        JointTask task = toy_joint_task();
        task.columns = shape.columns;
        task.classes = shape.classes;
        task.log_n = shape.log_n;
        task.iterations = shape.iterations;
        task.contributors = 2;
        task.least_bits = 0;
        SCOPED_TRACE(std::to_string(shape.columns) + " x " + std::to_string(shape.classes));
        const JointRun run(task, 11);
        const auto all = contributors_of(run.plan, JointRows::random, 9);
        const Ciphertext exact = train_jointly(run.plan, run.keys, run.exact(all));
        RnsPoly message = exact.part(0).copy();
        const RowMatrix state = decode_joint_state(run.plan, message);
        const RowMatrix twin = joint_twin(run.plan, scaling_of(all), sum_statistics(all));
        EXPECT_LT((state - twin).cwiseAbs().maxCoeff(), 1e-10);
        EXPECT_GT(twin.cwiseAbs().maxCoeff(), 0.01);
        const Ciphertext model = train_jointly(run.plan, run.keys, run.encrypted(all));
        EXPECT_LE(run.error_norm(model, exact), run.plan.error_bound().total);
    }
}

TEST(JointTraining, SameBitsOnAnyNumberOfThreads) {
    const JointRun run(toy_joint_task(), 4);
    const JointContribution sum = run.encrypted(contributors_of(run.plan, JointRows::random, 2));
    const auto digest = [&](std::size_t threads) {
        return test::with_threads(threads, [&] {
            const Ciphertext model = train_jointly(run.plan, run.keys, sum);
            return ciphertext_digest(run.plan.parameters(), model.level(), model.part(0),
                                     model.part(1));
        });
    };
    EXPECT_EQ(digest(1), digest(2));
}

}  // namespace
}  // namespace cipherfit
