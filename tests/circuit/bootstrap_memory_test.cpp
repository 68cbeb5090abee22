// What bootstrappings take of the pool, against the replay of their plan.
#include "base/idle_blocks.h"
#include "cipherfit/base/buffer.h"
#include "cipherfit/circuit/evaluator_operations.h"
#include "cipherfit/circuit/memory.h"
#include "cipherfit/circuit/recorder.h"
#include "cipherfit/circuit/symbolic_operations.h"
#include "cipherfit/ckks/bootstrap.h"
#include "support/errors.h"
#include "support/owner.h"
#include "support/property.h"

#include <cstddef>
#include <span>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace cipherfit {
namespace {

using test::Owner;

RingShape ring_of(const Parameters& parameters) {
    return {parameters.log_n(), parameters.max_level() + 1, parameters.special_primes(),
            parameters.digit_size()};
}

// One of each kind, at both levels that it may begin at.
void bootstrap_all(Operations& operations, const Handle& a, const Handle& b, const Handle& lowest) {
    const Handle alone = operations.bootstrap(a);
    const Handle low = operations.bootstrap(lowest);
    const auto pair = operations.bootstrap_pair(a, b);
}

TEST(BootstrapMemory, IsThatOfThePool) {
    // One stage and all; a cubic arcsine and one of degree 7; side by side and in two ciphertexts.
    for (const unsigned log_slots : {1U, 4U, 7U, 9U}) {
        for (const std::size_t degree : {3U, 7U}) {
            SCOPED_TRACE(fmt::format("2^{} slots, arcsine of degree {}", log_slots, degree));
            const BootstrapPlan plan =
                BootstrapPlan::create(with_slots({.log_n = 10,
                                                  .levels = 3,
                                                  .arcsine_degree = degree,
                                                  .insecure_for_tests_only = true},
                                                 log_slots));
            const Owner owner(plan.parameters());
            const EvaluationKeys keys = owner.keys(plan.keys());
            const Evaluator evaluator(keys);
            const std::vector<double> values(plan.parameters().slots(), 0.5);
            std::vector<Ciphertext> inputs;
            for (const std::size_t level : {1U, 1U, 0U}) {
                inputs.push_back(owner.encrypt(values, level, 0x1p40));
            }
            test::with_threads(1, [&] {
                trim_pool();
                const std::size_t before = pooled_bytes();
                const Bootstrapper bootstrapper(plan, keys);
                EvaluatorOperations executed(evaluator, &bootstrapper);
                Recorder recorder(executed);
                std::vector<Handle> handles;
                for (Ciphertext& input : inputs) {
                    handles.push_back(recorder.input(std::move(input)));
                }
                const std::size_t encoded = pooled_bytes();
                bootstrap_all(recorder, handles[0], handles[1], handles[2]);

                const auto all = std::span(recorder.tape().entries);
                MemoryReplay replay(ring_of(plan.parameters()));
                replay.run(recorder.tape(), all.first(handles.size()));
                const std::size_t taken = replay.pooled_bytes();
                replay.hold_bootstrapper(plan);
                EXPECT_EQ(encoded - before, replay.pooled_bytes() - taken);
                EXPECT_GE(encoded - before, bootstrapper.bytes());
                replay.run(recorder.tape(), all.subspan(handles.size()));
                EXPECT_EQ(pooled_bytes() - before, replay.pooled_bytes() - taken);
                EXPECT_LE(replay.peak_bytes(), replay.pooled_bytes());
                return 0;
            });
        }
    }
}

TEST(BootstrapMemory, NeedsABootstrapper) {
    const BootstrapPlan plan = BootstrapPlan::create(
        with_slots({.log_n = 10, .levels = 3, .insecure_for_tests_only = true}, 4));
    SymbolicOperations symbolic(plan.parameters(), &plan);
    Recorder recorder(symbolic);
    const Handle a = recorder.input(Handle::symbolic({1, 0x1p40}, 2));
    const Handle result = recorder.bootstrap(a);
    MemoryReplay replay(ring_of(plan.parameters()));
    EXPECT_TRUE(test::throws(ErrorCode::invalid_argument, {"hold the bootstrapper first"},
                             [&] { replay.run(recorder.tape(), recorder.tape().entries); }));
}

}  // namespace
}  // namespace cipherfit
