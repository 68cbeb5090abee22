// The release of a single owner, with the keys and the encryption that it has anyway.
#include "cipherfit/protocol/owner/release_alone.h"

#include "cipherfit/ckks/owner/encryptor.h"
#include "support/errors.h"
#include "support/joint_tasks.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <string>
#include <unistd.h>

#include <gtest/gtest.h>

namespace cipherfit {
namespace {

using test::JointRows;
using test::throws;

TEST(ReleaseAlone, IsOneReleaseOfWhatWasRecomputed) {
    JointTask task = test::toy_joint_task();
    task.holders = task.threshold = task.contributors = 1;
    const JointPlan plan = value_or_throw(JointPlan::create(task));
    EXPECT_EQ(plan.releases(), 1U);
    const SecretKey key = SecretKey::generate(plan.parameters());
    const EvaluationKeys keys = KeyGenerator(key).evaluation_keys(plan.keys());
    const auto all = test::contributors_of(plan, JointRows::random, 12);
    const auto messages = value_or_throw(joint_messages(plan, scaling_of(all), all[0]));
    const auto encrypted = [&] {
        JointContribution sum;
        for (std::size_t i = 0; i + 1 < messages.size(); ++i) {
            sum.gram.push_back(encrypt(key, messages[i]));
        }
        sum.moments = encrypt(key, messages.back());
        return sum;
    };
    const auto digest_of = [&](const Ciphertext& model) {
        return ciphertext_digest(plan.parameters(), model.level(), model.part(0), model.part(1));
    };
    const JointContribution sum = encrypted();
    const Ciphertext model = train_jointly(plan, keys, sum);
    const Digest recomputed = digest_of(train_jointly(plan, keys, sum));
    const Ciphertext other = train_jointly(plan, keys, encrypted());
    const Seed noise = test::seed_of(6);
    const ReleaseAlone alone{
        .job = test::charter_of(5),
        .record = ::testing::TempDir() + "release." + std::to_string(::getpid()),
        .noise_seed = noise};
    std::filesystem::remove(alone.record);
    // Another ciphertext is neither opened nor recorded.
    EXPECT_TRUE(throws(ErrorCode::fingerprint_mismatch, {"not the one that recomputing"},
                       [&] { release_alone(plan, key, other, recomputed, alone); }));
    EXPECT_FALSE(std::filesystem::exists(alone.record));

    const RnsPoly opened = release_alone(plan, key, model, recomputed, alone);
    EXPECT_TRUE(std::filesystem::exists(alone.record));
    const double error =
        (decode_joint_state(plan, opened) - joint_twin(plan, scaling_of(all), all[0]))
            .cwiseAbs()
            .maxCoeff();
    const double deviation = std::exp2(-plan.bits_of(1.0));
    EXPECT_LT(error, 12 * deviation);
    EXPECT_GT(error, deviation / 4);
    // The same again gives the same bytes, and another one is refused for good.
    const RnsPoly again = release_alone(plan, key, model, recomputed, alone);
    EXPECT_TRUE(std::equal(opened.limb(0), opened.limb(0) + 2 * opened.n(), again.limb(0)));
    EXPECT_TRUE(throws(ErrorCode::bad_input, {"answers the release", "and no other"},
                       [&] { release_alone(plan, key, other, digest_of(other), alone); }));
    const JointPlan others = value_or_throw(JointPlan::create(test::toy_joint_task()));
    EXPECT_TRUE(throws(ErrorCode::invalid_argument, {"3 holders"},
                       [&] { release_alone(others, key, model, recomputed, alone); }));
    std::filesystem::remove(alone.record);
}

}  // namespace
}  // namespace cipherfit
