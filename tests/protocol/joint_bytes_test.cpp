// What travels between members and server after the keys: uploads and results as bytes that nobody
// vouches for.
#include "protocol/joint_bytes.h"

#include "cipherfit/io/bytes.h"
#include "cipherfit/parties/attestation.h"
#include "cipherfit/protocol/joint_training.h"
#include "support/errors.h"

#include <algorithm>
#include <random>
#include <vector>

#include <gtest/gtest.h>

namespace cipherfit {
namespace {

using test::throws;
using Bytes = std::vector<std::uint8_t>;

// As the fuzz target has it.
CharterPlan smallest_plan() {
    JointTerms terms;
    terms.features = 1;
    terms.classes = 2;
    terms.task.iterations = 2;
    terms.task.holders = 1;
    terms.task.threshold = 1;
    terms.task.contributors = 2;
    terms.task.log_n = 5;
    terms.task.least_bits = 0;
    terms.task.insecure_for_tests_only = true;
    return CharterPlan::create(terms);
}

RnsPoly some_poly(const CharterPlan& plan, std::size_t level, unsigned seed) {
    std::mt19937_64 generator(seed);
    RnsPoly poly(plan.parameters().n(), level + 1, true);
    for (std::size_t limb = 0; limb <= level; ++limb) {
        std::generate_n(poly.limb(limb), plan.parameters().n(),
                        [&] { return generator() % plan.parameters().q(limb); });
    }
    return poly;
}

Bytes some_upload(const CharterPlan& plan, std::uint8_t preparation) {
    const auto ciphertext = [&](double scale, unsigned seed) {
        std::vector<RnsPoly> parts;
        parts.push_back(some_poly(plan, plan.joint().upload_level(), seed));
        parts.push_back(some_poly(plan, plan.joint().upload_level(), seed + 1));
        return Ciphertext(std::move(parts),
                          MessageInfo{.level = plan.joint().upload_level(), .scale = scale});
    };
    JointContribution contribution;
    for (std::size_t i = 0; i < plan.joint().gram_ciphertexts(); ++i) {
        contribution.gram.push_back(ciphertext(plan.joint().upload_scale(), 10));
    }
    contribution.moments = ciphertext(plan.joint().moments_scale(), 20);
    ByteWriter out;
    Digest digest{};
    digest.fill(preparation);
    out.bytes(digest);
    write_contribution(out, plan.joint(), contribution);
    return out.take();
}

JointResult some_result(const CharterPlan& plan) {
    return {.c0 = some_poly(plan, plan.joint().release_level(), 1),
            .c1 = some_poly(plan, plan.joint().release_level(), 2)};
}

TEST(JointBytes, UploadsOfAnotherShapeAreRefusedWithTheirMember) {
    const CharterPlan plan = smallest_plan();
    const Bytes good = some_upload(plan, 7);
    const auto refused = [&](const Bytes& bytes, const char* word) {
        UploadSum sum(plan);
        EXPECT_TRUE(throws(ErrorCode::corrupt_data, {"member 1 (Clinic b)", word},
                           [&] { sum.add(bytes, "member 1 (Clinic b)"); }));
    };
    UploadSum sum(plan);
    sum.add(good, "member 0 (Clinic a)");
    for (std::size_t cut = 0; cut < good.size(); cut += 97) {
        refused(Bytes(good.begin(), good.begin() + static_cast<std::ptrdiff_t>(cut)), "");
    }
    Bytes changed = good;
    changed.push_back(0);
    refused(changed, "");
    // A residue that is not below its prime.
    changed = good;
    std::fill_n(changed.begin() + 40, 40, 0xff);
    refused(changed, "prime");
    // Features that were made by another version.
    EXPECT_TRUE(throws(ErrorCode::corrupt_data, {"member 1", "other features", "member 0"},
                       [&] { sum.add(some_upload(plan, 8), "member 1"); }));
    // A third of two contributors.
    sum.add(good, "member 1");
    EXPECT_TRUE(throws(ErrorCode::bad_input, {"member 2", "2 contributors"},
                       [&] { sum.add(good, "member 2"); }));
}

TEST(JointBytes, ResultsComeBackAndNothingElseDoes) {
    const CharterPlan plan = smallest_plan();
    Charter charter;
    plan.write_to(charter);
    Digest root{};
    root.fill(3);
    const JointResult result = some_result(plan);
    const Bytes good = value_or_throw(result_to_bytes(charter, root, result));
    const auto read = result_from_bytes(good, charter, plan, root);
    ASSERT_TRUE(read.has_value()) << read.error().message;
    EXPECT_EQ(read->digest, ciphertext_digest(plan.parameters(), plan.joint().release_level(),
                                              result.c0, result.c1));
    for (std::size_t cut = 0; cut < good.size(); cut += 13) {
        EXPECT_EQ(result_from_bytes(std::span(good).first(cut), charter, plan, root).error().code,
                  ErrorCode::corrupt_data);
    }
    Bytes changed = good;
    changed.push_back(0);
    EXPECT_FALSE(result_from_bytes(changed, charter, plan, root).has_value());
    changed = good;
    changed[5] ^= 1;
    EXPECT_FALSE(result_from_bytes(changed, charter, plan, root).has_value());
    EXPECT_EQ(result_from_bytes(good, charter, plan, Digest{}).error().code,
              ErrorCode::fingerprint_mismatch);
    charter.title = "another";
    EXPECT_EQ(result_from_bytes(good, charter, plan, root).error().code,
              ErrorCode::fingerprint_mismatch);
}

TEST(JointBytes, ReleaseRequestsNameAsManyHoldersAsOpen) {
    AskedRelease asked{.ciphertext = {}, .holders = HolderSet::create(5, 3, {1, 3, 4})};
    asked.ciphertext.fill(9);
    const Bytes good = to_bytes(asked);
    const auto read = asked_release_from_bytes(good, 5, 3);
    ASSERT_TRUE(read.has_value());
    EXPECT_EQ(read->ciphertext, asked.ciphertext);
    EXPECT_EQ(read->holders, asked.holders);
    EXPECT_FALSE(asked_release_from_bytes(good, 5, 2).has_value());
    EXPECT_FALSE(asked_release_from_bytes(good, 3, 3).has_value());
    EXPECT_FALSE(asked_release_from_bytes(std::span(good).first(35), 5, 3).has_value());
    Bytes changed = good;
    changed[35] = 0x80;  // holder 32
    EXPECT_EQ(asked_release_from_bytes(changed, 5, 3).error().code, ErrorCode::corrupt_data);
}

}  // namespace
}  // namespace cipherfit
