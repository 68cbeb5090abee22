// The files of a job: what is written comes back, and nothing else does.
#include "cipherfit/protocol/job_files.h"

#include "cipherfit/train/cost.h"
#include "cipherfit/train/owner/twin.h"
#include "protocol/small_job.h"
#include "support/solvers.h"

#include <filesystem>
#include <string>

#include <nlohmann/json.hpp>

namespace cipherfit::testing {
namespace {

class JobFilesTest : public FileTest {
  protected:
    JobFiles files() const { return {directory_}; }
};

bool same_bits(const Ciphertext& a, const Ciphertext& b) {
    if (a.size() != b.size() || a.level() != b.level() || a.scale() != b.scale()) {
        return false;
    }
    for (std::size_t part = 0; part < a.size(); ++part) {
        const std::size_t words = a.part(part).n() * a.part(part).limbs();
        if (!std::equal(a.part(part).limb(0), a.part(part).limb(0) + words, b.part(part).limb(0))) {
            return false;
        }
    }
    return true;
}

TEST_F(JobFilesTest, PlanComesBackWithItsIdentity) {
    const SmallJob small(standard_recipe(3, 8, fit_sigmoid(3, 8)));
    must(write_plan(files().plan(), small.job));
    const auto read = read_plan(files().plan(), TestParameters::allow);
    ASSERT_TRUE(read) << read.error().message;
    EXPECT_EQ(read->plan.to_json(), small.job.plan.to_json());
    EXPECT_EQ(read->identity, small.job.identity);
}

TEST_F(JobFilesTest, TrainingFromFilesFollowsTheTwin) {
    for (const auto& [recipe, solver] :
         {std::pair(standard_recipe(2, 4, fit_sigmoid(3, 8)), "primal"),
          std::pair(chiang2023_recipe(2, 10), "primal"),
          std::pair(standard_recipe(2, 4, fit_sigmoid(3, 8)), "dual"),
          std::pair(chiang2023_recipe(2, 10), "dual")}) {
        const SmallJob small(recipe, 1, solver);
        std::filesystem::remove_all(directory_);
        std::filesystem::create_directories(directory_);
        small.write(files());
        const TrainingReport report = train(directory_, for_tests());
        EXPECT_EQ(report.iterations, 2);
        EXPECT_FALSE(std::filesystem::exists(files().checkpoint()));
        const auto model = read_model(files().model(), small.job);
        ASSERT_TRUE(model) << model.error().message;
        const RowMatrix state = values(decrypt_model(small.job, small.key, *model, small.data.xs));
        const TwinResult twin = run_twin(small.data, recipe);
        // N = 512: a rounding has standard deviation 2^(9/2 - 1/2) sqrt(342/12) = 86 units of a
        // scale of 2^36 or more, 1.2e-9; ten samples, a step of 4 and a score of operations stay
        // below a thousand times that.
        EXPECT_LT((state - twin.model()).cwiseAbs().maxCoeff(), 1.2e-6);
        EXPECT_GT((state - twin.model()).cwiseAbs().maxCoeff(), 0);
    }
}

TEST_F(JobFilesTest, ResumedRunsEndWithTheSameBytes) {
    const SmallJob small(standard_recipe(3, 4, fit_sigmoid(3, 8)));
    small.write(files());
    train(directory_, for_tests());
    const std::string whole = get("model.cft");
    std::filesystem::remove(files().model());
    // Stop before every iteration in turn.
    for (int stop_at = 1; stop_at < 3; ++stop_at) {
        std::filesystem::remove(files().checkpoint());
        std::stop_source stop;
        const auto each_step = [&](const Progress& progress) {
            if (progress.phase == Progress::Phase::train &&
                progress.done == static_cast<std::uint64_t>(stop_at)) {
                stop.request_stop();
            }
        };
        try {
            train(directory_, for_tests(), stop.get_token(), each_step);
            FAIL() << "the run did not stop";
        } catch (const Error& error) {
            EXPECT_EQ(error.code(), ErrorCode::interrupted);
        }
        EXPECT_TRUE(std::filesystem::exists(files().checkpoint()));
        EXPECT_EQ(train(directory_, for_tests()).resumed_at, stop_at);
        EXPECT_EQ(get("model.cft"), whole);
        EXPECT_TRUE(train(directory_, for_tests()).already_done);
        std::filesystem::remove(files().model());
    }
}

TEST_F(JobFilesTest, PredictedBytesAreTheFilesBytes) {
    const SmallJob small(standard_recipe(2, 4, fit_sigmoid(3, 8)));
    small.write(files());
    const PlanCost cost = plan_cost(small.job.plan);
    // Headers and digests: 100 bytes or so a section.
    const auto near = [](std::uintmax_t bytes, double predicted, std::size_t sections) {
        const auto actual = static_cast<double>(bytes);
        EXPECT_GE(actual, predicted);
        EXPECT_LE(actual, predicted + 400 + 150 * static_cast<double>(sections));
    };
    near(std::filesystem::file_size(files().evaluation_keys()), cost.evaluation_key_bytes,
         cost.evaluation_keys);
    near(std::filesystem::file_size(files().training_data()), cost.upload_bytes,
         small.job.plan.upload_ciphertexts());
}

TEST_F(JobFilesTest, DataComesBackBitForBit) {
    const SmallJob small(chiang2023_recipe(2, 10));
    small.write(files());
    const auto once = read_training_data(files().training_data(), small.job);
    ASSERT_TRUE(once) << once.error().message;
    const auto twice = read_training_data(files().training_data(), small.job);
    ASSERT_TRUE(twice);
    ASSERT_EQ((*once)["features"].size(), (*twice)["features"].size());
    EXPECT_EQ((*once)["logits"].size(), primal_solver(small.job.plan).layout().sample_blocks());
    EXPECT_TRUE(same_bits((*once)["features"][0], (*twice)["features"][0]));
    const Encoder encoder(small.job.plan.parameters());
    EXPECT_FALSE(same_bits((*once)["features"][0], (*once)["labels"][0]));
}

TEST_F(JobFilesTest, FilesOfAnotherJobAreRefusedAndNamed) {
    const Recipe recipe = standard_recipe(2, 4, fit_sigmoid(3, 8));
    const SmallJob mine(recipe);
    const SmallJob other(recipe, 2);
    mine.write(files());
    const JobFiles theirs{directory_ / "theirs"};
    std::filesystem::create_directories(theirs.directory);
    other.write(theirs);
    const auto refused = [&](const auto& result, const char* word) {
        ASSERT_FALSE(result);
        EXPECT_EQ(result.error().code, ErrorCode::fingerprint_mismatch);
        EXPECT_NE(result.error().message.find(word), std::string::npos) << result.error().message;
    };
    refused(read_evaluation_keys(theirs.evaluation_keys(), mine.job), "key");
    refused(read_training_data(theirs.training_data(), mine.job), "key");
    // The same key and plan, another job.
    Job next = mine.job;
    next.identity.nonce[0] ^= 1;
    refused(read_training_data(files().training_data(), next), "job");
    EXPECT_TRUE(read_evaluation_keys(files().evaluation_keys(), next));
    // The same key, another plan.
    Job replanned{TrainingPlan::create({10, 6, 3}, standard_recipe(2, 5, fit_sigmoid(3, 8)),
                                       SmallJob::options("primal")),
                  {}};
    replanned.identity = job_identity(replanned.plan, mine.key.id(), mine.job.identity.nonce);
    refused(read_training_data(files().training_data(), replanned), "plan");
    // The secret key of another job does not decrypt this one's model.
    train(directory_, for_tests());
    const auto model = read_model(files().model(), mine.job);
    ASSERT_TRUE(model);
    EXPECT_THROW(decrypt_model(mine.job, other.key, *model, mine.data.xs), Error);
}

TEST_F(JobFilesTest, DamagedFilesAreRefused) {
    const SmallJob small(standard_recipe(2, 4, fit_sigmoid(3, 8)));
    small.write(files());
    std::mt19937_64 engine(7);
    for (const char* name : {"plan.cft", "evaluation_keys.cft", "training_data.cft"}) {
        const std::string whole = get(name);
        for (int trial = 0; trial < 40; ++trial) {
            std::string damaged = whole;
            if (trial % 2 == 0) {
                damaged[engine() % damaged.size()] ^= static_cast<char>(1U << (engine() % 8));
            } else {
                damaged.resize(engine() % damaged.size());
            }
            put(name, damaged);
            try {
                train(directory_, for_tests());
                FAIL() << name << ", trial " << trial << ": was accepted";
            } catch (const Error& error) {
                EXPECT_EQ(exit_status(error.code()), 2) << error.what();
                EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos);
                EXPECT_NE(std::string(error.what()).find(name), std::string::npos) << error.what();
            }
            EXPECT_FALSE(std::filesystem::exists(files().model()));
            EXPECT_FALSE(std::filesystem::exists(files().checkpoint()));
        }
        put(name, whole);
    }
    EXPECT_FALSE(train(directory_, for_tests()).already_done);
}

TEST_F(JobFilesTest, TestParametersNeedTheirSwitch) {
    const SmallJob small(standard_recipe(2, 4, fit_sigmoid(3, 8)));
    small.write(files());
    const auto plan = read_plan(files().plan());
    ASSERT_FALSE(plan);
    EXPECT_EQ(plan.error().code, ErrorCode::insecure_parameters);
    EXPECT_THROW(train(directory_), Error);
}

TEST_F(JobFilesTest, PlanAboveTheServersMemoryIsRefusedBeforeLoading) {
    const SmallJob small(standard_recipe(2, 4, fit_sigmoid(3, 8)));
    must(write_plan(files().plan(), small.job));
    TrainingOptions options = for_tests();
    options.memory_limit_bytes = 1e6;
    try {
        train(directory_, options);
        FAIL() << "the plan was accepted";
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), ErrorCode::bad_input);
        EXPECT_NE(std::string(error.what()).find("memory"), std::string::npos);
    }
}

TEST_F(JobFilesTest, SecondServerFindsTheDirectoryBusy) {
    const SmallJob small(standard_recipe(2, 4, fit_sigmoid(3, 8)));
    small.write(files());
    const auto lock = DirectoryLock::acquire(directory_);
    ASSERT_TRUE(lock);
    try {
        train(directory_, for_tests());
        FAIL() << "two servers ran at once";
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), ErrorCode::busy);
    }
}

TEST_F(JobFilesTest, NoFileOfTheServerHoldsTheSecret) {
    const SmallJob small(standard_recipe(2, 4, fit_sigmoid(3, 8)));
    small.write(files());
    train(directory_, for_tests());
    // The secret as coefficients, as packed pairs of bits, and its NTT values modulo every prime.
    std::vector<std::string> forms;
    const auto coefficients = small.key.coefficients();
    forms.emplace_back(reinterpret_cast<const char*>(coefficients.data()), 64);
    std::string packed(16, '\0');
    for (std::size_t i = 0; i < 64; ++i) {
        packed[i / 4] =
            static_cast<char>(static_cast<unsigned char>(packed[i / 4]) |
                              static_cast<unsigned>((coefficients[i] + 1) << (2 * (i % 4))));
    }
    forms.push_back(packed);
    for (std::size_t limb = 0; limb < small.key.ntt().limbs(); ++limb) {
        forms.emplace_back(reinterpret_cast<const char*>(small.key.ntt().limb(limb)), 64);
    }
    for (const std::string& name : names()) {
        const std::string content = get(name);
        for (const std::string& form : forms) {
            EXPECT_EQ(content.find(form), std::string::npos) << name;
        }
    }
}

}  // namespace
}  // namespace cipherfit::testing
