// Encrypted prediction from files: scores against those in the clear, within the derived error, and
// nothing but files of the same job.
#include "cipherfit/io/npy.h"
#include "cipherfit/protocol/owner/prediction_owner.h"
#include "cipherfit/protocol/prediction_session.h"
#include "io/test_files.h"
#include "protocol/memory_store.h"
#include "protocol/owner/unchecked_access.h"
#include "support/errors.h"

#include <fstream>
#include <random>
#include <stop_token>
#include <thread>

#include <nlohmann/json.hpp>

namespace cipherfit::testing {
namespace {

using test::throws;

constexpr unsigned log_n = 9;

RowMatrix random_matrix(std::mt19937_64& engine, Eigen::Index rows, Eigen::Index columns,
                        double magnitude, double offset) {
    std::uniform_real_distribution<double> uniform(-magnitude, magnitude);
    return RowMatrix::NullaryExpr(rows, columns, [&] { return offset + uniform(engine); });
}

Head random_head(std::mt19937_64& engine, int classes, Eigen::Index features) {
    Head head{random_matrix(engine, classes, features + 1, 3, 0), {}};
    for (int k = 0; k < classes; ++k) {
        head.class_names.push_back(std::to_string(k));
    }
    return head;
}

struct Prediction {
    Prediction(const PredictionInputs& given, int classes, bool encrypted_model)
        : inputs(given),
          job{PredictionPlan::create({static_cast<std::size_t>(given.rows.rows()),
                                      static_cast<std::size_t>(given.rows.cols()),
                                      static_cast<std::size_t>(classes), encrypted_model},
                                     log_n),
              {}},
          key(SecretKey::generate(job.plan.parameters())) {
        job.identity = prediction_identity(job.plan, key.id(), {7});
    }
    void write(JobStore& store) const { send_prediction(store, job, key, inputs); }
    void write(const PredictionFiles& files) const {
        DirectoryStore store(files.directory);
        write(store);
    }
    RowMatrix scores(const PredictionFiles& files) const {
        return UncheckedAccess::values(decrypt_scores(
            job, key, value_or_throw(read_scores(files.scores(), job)), inputs.factor));
    }
    PredictionInputs inputs;
    PredictionJob job;
    SecretKey key;
};

class PredictionTest : public FileTest {
  protected:
    PredictionFiles files() const { return {directory_}; }
    void clear() const {
        std::filesystem::remove_all(directory_);
        std::filesystem::create_directories(directory_);
    }
    void serve(const std::filesystem::path& model = {},
               TestParameters tests = TestParameters::allow) const {
        DirectoryStore store(directory_);
        PredictionOptions options;
        options.tests = tests;
        if (!model.empty()) {
            options.model = ServerModel{value_or_throw(read_npy_matrix(model)), model.string()};
        }
        PredictionSession(store, options).score();
    }
};

TEST_F(PredictionTest, ScoresOfAnEncryptedModelAreThoseInTheClear) {
    std::mt19937_64 engine(1);
    for (const auto& [rows, features, classes] :
         {std::tuple(1, 1, 2), std::tuple(40, 30, 3), std::tuple(100, 12, 7)}) {
        clear();
        const Head head = random_head(engine, classes, features);
        // Far from the origin and of unequal columns: what centring and scaling are for.
        const RowMatrix raw = random_matrix(engine, rows, features, 2, 100);
        const Prediction prediction(prediction_inputs(raw, head), classes, true);
        prediction.write(files());
        serve();
        const RowMatrix expected = head.scores(raw);
        const double error = (prediction.scores(files()) - expected).cwiseAbs().maxCoeff();
        const double deviation = prediction.job.plan.score_error() * prediction.inputs.factor;
        // score_error() bounds a score's deviation; 8 of them leave 1e-15 a score. From below: some
        // thousandth of it, or nothing was encrypted.
        EXPECT_LT(error, 8 * deviation) << rows << " x " << features;
        EXPECT_GT(error, 1e-3 * deviation) << rows << " x " << features;
        EXPECT_LE(error, score_error_bound(prediction.job.plan, prediction.inputs.factor));
    }
}

TEST_F(PredictionTest, ScoresOfTheServersModelAreThoseInTheClear) {
    std::mt19937_64 engine(2);
    for (const double magnitude : {1e-6, 1.0, 1e6}) {
        clear();
        Head head = random_head(engine, 5, 20);
        head.weights *= magnitude;
        const RowMatrix raw = random_matrix(engine, 33, 20, 200, 0);
        const Prediction prediction(prediction_inputs(raw), 5, false);
        prediction.write(files());
        const auto weights = directory_ / "weights.npy";
        value_or_throw(write_npy(weights, head.weights));
        serve(weights);
        const auto scores = value_or_throw(read_scores(files().scores(), prediction.job));
        EXPECT_DOUBLE_EQ(scores.factor, head.weights.cwiseAbs().maxCoeff() / largest_weight);
        const double error = (prediction.scores(files()) - head.scores(raw)).cwiseAbs().maxCoeff();
        const double deviation =
            prediction.job.plan.score_error() * prediction.inputs.factor * scores.factor;
        EXPECT_LT(error, 8 * deviation);
        EXPECT_GT(error, 1e-3 * deviation);
    }
}

TEST_F(PredictionTest, InputsKeepTheirSizesAndStandForTheScores) {
    std::mt19937_64 engine(3);
    const Head head = random_head(engine, 4, 9);
    RowMatrix raw = random_matrix(engine, 25, 9, 1e3, -5e4);
    raw.col(3).setConstant(17);  // a column without any spread
    const PredictionInputs inputs = prediction_inputs(raw, head);
    EXPECT_LE(inputs.rows.cwiseAbs().rowwise().sum().maxCoeff(), largest_row_norm * (1 + 1e-12));
    EXPECT_LE(inputs.model.cwiseAbs().maxCoeff(), largest_weight * (1 + 1e-12));
    const RowMatrix scores = inputs.factor * inputs.rows * inputs.model.transpose();
    // Rounding: raw scores cancel from 9 terms of about 1.5e5.
    EXPECT_LT((scores - head.scores(raw)).cwiseAbs().maxCoeff(), 1e-8);
    EXPECT_TRUE(throws(ErrorCode::bad_input, {"8 features", "9"},
                       [&] { static_cast<void>(prediction_inputs(raw.leftCols(8), head)); }));
}

// Features far from the origin: what is compared must be what was encrypted, or rounding alone
// would look like a server that computes something else.
TEST_F(PredictionTest, FeaturesFarFromTheOriginRaiseNoFalseAlarm) {
    std::mt19937_64 engine(6);
    for (const double offset : {1e9, -1e10, 1e11, 1e12, 3e12}) {
        clear();
        Head head = random_head(engine, 3, 12);
        const RowMatrix raw = random_matrix(engine, 20, 12, 1, offset);
        // As a model that was trained on such rows has it: scores about 1.
        head.weights.col(0) = -head.weights.rightCols(12).rowwise().sum() * offset;
        const PredictionInputs inputs = prediction_inputs(raw, head);
        const Prediction prediction(inputs, 3, true);
        prediction.write(files());
        serve();
        const RowMatrix expected = scores_in_the_clear(inputs);
        DecryptionRecord record = DecryptionRecord::that_keeps_nothing();
        const RowMatrix scores =
            release_scores(record, prediction.job, prediction.key,
                           value_or_throw(read_scores(files().scores(), prediction.job)),
                           inputs.factor, &expected);
        // w (x - offset) to the precision of the rows themselves, offset 2^-52 each, and of the
        // bias, which is stored with as many bits.
        const RowMatrix exact =
            (raw.array() - offset).matrix() * head.weights.rightCols(12).transpose();
        const double rounding =
            std::abs(offset) * 0x1p-52 * 12 * head.weights.rightCols(12).cwiseAbs().maxCoeff() * 4;
        EXPECT_LT((scores - exact).cwiseAbs().maxCoeff(),
                  rounding + score_error_bound(prediction.job.plan, inputs.factor))
            << offset;
    }
    EXPECT_TRUE(throws(ErrorCode::bad_input, {"too large"}, [&] {
        static_cast<void>(
            prediction_inputs(RowMatrix::Constant(2, 12, 1.7e308), random_head(engine, 3, 12)));
    }));
}

TEST_F(PredictionTest, OneAnswerAndOneRefusalAKey) {
    std::mt19937_64 engine(7);
    const Head head = random_head(engine, 3, 6);
    const RowMatrix raw = random_matrix(engine, 20, 6, 1, 0);
    const Prediction prediction(prediction_inputs(raw, head), 3, true);
    prediction.write(files());
    serve();
    const auto right = value_or_throw(read_scores(files().scores(), prediction.job));
    const RowMatrix expected = scores_in_the_clear(prediction.inputs);
    const auto release = [&](const char* name, double factor) {
        DecryptionRecord record(path(name));
        EncryptedScores scores{{}, right.factor * factor};
        for (const Ciphertext& block : right.blocks) {
            scores.blocks.push_back(block.copy());
        }
        return release_scores(record, prediction.job, prediction.key, scores,
                              prediction.inputs.factor, &expected);
    };
    const RowMatrix scores = release("good.json", 1);
    EXPECT_TRUE(throws(ErrorCode::corrupt_data, {"refused", "new keys"},
                       [&] { static_cast<void>(release("good.json", 1.5)); }));
    EXPECT_EQ(release("good.json", 1), scores);
    for (int again = 0; again < 2; ++again) {
        EXPECT_TRUE(throws(ErrorCode::corrupt_data, {"refused", "new keys"},
                           [&] { static_cast<void>(release("bad.json", 1.5)); }));
    }
    EXPECT_TRUE(throws(ErrorCode::corrupt_data, {"refused", "new keys"},
                       [&] { static_cast<void>(release("bad.json", 1)); }));
}

TEST_F(PredictionTest, FilesOfAnotherJobAndDamagedOnesAreRefused) {
    std::mt19937_64 engine(4);
    const Head head = random_head(engine, 3, 6);
    const RowMatrix raw = random_matrix(engine, 20, 6, 1, 0);
    const Prediction one(prediction_inputs(raw, head), 3, true);
    const Prediction two(prediction_inputs(raw, head), 3, true);
    one.write(files());
    for (const auto& path : {files().rows(), files().evaluation_keys(), files().model()}) {
        one.write(files());
        const PredictionFiles others{directory_ / "other"};
        std::filesystem::create_directories(others.directory);
        two.write(others);
        std::filesystem::copy_file(others.directory / path.filename(), path,
                                   std::filesystem::copy_options::overwrite_existing);
        EXPECT_TRUE(
            throws(ErrorCode::fingerprint_mismatch, {path.filename().string()}, [&] { serve(); }));
        one.write(files());
        std::filesystem::resize_file(path, std::filesystem::file_size(path) - 10);
        EXPECT_TRUE(throws(ErrorCode::corrupt_data, {path.filename().string()}, [&] { serve(); }));
    }
    one.write(files());
    EXPECT_FALSE(std::filesystem::exists(files().scores()));
    value_or_throw(write_npy(directory_ / "weights.npy", RowMatrix(RowMatrix::Ones(3, 5))));
    EXPECT_TRUE(throws(ErrorCode::bad_input, {"leave out the server's model"},
                       [&] { serve(directory_ / "weights.npy"); }));
    serve();
    EXPECT_FALSE(read_scores(files().scores(), two.job).has_value());
    EXPECT_TRUE(throws(ErrorCode::fingerprint_mismatch, {"secret key"}, [&] {
        static_cast<void>(decrypt_scores(
            one.job, two.key, value_or_throw(read_scores(files().scores(), one.job)), 1));
    }));
}

TEST_F(PredictionTest, AServersModelMustFitAndTestRingsAreRefusedUnlessAskedFor) {
    std::mt19937_64 engine(5);
    const Prediction prediction(prediction_inputs(random_matrix(engine, 8, 4, 1, 0)), 3, false);
    prediction.write(files());
    EXPECT_TRUE(throws(ErrorCode::bad_input, {"give the server a model"}, [&] { serve(); }));
    const auto weights = directory_ / "weights.npy";
    value_or_throw(write_npy(weights, random_matrix(engine, 3, 6, 1, 0)));
    EXPECT_TRUE(throws(ErrorCode::bad_input, {"weights.npy", "5", "4"}, [&] { serve(weights); }));
    EXPECT_TRUE(throws(ErrorCode::insecure_parameters, {"prediction_plan.cft"},
                       [&] { serve(weights, TestParameters::refuse); }));
}

// Tenants in one process, each with a store of its own.
TEST_F(PredictionTest, SessionsScoreAtOnceOverAnyStore) {
    std::mt19937_64 engine(9);
    struct Tenant {
        explicit Tenant(std::mt19937_64& random)
            : raw(random_matrix(random, 8, 4, 1, 0)),
              head(random_head(random, 3, 4)),
              prediction(prediction_inputs(raw, head), 3, true) {
            prediction.write(store);
        }
        RowMatrix raw;
        Head head;
        Prediction prediction;
        MemoryStore store;
    };
    Tenant first(engine);
    Tenant second(engine);
    PredictionOptions options;
    options.tests = TestParameters::allow;
    {
        const std::jthread other([&] { PredictionSession(second.store, options).score(); });
        PredictionSession(first.store, options).score();
    }
    for (Tenant* tenant : {&first, &second}) {
        const PredictionJob& job = tenant->prediction.job;
        DecryptionRecord record = DecryptionRecord::that_keeps_nothing();
        const RowMatrix expected = scores_in_the_clear(tenant->prediction.inputs);
        const RowMatrix scores =
            release_scores(record, job, tenant->prediction.key,
                           value_or_throw(read_scores(tenant->store.get(contents::scores), job)),
                           tenant->prediction.inputs.factor, &expected);
        EXPECT_LT((scores - tenant->head.scores(tenant->raw)).cwiseAbs().maxCoeff(),
                  score_error_bound(job.plan, tenant->prediction.inputs.factor));
    }
    std::stop_source stop;
    stop.request_stop();
    value_or_throw(first.store.remove(contents::scores));
    EXPECT_TRUE(throws(ErrorCode::interrupted, {"stopped"},
                       [&] { PredictionSession(first.store, options).score(stop.get_token()); }));
    EXPECT_FALSE(first.store.exists(contents::scores));
}

TEST(PredictionPlan, IsSecureAndSmallAndAFunctionOfItsShape) {
    for (const bool encrypted : {true, false}) {
        for (const auto& [features, classes] :
             {std::pair(113U, 10U), std::pair(401U, 10U), std::pair(50U, 128U)}) {
            const PredictionPlan plan =
                PredictionPlan::create({1000, features, classes, encrypted});
            EXPECT_EQ(plan.parameters().security_bits(), 128U);
            EXPECT_EQ(plan.parameters().log_n(), classes > 32 ? 16U : 13U);
            EXPECT_LT(plan.score_error(), 1e-3);
            const auto again = PredictionPlan::from_json(plan.to_json());
            ASSERT_TRUE(again) << again.error().message;
            EXPECT_EQ(again->hash(), plan.hash());
        }
    }
}

TEST(PredictionPlan, JsonThatIsNotOfItsShapeIsRefused) {
    const nlohmann::json good = PredictionPlan::create({100, 20, 10, true}).to_json();
    const auto refused = [](const nlohmann::json& json) {
        const auto plan = PredictionPlan::from_json(json);
        return !plan && plan.error().code == ErrorCode::corrupt_data;
    };
    EXPECT_FALSE(refused(good));
    for (const auto& [member, value] : good.items()) {
        nlohmann::json changed = good;
        changed.erase(member);
        EXPECT_TRUE(refused(changed)) << member;
        for (const nlohmann::json& other :
             {nlohmann::json("text"), nlohmann::json(-1), nlohmann::json(1u << 30U),
              nlohmann::json(nullptr), nlohmann::json::array()}) {
            changed[member] = other;
            EXPECT_TRUE(refused(changed)) << member << " " << other;
        }
    }
    EXPECT_TRUE(refused(nlohmann::json::array()));
    EXPECT_TRUE(throws(ErrorCode::bad_input, {"129 classes"},
                       [] { static_cast<void>(PredictionPlan::create({10, 5, 129, true})); }));
}

}  // namespace
}  // namespace cipherfit::testing
