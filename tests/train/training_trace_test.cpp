// The tape of a plan against the run that it stands for: the operations that a trainer carries out,
// the keys that it uses, and the memory that it takes.
#include "train/training_trace.h"

#include "base/idle_blocks.h"
#include "cipherfit/base/buffer.h"
#include "cipherfit/circuit/evaluator_operations.h"
#include "cipherfit/circuit/memory.h"
#include "cipherfit/circuit/recorder.h"
#include "cipherfit/linalg/kernel_from_features.h"
#include "cipherfit/linalg/kernel_product.h"
#include "cipherfit/linalg/matrix_products.h"
#include "cipherfit/train/cost.h"
#include "solver/statistics/statistics_solver.h"
#include "support/solvers.h"
#include "support/training_run.h"
#include "train/refresh.h"
#include "train/work_estimate.h"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace cipherfit {
namespace {

using test::TrainingRun;

struct TracedRun {
    std::string name;
    TrainingShape shape;
    Recipe recipe;
    std::string_view solver = "primal";
    bool refreshed = false;
    KernelSource kernel = KernelSource::owner;
};

Recipe with_decay(Recipe recipe, double decay, int batch) {
    recipe.decay = decay;
    recipe.batch = batch;
    return recipe;
}

Recipe in_parts(Recipe recipe, int parts) {
    recipe.parts = parts;
    return recipe;
}

// Every solver, degree and kind of iteration.
std::vector<TracedRun> traced_runs() {
    const TrainingShape small{.samples = 20, .features = 9, .classes = 3};
    const TrainingShape blocks{.samples = 150, .features = 40, .classes = 4};
    const TrainingShape classes{.samples = 40, .features = 12, .classes = 20};
    const auto standard = [](int iterations, int degree, Momentum momentum = Momentum::nesterov) {
        return standard_recipe(iterations, 1.8, fit_sigmoid(degree, 8), momentum);
    };
    return {
        {"primal", blocks, standard(3, 3)},
        {"primal, degree 1", small, standard(3, 1)},
        {"primal, degree 5", small, standard(2, 5)},
        {"primal, degree 7", blocks, standard(2, 7)},
        {"primal, no momentum", small, standard(3, 3, Momentum::none)},
        {"primal, preset", blocks, chiang2023_recipe(2, 150)},
        {"primal, mini-batches", small, with_decay(standard(4, 3), 0.01, 8)},
        {"primal, parts", blocks, in_parts(standard(3, 3), 4)},
        {"primal, groups of classes", classes, standard(2, 3)},
        {"primal, parts and groups of classes", classes, in_parts(standard(2, 3), 3)},
        {"dual", small, standard(4, 3), "dual"},
        {"dual, degree 1", small, standard(4, 1), "dual"},
        {"dual, degree 7", small, standard(3, 7), "dual"},
        {"dual, preset", small, chiang2023_recipe(3, 20), "dual"},
        {"dual, no momentum", small, standard(4, 5, Momentum::none), "dual"},
        {"dual, server's kernel", small, standard(3, 3), "dual", false, KernelSource::server},
        {"statistics", small, standard(4, 1), "statistics"},
        {"statistics, no momentum", small, standard(3, 1, Momentum::none), "statistics"},
        {"bootstrapped primal", small, standard(8, 3), "primal", true},
        {"bootstrapped primal, no momentum", blocks, standard(8, 3, Momentum::none), "primal",
         true},
        {"bootstrapped primal, mini-batches", small, with_decay(standard(8, 3), 0, 8), "primal",
         true},
        {"bootstrapped dual", small, standard(9, 3), "dual", true},
        {"bootstrapped dual, preset", small, chiang2023_recipe(8, 20), "dual", true},
    };
}

PlanOptions options_of(const TracedRun& c) {
    PlanOptions options;
    options.solver = c.solver;
    options.kernel = c.kernel;
    options.log_n = c.refreshed ? 10 : 9;
    options.memory_limit_bytes = 1e12;
    options.insecure_for_tests_only = true;
    options.refresh = c.refreshed ? PlanOptions::Refresh::always : PlanOptions::Refresh::never;
    options.refresh_range = c.refreshed ? 10 : 0;
    if (c.solver == "dual" && c.refreshed) {
        options.models_every = 2;
    }
    return options;
}

// One line an entry, but for what lies outside the circuit: inputs (a run goes on from a state, a
// tape is given one) and the ends of values, in whose order the memory's own test takes part.
// Iterations of one kind differ in the factors that go into scales.
std::vector<std::string> lines(const Tape& tape, std::span<const TapeEntry> entries,
                               bool with_scales = true) {
    std::vector<std::string> result;
    for (TapeEntry entry : entries) {
        if (entry.operation != Operation::release && entry.operation != Operation::input) {
            entry.scale = with_scales ? entry.scale : 0;
            result.push_back(describe(tape, entry));
        }
    }
    return result;
}

// Runs the plan's circuit on ciphertexts, under a recorder.
class LoggedRun {
  public:
    explicit LoggedRun(const TrainingRun& run)
        : plan_(run.plan),
          evaluator_(run.keys),
          bootstrapper_(plan_.refresh_count() > 0 ? std::make_unique<const Bootstrapper>(
                                                        plan_.refresh().value().bootstrap, run.keys)
                                                  : nullptr),
          executed_(evaluator_, bootstrapper_.get()),
          recorder_(executed_) {
        recorder_.phase("data");
        if (plan_.row_files() > 1) {
            circuit_ = training_circuit(plan_, recorder_, CircuitSource([&](std::size_t batch) {
                                            return recorded(run.upload(batch));
                                        }));
        } else {
            CircuitData data = recorded(run.upload());
            trim_pool();
            pooled_ = pooled_bytes();
            circuit_ = training_circuit(plan_, recorder_, std::move(data));
        }
        CircuitState state;
        for (int t = 0; t < plan_.recipe().iterations; ++t) {
            recorder_.phase("iteration");
            state = circuit_->step(state);
        }
        recorder_.phase("end");
    }
    const Tape& tape() const { return recorder_.tape(); }
    // What the circuit has added to the pool, beside its data.
    std::size_t grown_bytes() const { return pooled_bytes() - pooled_; }

  private:
    CircuitData recorded(EncryptedTrainingData data) {
        CircuitData result;
        for (auto& [name, blocks] : data) {
            result[name] = inputs(std::move(blocks));
        }
        return result;
    }
    std::vector<Handle> inputs(std::vector<Ciphertext> ciphertexts) {
        std::vector<Handle> handles;
        for (Ciphertext& ciphertext : ciphertexts) {
            handles.push_back(recorder_.input(std::move(ciphertext)));
        }
        return handles;
    }
    const TrainingPlan& plan_;
    std::size_t pooled_ = 0;
    Evaluator evaluator_;
    std::unique_ptr<const Bootstrapper> bootstrapper_;
    EvaluatorOperations executed_;
    Recorder recorder_;
    std::unique_ptr<TrainingCircuit> circuit_;
};

TEST(TrainingTrace, IsTheLogOfTheRun) {
    for (const TracedRun& c : traced_runs()) {
        SCOPED_TRACE(c.name);
        const TrainingRun run(c.shape, c.recipe, options_of(c), 3);
        const TrainingTrace trace = trace_training(run.plan);
        const LoggedRun logged(run);
        const Tape& log = logged.tape();
        ASSERT_EQ(log.phases.size(), 3U + static_cast<std::size_t>(c.recipe.iterations));
        EXPECT_EQ(lines(log, log.phase(1)),
                  lines(trace.tape, trace.tape.phase(TrainingTrace::preparation)));
        std::size_t kinds = TrainingTrace::preparation;
        for (std::size_t t = 0; t < trace.phase_of.size(); ++t) {
            const std::size_t phase = trace.phase_of[t];
            const bool is_first_of_kind = phase > kinds;
            kinds = std::max(kinds, phase);
            EXPECT_EQ(lines(log, log.phase(2 + t), is_first_of_kind),
                      lines(trace.tape, trace.tape.phase(phase), is_first_of_kind))
                << "iteration " << t + 1;
        }
        EXPECT_EQ(trace.phase_of.size(), static_cast<std::size_t>(c.recipe.iterations));
    }
}

// The keys are those that the log asks for, at its levels and no others.
TEST(TrainingTrace, KeysAreThoseOfTheRun) {
    for (const TracedRun& c : traced_runs()) {
        SCOPED_TRACE(c.name);
        const TrainingRun run(c.shape, c.recipe, options_of(c), 4);
        const LoggedRun logged(run);
        KeyRequest used =
            keys_of(logged.tape(), logged.tape().entries, run.plan.parameters().slots());
        if (run.plan.refresh_count() > 0) {
            used.merge(run.plan.refresh().value().bootstrap.keys());
        }
        EXPECT_EQ(used.levels(), run.plan.keys().levels());
    }
}

// How many blocks go through one bootstrapping.
std::size_t together(const TrainingPlan& plan) {
    return plan.refresh().value().bootstrap.slots() / plan.solver().state_period();
}

// The rotations that take interleaved blocks apart: one for every number of them that is halved.
std::size_t halvings(std::size_t count, std::size_t blocks) {
    if (count == 1) {
        return 0;
    }
    const std::size_t odd = blocks / 2;
    return 1 + halvings(count / 2, blocks - odd) + (odd > 0 ? halvings(count / 2, odd) : 0);
}

// Key switches beside a bootstrapping of several blocks: each block is a pair, and conjugated.
std::size_t joint_switches(const TrainingPlan& plan) {
    std::size_t switches = 0;
    for (std::size_t left = bootstraps_of(plan.recipe(), plan.state_ciphertexts()); left > 0;) {
        const std::size_t blocks = std::min(left, together(plan));
        switches += halvings(together(plan), blocks) + blocks;
        left -= blocks;
    }
    return switches;
}

// Which the search compares layouts by.
TEST(TrainingTrace, CountsAreThoseOfTheClosedForms) {
    for (const TracedRun& c : traced_runs()) {
        SCOPED_TRACE(c.name);
        const TrainingPlan plan = TrainingPlan::create(c.shape, c.recipe, options_of(c));
        const TrainingCounts traced = count_operations(plan);
        const RingShape ring{plan.parameters().log_n(), plan.parameters().max_level() + 1,
                             plan.parameters().special_primes(), plan.parameters().digit_size()};
        for (int t = 0; t < c.recipe.iterations; ++t) {
            const IterationLevels& at = plan.levels()[static_cast<std::size_t>(t)];
            const int degree = c.recipe.sigmoid.degree();
            OperationCounts closed;
            if (c.solver != "primal") {
                closed = plan.solver().estimate(plan).iterations.at(static_cast<std::size_t>(t));
            } else {
                const PrimalSolver& primal = primal_solver(plan);
                const std::size_t parts = plan.files_of(t).count;
                for (std::size_t group = 0; group < parts * primal.class_groups(); ++group) {
                    closed += count_iteration(primal.layout(), primal.shifts(), degree, ring, at);
                }
            }
            for (std::size_t i = 0; i < plan.files_of(t).count && plan.row_files() > 1; ++i) {
                closed += count_babies(
                    primal_solver(plan).layout(), primal_solver(plan).shifts(), ring,
                    static_cast<int>(test::message(plan, "features", plan.files_of(t).first).level),
                    at.forward >= 0);
            }
            if (at.refresh && together(plan) > 1) {
                closed.switches += joint_switches(plan);
                closed.decompositions += joint_switches(plan);
            }
            const OperationCounts& own = traced.iterations[static_cast<std::size_t>(t)];
            EXPECT_EQ(own.switches, closed.switches) << t;
            EXPECT_EQ(own.decompositions, closed.decompositions) << t;
            EXPECT_EQ(own.products, closed.products) << t;
            if (!at.refresh && own.switches > 0) {
                EXPECT_NEAR(own.limb_transforms / closed.limb_transforms, 1.0, 0.3) << t;
            }
        }
    }
}

// The products' own declarations, by which the search counts keys, name those of the tape.
TEST(TrainingTrace, KeysAreThoseThatTheProductsDeclare) {
    for (const TracedRun& c : traced_runs()) {
        SCOPED_TRACE(c.name);
        const TrainingPlan plan = TrainingPlan::create(c.shape, c.recipe, options_of(c));
        KeyRequest declared;
        if (c.solver == "primal") {
            declared = EncryptedFeatures::keys(primal_solver(plan).layout(),
                                               primal_solver(plan).shifts(), {});
        } else if (c.solver == "statistics") {
            declared = EncryptedKernel::keys(statistics_solver(plan).layout(), {});
        } else {
            declared = EncryptedKernel::keys(dual_solver(plan).layout(), {});
            if (c.kernel == KernelSource::server) {
                declared.merge(
                    kernel_from_features_keys(dual_solver(plan).layout(), kernel_levels));
            }
        }
        if (plan.refresh_count() > 0) {
            declared.merge(plan.refresh().value().bootstrap.keys());
            for (std::size_t count = together(plan); count > 1; count /= 2) {
                declared.rotation(
                    static_cast<std::int64_t>(plan.solver().state_period() * count / 2),
                    plan.parameters().slots(), 0);
            }
        }
        const auto ids = [](const KeyRequest& request) {
            std::vector<KeyId> result;
            for (const auto& [id, level] : request.levels()) {
                result.push_back(id);
            }
            return result;
        };
        EXPECT_EQ(ids(declared), ids(plan.keys()));
    }
}

// What the circuit adds to the pool, by a replay on so many threads.
std::size_t replayed(const TrainingPlan& plan, const Tape& tape, std::size_t threads) {
    MemoryReplay replay(training_ring(plan), threads);
    if (plan.refresh_count() > 0) {
        replay.hold_bootstrapper(plan.refresh().value().bootstrap);
    }
    replay.run(tape, tape.phase(0));
    const std::size_t data = replay.pooled_bytes();
    replay.run(tape, std::span(tape.entries).subspan(tape.phases.at(1).first));
    return replay.pooled_bytes() - data;
}

// What a run on one thread adds to the pool is what the replay says, to the byte.
TEST(TrainingTrace, MemoryIsThatOfThePool) {
    for (const TracedRun& c : traced_runs()) {
        if (c.recipe.batch > 0 || c.recipe.parts > 1) {
            continue;  // data are read while training goes on
        }
        SCOPED_TRACE(c.name);
        const TrainingRun run(c.shape, c.recipe, options_of(c), 5);
        test::with_threads(1, [&] {
            const LoggedRun logged(run);
            const std::size_t grown = replayed(run.plan, logged.tape(), 1);
            if (c.refreshed) {
                // The run has let go of a limb that encoding the matrices has left idle.
                EXPECT_GE(logged.grown_bytes(), grown);
                EXPECT_LE(logged.grown_bytes(),
                          grown + block_bytes(std::size_t{1} << run.plan.parameters().log_n()));
            } else {
                EXPECT_EQ(logged.grown_bytes(), grown);
            }
            return 0;
        });
    }
}

// Threads take scratch of their own in bootstrappings and in sums of rotations. Which idle block
// serves which of them depends on their order: 5 %.
TEST(TrainingTrace, MemoryOfSeveralThreadsIsNotAboveThatOfTheirReplay) {
    int compared = 0;
    for (const TracedRun& c : traced_runs()) {
        if ((!c.refreshed && c.kernel == KernelSource::owner) || c.recipe.batch > 0) {
            continue;
        }
        SCOPED_TRACE(c.name);
        const TrainingRun run(c.shape, c.recipe, options_of(c), 5);
        test::with_threads(4, [&] {
            const LoggedRun logged(run);
            const std::size_t grown = replayed(run.plan, logged.tape(), 4);
            EXPECT_LE(logged.grown_bytes(), grown + grown / 20);
            EXPECT_GT(grown, replayed(run.plan, logged.tape(), 1));
            return 0;
        });
        ++compared;
    }
    EXPECT_GE(compared, 4);
}

}  // namespace
}  // namespace cipherfit
