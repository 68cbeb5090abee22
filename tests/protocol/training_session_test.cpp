// The server's sessions: over any store, several at once, stopped and gone on with.
#include "cipherfit/protocol/training_session.h"

#include "protocol/memory_store.h"
#include "protocol/small_job.h"
#include "support/errors.h"

#include <map>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

namespace cipherfit::testing {
namespace {

using TrainingSessionTest = FileTest;
using test::throws;

constexpr int tenant_iterations = 4;

Recipe recipe(double step) {
    return standard_recipe(tenant_iterations, step, fit_sigmoid(3, 8));
}

// Counts what it is told, and asks for a stop after an iteration.
class Watcher final : public Observer {
  public:
    explicit Watcher(int stop_after = -1) : stop_after_(stop_after) {}
    void on_progress(const Progress& progress) override {
        ++calls[progress.phase];
        if (progress.phase == Progress::Phase::train) {
            last = progress;
            if (static_cast<int>(progress.done) == stop_after_) {
                stop.request_stop();
            }
        }
    }
    std::map<Progress::Phase, int> calls;
    Progress last;
    std::stop_source stop;

  private:
    int stop_after_;
};

// Two tenants with other plans, keys and stores, in one process: each gets the bytes that it gets
// alone.
TEST_F(TrainingSessionTest, TenantsTrainAtOnceAndGetTheirOwnModels) {
    const SmallJob primal(recipe(1.8), 1);
    const SmallJob dual(recipe(1.2), 2, "dual");
    MemoryStore sent[2];
    primal.write(sent[0]);
    dual.write(sent[1]);
    std::vector<MemoryStore::Bytes> alone;
    for (const MemoryStore& tenant : sent) {
        MemoryStore store;
        store.fill(tenant);
        EXPECT_EQ(TrainingSession(store, for_tests()).train().iterations, tenant_iterations);
        alone.push_back(store.bytes(contents::model));
    }
    EXPECT_NE(alone[0], alone[1]);
    MemoryStore stores[2];
    stores[0].fill(sent[0]);
    stores[1].fill(sent[1]);
    Watcher watchers[2];
    TrainingReport reports[2];
    {
        std::vector<std::jthread> tenants;
        for (const int i : {0, 1}) {
            tenants.emplace_back([&, i] {
                reports[i] = TrainingSession(stores[i], for_tests(), &watchers[i]).train();
            });
        }
    }
    for (const int i : {0, 1}) {
        EXPECT_TRUE(stores[i].bytes(contents::model) == alone[static_cast<std::size_t>(i)]) << i;
        EXPECT_FALSE(stores[i].exists(contents::checkpoint));
        EXPECT_EQ(reports[i].model_bytes, stores[i].bytes(contents::model).size());
        EXPECT_EQ(watchers[i].calls[Progress::Phase::train], tenant_iterations + 1);
        EXPECT_EQ(watchers[i].last.done, static_cast<std::uint64_t>(tenant_iterations));
        EXPECT_EQ(watchers[i].last.work_done, 1.0);
    }
    // One's stop is not the other's.
    MemoryStore again[2];
    again[0].fill(sent[0]);
    again[1].fill(sent[1]);
    Watcher stopping(1);
    bool stopped = false;
    {
        const std::jthread other([&] { TrainingSession(again[1], for_tests()).train(); });
        TrainingSession session(again[0], for_tests(), &stopping);
        stopped = throws(ErrorCode::interrupted, {"iteration 1 of 4"},
                         [&] { session.train(stopping.stop.get_token()); });
    }
    EXPECT_TRUE(stopped);
    EXPECT_FALSE(again[0].exists(contents::model));
    EXPECT_TRUE(again[1].bytes(contents::model) == alone[1]);
}

TEST_F(TrainingSessionTest, AStoreOfFilesAndAnotherGiveTheSameBytes) {
    Recipe batched = recipe(1.0);
    batched.batch = 4;
    for (const Recipe& each : {recipe(1.8), batched}) {
        std::filesystem::remove_all(directory_);
        std::filesystem::create_directories(directory_);
        const SmallJob small(each);
        MemoryStore memory;
        small.write(memory);
        for (const std::string& name : value_or_throw(memory.list({}))) {
            const auto bytes = memory.bytes(name);
            std::filesystem::create_directories((directory_ / name).parent_path());
            put(name, std::string(bytes.begin(), bytes.end()));
        }
        TrainingOptions options = for_tests();
        options.keep_every = 2;
        train(directory_, options);
        TrainingSession(memory, options).train();
        for (const std::string& name : value_or_throw(memory.list({}))) {
            const auto bytes = memory.bytes(name);
            EXPECT_EQ(get(name), std::string(bytes.begin(), bytes.end())) << name;
        }
        EXPECT_TRUE(memory.exists(contents::kept_checkpoint(2)));
    }
}

TEST_F(TrainingSessionTest, ASessionGoesOnWhereItWasStopped) {
    const SmallJob small(recipe(1.8));
    MemoryStore store;
    small.write(store);
    Watcher watcher(2);
    TrainingSession session(store, for_tests(), &watcher);
    EXPECT_EQ(session.job().identity, small.job.identity);
    EXPECT_EQ(session.iteration(), 0);
    session.load();
    EXPECT_GT(watcher.calls[Progress::Phase::load_keys], 0);
    EXPECT_EQ(watcher.calls[Progress::Phase::train], 0);
    EXPECT_TRUE(throws(ErrorCode::busy, {}, [&] { TrainingSession(store, for_tests()); }));
    EXPECT_TRUE(throws(ErrorCode::interrupted, {"iteration 2 of 4", "run again"},
                       [&] { session.train(watcher.stop.get_token()); }));
    EXPECT_EQ(session.iteration(), 2);
    EXPECT_FALSE(session.is_finished());
    EXPECT_TRUE(store.exists(contents::checkpoint));
    const int loaded = watcher.calls[Progress::Phase::load_keys];
    const TrainingReport report = session.train();
    EXPECT_EQ(watcher.calls[Progress::Phase::load_keys], loaded);  // once
    EXPECT_TRUE(session.is_finished());
    EXPECT_FALSE(report.already_done);
    EXPECT_EQ(session.train().model_bytes, report.model_bytes);  // nothing is left to do
    EXPECT_FALSE(store.exists(contents::checkpoint));
}

TEST_F(TrainingSessionTest, IntervalsOutOfRangeAreRefused) {
    const SmallJob small(recipe(1.8));
    MemoryStore store;
    small.write(store);
    for (const auto member : {&TrainingOptions::checkpoint_every, &TrainingOptions::keep_every,
                              &TrainingOptions::review_every}) {
        TrainingOptions options = for_tests();
        options.*member = member == &TrainingOptions::checkpoint_every ? 0 : -1;
        EXPECT_TRUE(throws(ErrorCode::invalid_argument, {"every"},
                           [&] { TrainingSession(store, options); }));
    }
}

TEST_F(TrainingSessionTest, AStopIsHeededWhileLoading) {
    const SmallJob small(recipe(1.8));
    MemoryStore store;
    small.write(store);
    std::stop_source stop;
    stop.request_stop();
    {
        TrainingSession session(store, for_tests());
        EXPECT_TRUE(
            throws(ErrorCode::interrupted, {"loading"}, [&] { session.train(stop.get_token()); }));
        EXPECT_EQ(session.train().resumed_at, 0);
    }
    EXPECT_TRUE(TrainingSession(store, for_tests()).train().already_done);
}

TEST_F(TrainingSessionTest, ErrorsNameContentsAsTheStoreDoesAndNoOptions) {
    const SmallJob small(recipe(1.8));
    MemoryStore store;
    EXPECT_TRUE(throws(ErrorCode::io_failure, {"tenant's plan.cft"},
                       [&] { TrainingSession(store, for_tests()); }));
    small.write(store);
    EXPECT_TRUE(throws(ErrorCode::insecure_parameters, {"tenant's plan.cft"},
                       [&] { TrainingSession{store}; }));
    TrainingOptions little = for_tests();
    little.memory_limit_bytes = 1;
    EXPECT_TRUE(throws(ErrorCode::bad_input, {"tenant's plan.cft", "memory"},
                       [&] { TrainingSession(store, little); }));
    value_or_throw(store.remove(contents::training_data));
    EXPECT_TRUE(throws(ErrorCode::io_failure, {"tenant's training_data.cft"},
                       [&] { TrainingSession(store, for_tests()).train(); }));
    EXPECT_TRUE(store.hold().has_value());  // all of them have let go
}

}  // namespace
}  // namespace cipherfit::testing
