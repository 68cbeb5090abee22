// What was decrypted is remembered: one model an iteration, and one refusal a key.
#include "cipherfit/protocol/owner/decryption_record.h"

#include "cipherfit/ckks/owner/encryptor.h"
#include "cipherfit/protocol/owner/model_check.h"
#include "protocol/small_job.h"
#include "support/errors.h"

#include <filesystem>
#include <initializer_list>
#include <string>
#include <sys/stat.h>
#include <vector>

namespace cipherfit::testing {
namespace {

namespace fs = std::filesystem;
using test::throws;

constexpr int recorded_iterations = 3;

ContainerIdentity identity_of(std::uint8_t key, std::uint8_t job) {
    ContainerIdentity identity;
    identity.key[0] = key;
    identity.nonce[0] = job;
    return identity;
}

Digest digest(std::uint8_t number) {
    Digest result{};
    result[31] = number;
    return result;
}

std::string refusal() {
    try {
        refuse_decrypted();
    } catch (const Error& error) {
        return error.what();
    }
    return {};
}

class DecryptionRecordTest : public FileTest {
  protected:
    fs::path file() const { return path("decryptions.json"); }
    DecryptionRecord record() const { return DecryptionRecord(file()); }
    template <class F>
    void expect_refused(F&& body) const {
        EXPECT_TRUE(throws(ErrorCode::corrupt_data, {refusal()}, body));
    }
    // Begins and accepts with a record of its own, as a process of its own would.
    void accept(const ContainerIdentity& job, int iteration, std::uint8_t number) const {
        DecryptionRecord mine = record();
        mine.begin(job, iteration, digest(number));
        mine.accept();
    }
};

TEST_F(DecryptionRecordTest, TheRefusalSaysWhatToDoAndNoNumber) {
    EXPECT_EQ(refusal().find_first_of("0123456789"), std::string::npos);
    EXPECT_NE(refusal().find("new keys"), std::string::npos);
    EXPECT_EQ(exit_status(ErrorCode::corrupt_data), 2);
}

TEST_F(DecryptionRecordTest, OneModelAnIterationAndNoOther) {
    const ContainerIdentity job = identity_of(1, 1);
    accept(job, 5, 10);
    accept(job, 5, 10);  // once more: nothing new is answered
    expect_refused([&] { accept(job, 5, 11); });
    // A model that was never decrypted uses up no key: other iterations and jobs go on.
    accept(job, 6, 11);
    accept(identity_of(1, 2), 5, 12);
    accept(identity_of(2, 1), 5, 13);
    EXPECT_NO_THROW(record().require_usable(job.key));
}

TEST_F(DecryptionRecordTest, ARefusalUsesUpTheKey) {
    const ContainerIdentity job = identity_of(1, 1);
    accept(job, 2, 10);
    DecryptionRecord refused = record();
    refused.begin(job, 3, digest(11));
    expect_refused([&] { refused.refuse(); });
    for (const std::uint8_t number : std::initializer_list<std::uint8_t>{11, 12, 13}) {
        expect_refused([&] { accept(job, 3, number); });  // the same, and others
        expect_refused([&] { accept(job, 4, number); });
        expect_refused([&] { accept(identity_of(1, 7), 3, number); });
    }
    expect_refused([&] { record().require_usable(job.key); });
    accept(job, 2, 10);  // known before
    accept(identity_of(2, 1), 3, 11);
    EXPECT_NO_THROW(record().require_usable(identity_of(2, 1).key));
}

TEST_F(DecryptionRecordTest, OfTwoAtOnceTheLaterSeesTheOthersRefusal) {
    const ContainerIdentity job = identity_of(1, 1);
    accept(job, 1, 9);
    DecryptionRecord first = record();
    DecryptionRecord second = record();
    first.begin(job, 2, digest(10));
    second.begin(job, 1, digest(9));
    second.begin(job, 3, digest(11));
    expect_refused([&] { first.refuse(); });
    expect_refused([&] { second.accept(); });  // without an answer to what is new
    expect_refused([&] { accept(job, 3, 11); });
    accept(job, 1, 9);
}

TEST_F(DecryptionRecordTest, ARefusalTakesNothingBackThatWasAnswered) {
    const ContainerIdentity job = identity_of(1, 1);
    accept(job, 1, 9);
    DecryptionRecord together = record();
    together.begin(job, 1, digest(9));
    together.begin(job, 2, digest(10));
    expect_refused([&] { together.refuse(); });
    accept(job, 1, 9);
    expect_refused([&] { accept(job, 2, 10); });
}

TEST_F(DecryptionRecordTest, TheDigestIsThereBeforeAndTheOutcomeWithTheAnswer) {
    const ContainerIdentity job = identity_of(1, 1);
    DecryptionRecord killed = record();
    killed.begin(job, 3, digest(10));
    EXPECT_NE(get("decryptions.json").find("pending"), std::string::npos);
    // Of a process that was killed here: the same goes on, another does not.
    expect_refused([&] { accept(job, 3, 11); });
    accept(job, 3, 10);
    EXPECT_NE(get("decryptions.json").find("accepted"), std::string::npos);
    DecryptionRecord revoked = record();
    expect_refused([&] { revoked.revoke(job, 3); });
    EXPECT_EQ(get("decryptions.json").find("accepted"), std::string::npos);
    expect_refused([&] { accept(job, 3, 10); });
    // A revocation of what no record is left of uses up the key as well.
    std::filesystem::remove(file());
    DecryptionRecord unknown = record();
    expect_refused([&] { unknown.revoke(job, 3); });
    EXPECT_NE(get("decryptions.json").find("refused"), std::string::npos);
    expect_refused([&] { accept(job, 2, 9); });
    struct stat status{};
    ASSERT_EQ(stat(file().c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777U, 0600U);
}

TEST_F(DecryptionRecordTest, ADamagedRecordIsNone) {
    accept(identity_of(1, 1), 3, 10);
    const std::string good = get("decryptions.json");
    for (const std::string& bad :
         {std::string(), good.substr(0, good.size() / 2), std::string("[]"),
          std::string(R"({"format": 1})"), std::string(R"({"format": 2, "decryptions": []})"),
          std::string(good).replace(good.find("accepted"), 8, "whatever")}) {
        put("decryptions.json", bad);
        EXPECT_TRUE(throws(ErrorCode::corrupt_data, {"decryptions.json", "damaged"}, [&] {
            accept(identity_of(1, 1), 3, 10);
        })) << bad;
    }
}

TEST_F(DecryptionRecordTest, WithoutAFileNothingIsKept) {
    DecryptionRecord none = DecryptionRecord::that_keeps_nothing();
    none.begin(identity_of(1, 1), 1, digest(1));
    none.accept();
    none.begin(identity_of(1, 1), 1, digest(2));
    expect_refused([&] { none.refuse(); });
    EXPECT_TRUE(fs::is_empty(directory_));
}

// A model of a real run, and what a server could make of it.
class ReleasedModelTest : public DecryptionRecordTest {
  protected:
    void SetUp() override {
        FileTest::SetUp();
        small_.write(files());
        TrainingOptions options;
        options.tests = TestParameters::allow;
        options.keep_every = 1;
        train(directory_, options);
    }
    JobFiles files() const { return {directory_}; }
    std::vector<Ciphertext> model() const {
        return value_or_throw(read_model(files().model(), small_.job));
    }
    // Another message in the same form.
    std::vector<Ciphertext> another(double value) const { return like(model(), value); }
    std::vector<Ciphertext> like(const std::vector<Ciphertext>& blocks, double value) const {
        std::vector<Ciphertext> made;
        const Encoder encoder(small_.job.plan.parameters());
        for (const Ciphertext& block : blocks) {
            const std::vector<double> slots(small_.job.plan.parameters().slots(), value);
            made.push_back(
                encrypt(small_.key, encoder.encode(slots, block.level(), block.scale())));
        }
        return made;
    }
    Head release(const std::vector<Ciphertext>& blocks) const {
        DecryptionRecord mine = record();
        return release_model(mine, small_.job, small_.key, blocks, small_.data.xs, setup_,
                             reference_);
    }

    SmallJob small_{standard_recipe(recorded_iterations, 1.8, fit_sigmoid(3, 8))};
    OwnerSetup setup_{small_.job.plan, small_.preprocessing, {"a", "b", "c"}, {}, 1};
    TwinReference reference_ = make_twin_reference(setup_, small_.data);
};

TEST_F(ReleasedModelTest, ManyChangedModelsGetOneAnswer) {
    expect_refused([&] { release(another(0.25)); });
    for (int trial = 0; trial < 46; ++trial) {
        expect_refused([&] { release(another(0.25 + 1e-3 * trial)); });
    }
    expect_refused([&] { release(model()); });  // the right one comes too late
}

TEST_F(ReleasedModelTest, TheRightModelIsReleasedAsOftenAsWanted) {
    const Head head = release(model());
    EXPECT_EQ(release(model()).weights, head.weights);
    EXPECT_LE(largest_weight_error(head, reference_.head), reference_.weight_error_bound);
    expect_refused([&] { release(another(0.25)); });
    EXPECT_EQ(release(model()).weights, head.weights);
}

TEST_F(ReleasedModelTest, CheckpointsAreRecordedToo) {
    const auto checkpoints = [&] {
        DecryptionRecord mine = record();
        return release_checkpoints(mine, stored(files()), small_.job, small_.key, small_.data.xs,
                                   small_.data, setup_, reference_);
    };
    const auto models = checkpoints();
    ASSERT_EQ(models.size(), 2U);
    for (const CheckedModel& released : models) {
        EXPECT_LE(largest_weight_error(released.head, released.twin),
                  reference_.weight_error_bounds[static_cast<std::size_t>(released.iteration - 1)]);
        EXPECT_GT(largest_weight_error(released.twin, reference_.head), 0);
    }
    EXPECT_EQ(checkpoints().size(), 2U);
    release(model());
    TrainingState changed = value_or_throw(
        read_state(files().kept_checkpoint(2), ContainerKind::checkpoint, small_.job));
    changed["main"] = like(changed["main"], 0.25);
    value_or_throw(
        write_state(files().kept_checkpoint(2), ContainerKind::checkpoint, small_.job, changed));
    expect_refused([&] { static_cast<void>(checkpoints()); });
    release(model());  // nothing was decrypted: the key is not used up
}

TEST_F(ReleasedModelTest, DigestsSeeEveryPart) {
    const auto blocks = model();
    const Digest whole = digest_of(blocks);
    EXPECT_EQ(digest_of(model()), whole);
    EXPECT_NE(digest_of(std::span(blocks).first(blocks.size() - 1)), whole);
    for (const std::size_t part : {0U, 1U}) {
        std::vector<Ciphertext> changed;
        for (const Ciphertext& block : blocks) {
            std::vector<RnsPoly> parts;
            for (std::size_t i = 0; i < block.size(); ++i) {
                parts.push_back(block.part(i).copy());
            }
            parts[part].limb(block.level())[block.part(0).n() - 1] ^= 1U;
            changed.emplace_back(std::move(parts), block.info());
        }
        EXPECT_NE(digest_of(changed), whole);
    }
}

}  // namespace
}  // namespace cipherfit::testing
