// Jobs that were written before circuits were recorded, with their keys and, in most, the
// checkpoint of an earlier iteration: they are read and finished, and the models that come out are
// those of the version that wrote them, bit for bit. And owners' directories of that time, which
// sessions of now open and decrypt with. fixtures/README.md says where they come from.
#include "cipherfit/ckks/encoder.h"
#include "cipherfit/ckks/owner/encryptor.h"
#include "cipherfit/protocol/owner/owner_session.h"
#include "cipherfit/protocol/owner/secret_key_file.h"
#include "protocol/small_job.h"
#include "solver/dual/owner/dual_owner.h"

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

namespace cipherfit::testing {
namespace {

using EarlierJobs = FileTest;

// Scales and residues of all blocks.
std::string digest_of(const std::vector<Ciphertext>& model) {
    Sha256 hash;
    for (const Ciphertext& block : model) {
        const double scale = block.scale();
        hash.update({reinterpret_cast<const std::uint8_t*>(&scale), sizeof(scale)});
        for (std::size_t part = 0; part < block.size(); ++part) {
            for (std::size_t limb = 0; limb <= block.level(); ++limb) {
                hash.update({reinterpret_cast<const std::uint8_t*>(block.part(part).limb(limb)),
                             block.part(part).n() * sizeof(std::uint64_t)});
            }
        }
    }
    return to_hex(hash.finish());
}

TEST_F(EarlierJobs, AreFinishedWithTheSameBits) {
    const std::filesystem::path fixtures(CIPHERFIT_TEST_SOURCES "/protocol/fixtures/jobs");
    int finished = 0;
    for (const auto& entry : std::filesystem::directory_iterator(fixtures)) {
        const std::string name = entry.path().filename().string();
        SCOPED_TRACE(name);
        std::filesystem::copy(entry.path(), directory_ / name,
                              std::filesystem::copy_options::recursive);
        const JobFiles files{directory_ / name};
        const auto expected =
            nlohmann::json::parse(std::ifstream(files.directory / "expected.json"));
        const Job job = value_or_throw(read_plan(files.plan(), TestParameters::allow));
        const SecretKey key = value_or_throw(
            read_secret_key(files.directory / "secret.key", "", TestParameters::allow));
        const TrainingReport report = train(files.directory, for_tests());
        EXPECT_EQ(report.resumed_at, expected.at("resumes_at").get<int>());
        const auto model = value_or_throw(read_model(files.model(), job));
        EXPECT_EQ(digest_of(model), expected.at("model_digest").get<std::string>());
        // The primal's model, and the dual's coefficients, as they were decrypted then.
        const RowMatrix decrypted =
            job.plan.solver().name() == "primal"
                ? RowMatrix(values(decrypt_model(job, key, model, {})))
                : unpack_coefficients(
                      job.plan, Encoder(job.plan.parameters()).decode(decrypt(key, model.at(0))));
        const auto then = expected.at("values").get<std::vector<double>>();
        ASSERT_EQ(static_cast<std::size_t>(decrypted.size()), then.size());
        for (std::size_t i = 0; i < then.size(); ++i) {
            EXPECT_NEAR(decrypted.data()[i], then[i], 1e-12);
        }
        ++finished;
    }
    EXPECT_EQ(finished, 9);
}

TEST_F(EarlierJobs, AreDecryptedByTheirOwners) {
    namespace fs = std::filesystem;
    const fs::path fixtures(CIPHERFIT_TEST_SOURCES "/protocol/fixtures/owners");
    for (const std::string name : {"primal", "dual"}) {
        SCOPED_TRACE(name);
        const fs::path home = directory_ / name;
        fs::copy(fixtures / name, home, fs::copy_options::recursive);
        fs::permissions(home / "owner", fs::perms::owner_all);
        const auto expected = nlohmann::json::parse(std::ifstream(home / "expected.json"));
        OwnerSession owner = OwnerSession::open(home / "owner", TestParameters::allow);
        EXPECT_EQ(owner.plan().solver().name(), name);
        owner.load_key();
        const DirectoryStore job(home / "job");
        const Head model = owner.decrypt(job);
        EXPECT_EQ(model.class_names, expected.at("class_names").get<std::vector<std::string>>());
        const auto then = expected.at("weights").get<std::vector<double>>();
        ASSERT_EQ(static_cast<std::size_t>(model.weights.size()), then.size());
        for (std::size_t i = 0; i < then.size(); ++i) {
            EXPECT_NEAR(model.weights.data()[i], then[i], 1e-12);
        }
        // The record of the decryption is kept in that directory as in one of now.
        EXPECT_TRUE(fs::exists(owner.files().decryptions()));
        EXPECT_EQ(owner.decrypt(job).weights, model.weights);
    }
}

}  // namespace
}  // namespace cipherfit::testing
