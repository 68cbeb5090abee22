// The owner's sessions: from rows to a checked model over any store, kept or in memory.
#include "cipherfit/protocol/owner/owner_session.h"

#include "cipherfit/ckks/owner/encryptor.h"
#include "io/test_files.h"
#include "protocol/memory_store.h"
#include "protocol/small_job.h"
#include "support/errors.h"

#include <filesystem>
#include <optional>
#include <random>
#include <stop_token>
#include <string>
#include <sys/stat.h>
#include <thread>
#include <utility>
#include <vector>

namespace cipherfit::testing {
namespace {

namespace fs = std::filesystem;
using test::throws;

constexpr int session_iterations = 3;

Dataset rows_of(unsigned seed) {
    std::mt19937_64 engine(seed);
    std::normal_distribution<double> normal;
    Dataset data;
    data.class_names = {"a", "b", "c"};
    data.features.resize(30, 5);
    for (int i = 0; i < 30; ++i) {
        data.labels.push_back(i % 3);
        for (int j = 0; j < 5; ++j) {
            data.features(i, j) = normal(engine) + (j == i % 3 ? 2.0 : 0.0);
        }
    }
    return data;
}

SetupOptions options_for(std::string_view solver, int batch = 0) {
    SetupOptions options;
    options.recipe.iterations = session_iterations;
    options.recipe.step = 1.5;
    options.rehearse = false;
    options.batch = batch;
    options.plan = SmallJob::options(solver);
    return options;
}

void serve(JobStore& job, int keep_every = 0) {
    TrainingOptions options;
    options.tests = TestParameters::allow;
    options.keep_every = keep_every;
    TrainingSession(job, options).train();
}

class OwnerSessionTest : public FileTest {
  protected:
    // A session that keeps everything in owner/.
    OwnerSession kept(const Dataset& rows, const SetupOptions& options) const {
        OwnerSession session = OwnerSession::prepare(rows, options);
        fs::create_directories(owner());
        session.keep_in(owner());
        return session;
    }
    OwnerSession reopened() const { return OwnerSession::open(owner(), TestParameters::allow); }
    fs::path owner() const { return directory_ / "owner"; }
};

TEST_F(OwnerSessionTest, FromRowsToACheckedModelWithoutAFile) {
    for (const auto& [solver, batch] : {std::pair<std::string_view, int>{"primal", 0},
                                        {"dual", 0},
                                        {"statistics", 0},
                                        {"primal", 10}}) {
        const Dataset rows = rows_of(3);
        OwnerSession session = OwnerSession::prepare(rows, options_for(solver, batch));
        EXPECT_EQ(session.plan().solver().name(), solver);
        MemoryStore job;
        session.make_key();
        session.send(job);
        serve(job, batch == 0 && solver == "primal" ? 1 : 0);
        const Head model = session.decrypt(job);
        const TwinReference& twin = session.reference();
        EXPECT_LE(largest_weight_error(model, twin.head), twin.weight_error_bound);
        EXPECT_LT(twin.weight_error_bound, 1e-2 * model.weights.cwiseAbs().maxCoeff());
        EXPECT_EQ(model.class_names, rows.class_names);
        EXPECT_EQ(session.decrypt(job).weights, model.weights);
        if (job.exists(contents::kept_checkpoint(1))) {
            const auto checkpoints = session.decrypt_checkpoints(job);
            ASSERT_EQ(checkpoints.size(), 2U);
            EXPECT_EQ(checkpoints[1].iteration, 2);
        }
    }
    EXPECT_TRUE(fs::is_empty(directory_));
}

// Two owners with their own rows, plans, keys and servers, in one process.
TEST_F(OwnerSessionTest, TwoOwnersDoNotMeet) {
    struct Tenant {
        MemoryStore job;
        std::optional<OwnerSession> session;
        std::optional<Head> model;
    };
    Tenant tenants[2];
    {
        std::vector<std::jthread> threads;
        for (const unsigned i : {0U, 1U}) {
            threads.emplace_back([&tenants, i] {
                Tenant& mine = tenants[i];
                mine.session.emplace(
                    OwnerSession::prepare(rows_of(i), options_for(i == 0 ? "primal" : "dual")));
                mine.session->make_key();
                mine.session->send(mine.job);
                serve(mine.job);
                mine.model = mine.session->decrypt(mine.job);
            });
        }
    }
    for (Tenant& mine : tenants) {
        const TwinReference& twin = mine.session->reference();
        EXPECT_LE(largest_weight_error(*mine.model, twin.head), twin.weight_error_bound);
    }
    EXPECT_TRUE(throws(ErrorCode::fingerprint_mismatch, {"model.cft"},
                       [&] { static_cast<void>(tenants[0].session->decrypt(tenants[1].job)); }));
    EXPECT_EQ(tenants[0].session->decrypt(tenants[0].job).weights, tenants[0].model->weights);
}

TEST_F(OwnerSessionTest, AnotherSessionGoesOnFromTheDirectory) {
    const Dataset rows = rows_of(3);
    for (const std::string_view solver : {"primal", "dual"}) {
        fs::remove_all(owner());
        MemoryStore job;
        Head expected;
        {
            OwnerSession session = kept(rows, options_for(solver));
            expected = session.reference().head;
            session.make_key("open sesame");
            session.write_keys(job);
        }
        {
            OwnerSession session = reopened();
            EXPECT_TRUE(session.has_stored_key());
            EXPECT_TRUE(throws(ErrorCode::bad_input, {"passphrase"}, [&] { session.load_key(); }));
            EXPECT_TRUE(
                throws(ErrorCode::io_failure, {"never replaced"}, [&] { session.make_key(); }));
            session.load_key("open sesame");
            EXPECT_TRUE(throws(ErrorCode::io_failure, {"nothing was encrypted"},
                               [&] { static_cast<void>(session.identity()); }));
            EXPECT_TRUE(throws(ErrorCode::invalid_argument, {"no training rows"},
                               [&] { session.encrypt(job); }));
            Dataset others = rows;
            others.features(1, 0) += 0.01;
            EXPECT_TRUE(throws(ErrorCode::bad_input, {"not the training rows"},
                               [&] { session.use_rows(others); }));
            others = rows;
            std::swap(others.labels[0], others.labels[1]);
            EXPECT_TRUE(throws(ErrorCode::bad_input, {"not the training rows"},
                               [&] { session.use_rows(others); }));
            session.use_rows(rows);
            const auto keys = job.bytes(contents::evaluation_keys);
            session.send(job);
            EXPECT_TRUE(job.bytes(contents::evaluation_keys) == keys);  // they were there
            const auto data = job.bytes(contents::training_data);
            session.send(job);
            EXPECT_TRUE(job.bytes(contents::training_data) == data);
        }
        serve(job);
        OwnerSession session = reopened();
        session.load_key("open sesame");
        const Head model = session.decrypt(job);
        EXPECT_EQ(session.reference().head.weights, expected.weights);
        EXPECT_LE(largest_weight_error(model, expected), session.reference().weight_error_bound);
    }
    for (const auto& entry : fs::directory_iterator(owner())) {
        struct stat status{};
        ASSERT_EQ(stat(entry.path().c_str(), &status), 0);
        EXPECT_EQ(status.st_mode & 077U, 0U) << entry.path();
    }
    EXPECT_TRUE(throws(ErrorCode::insecure_parameters, {"plan.json"},
                       [&] { OwnerSession::open(owner()); }));
    EXPECT_TRUE(
        throws(ErrorCode::io_failure, {"no plan"}, [&] { OwnerSession::open(directory_); }));
}

// One model an iteration, and one refusal a key, with a directory and without.
TEST_F(OwnerSessionTest, ASecondModelIsRefusedAndUsesUpTheKey) {
    const Dataset rows = rows_of(3);
    for (const bool in_memory : {true, false}) {
        OwnerSession session = in_memory ? OwnerSession::prepare(rows, options_for("primal"))
                                         : kept(rows, options_for("primal"));
        MemoryStore job;
        session.make_key();
        session.send(job);
        serve(job);
        const auto right = job.bytes(contents::model);
        const Job described{session.plan(), session.identity()};
        TrainingState state =
            value_or_throw(read_state(job.get(contents::model), ContainerKind::model, described));
        const Encoder encoder(session.plan().parameters());
        auto& blocks = state["main"].empty() ? state["extrapolated"] : state["main"];
        for (Ciphertext& block : blocks) {
            const std::vector<double> slots(session.plan().parameters().slots(), 0.25);
            block = encrypt(session.key(), encoder.encode(slots, block.level(), block.scale()));
        }
        value_or_throw(
            write_state(job.put(contents::model), ContainerKind::model, described, state));
        const auto decrypt = [&] { static_cast<void>(session.decrypt(job)); };
        EXPECT_TRUE(throws(ErrorCode::corrupt_data, {"new keys"}, decrypt));
        const auto sink = value_or_throw(job.put(contents::model));
        value_or_throw(sink->write(right));
        value_or_throw(sink->commit());
        EXPECT_TRUE(throws(ErrorCode::corrupt_data, {"new keys"}, decrypt));  // too late
        EXPECT_TRUE(throws(ErrorCode::corrupt_data, {"new keys"}, [&] { session.renew(job); }));
    }
}

TEST_F(OwnerSessionTest, ARenewedJobIsAnother) {
    const Dataset rows = rows_of(3);
    OwnerSession session = kept(rows, options_for("primal", 10));
    MemoryStore job;
    session.make_key();
    session.send(job);
    const ContainerIdentity first = session.identity();
    const auto keys = job.bytes(contents::evaluation_keys);
    const auto batch = job.bytes(contents::batch(0));
    serve(job);
    session.renew(job);
    EXPECT_EQ(value_or_throw(job.list({})),
              std::vector<std::string>{std::string(contents::evaluation_keys)});
    session.send(job);
    EXPECT_NE(session.identity().nonce, first.nonce);
    EXPECT_TRUE(job.bytes(contents::evaluation_keys) == keys);
    EXPECT_FALSE(job.bytes(contents::batch(0)) == batch);
    serve(job);
    EXPECT_EQ(session.decrypt(job).class_names, rows.class_names);
}

TEST_F(OwnerSessionTest, AStoppedStepIsGoneOnWith) {
    const Dataset rows = rows_of(3);
    OwnerSession session = OwnerSession::prepare(rows, options_for("primal", 10));
    session.make_key();
    MemoryStore job;
    class Stopping final : public Observer {
      public:
        void on_progress(const Progress& progress) override {
            phases.push_back(progress.phase);
            if (progress.phase == Progress::Phase::encrypt && progress.done * 2 > progress.total) {
                stop.request_stop();
            }
        }
        std::vector<Progress::Phase> phases;
        std::stop_source stop;
    } observer;
    session.watch(&observer, observer.stop.get_token());
    session.write_keys(job);
    EXPECT_TRUE(throws(ErrorCode::interrupted, {"stopped"}, [&] { session.encrypt(job); }));
    EXPECT_EQ(observer.phases.front(), Progress::Phase::make_keys);
    EXPECT_FALSE(job.exists(contents::plan));  // so that no server begins
    ASSERT_TRUE(job.exists(contents::batch(0)));
    const auto first = job.bytes(contents::batch(0));
    session.watch(nullptr);
    session.encrypt(job);
    EXPECT_TRUE(job.bytes(contents::batch(0)) == first);
    serve(job);
    EXPECT_LE(largest_weight_error(session.decrypt(job), session.reference().head),
              session.reference().weight_error_bound);
}

TEST_F(OwnerSessionTest, StepsOutOfOrderAreRefused) {
    OwnerSession session = OwnerSession::prepare(rows_of(3), options_for("primal"));
    MemoryStore job;
    EXPECT_TRUE(throws(ErrorCode::invalid_argument, {"no secret key"}, [&] { session.send(job); }));
    EXPECT_TRUE(throws(ErrorCode::invalid_argument, {"in memory"}, [&] { session.load_key(); }));
    EXPECT_TRUE(throws(ErrorCode::invalid_argument, {"encrypted nothing"},
                       [&] { static_cast<void>(session.decrypt(job)); }));
    session.make_key();
    EXPECT_TRUE(throws(ErrorCode::io_failure, {"never replaced"}, [&] { session.make_key(); }));
    EXPECT_TRUE(throws(ErrorCode::invalid_argument, {"before it has a key"},
                       [&] { session.keep_in(directory_); }));
    kept(rows_of(4), options_for("primal"));
    OwnerSession other = OwnerSession::prepare(rows_of(5), options_for("primal"));
    EXPECT_TRUE(throws(ErrorCode::bad_input, {"plan.json", "there is a plan already"},
                       [&] { other.keep_in(owner()); }));
    std::stop_source stop;
    stop.request_stop();
    EXPECT_TRUE(throws(ErrorCode::interrupted, {"stopped"}, [&] {
        OwnerSession::prepare(rows_of(5), options_for("primal"), {}, stop.get_token());
    }));
    const auto hold = value_or_throw(job.hold());
    EXPECT_TRUE(throws(ErrorCode::busy, {}, [&] { session.send(job); }));
}

}  // namespace
}  // namespace cipherfit::testing
