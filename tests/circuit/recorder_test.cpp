// A circuit on ciphertexts, followed symbolically and recorded: the same levels, scales and parts,
// and tapes of the same entries.
#include "cipherfit/circuit/recorder.h"

#include "base/idle_blocks.h"
#include "cipherfit/base/buffer.h"
#include "cipherfit/circuit/evaluator_operations.h"
#include "cipherfit/circuit/folds.h"
#include "cipherfit/circuit/memory.h"
#include "cipherfit/circuit/symbolic_operations.h"
#include "support/errors.h"
#include "support/owner.h"
#include "support/property.h"

#include <array>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace cipherfit {
namespace {

using test::Owner;
using test::small_ring;
using test::throws;

constexpr std::size_t top = 4;

// Every operation but bootstrapping, once at least.
Handle every_operation(Operations& operations, const Handle& a, const Handle& b) {
    operations.phase("products");
    Handle sum = operations.relinearize_rescale(operations.multiply(a, b));
    operations.add_inplace(sum, sum);
    const Handle lower = operations.drop_to_level(a, 2);
    const HoistedHandle hoisted = operations.hoist(lower);
    const Handle turned = operations.rotate(hoisted, 3);
    const Handle whole = operations.rotate(hoisted, 0);
    Handle rotated = operations.add(operations.rotate(turned, -1), whole);
    operations.phase("sums");
    const std::array<std::int64_t, 3> steps{0, 1, 2};
    rotated = operations.sum_of_rotations(rotated, steps);
    rotated = operations.conjugate(operations.multiply_by_power(rotated, 3));
    const std::vector<double> ones(8, 1.0);
    const Handle masked =
        operations.rescale(operations.multiply_mask(rotated, operations.encode(ones, 2, 0x1p40)));
    const Handle scaled = operations.multiply_scalar(operations.add_scalar(masked, 0.5), 1.0,
                                                     operations.rescale_divisor(1) * 0x1p40, 1);
    const Handle square = operations.relinearize(operations.multiply(masked, masked));
    Handle result = operations.subtract(scaled, operations.reinterpret(operations.copy(scaled), 1));
    operations.add_inplace(result, result);
    static_cast<void>(square);
    return result;
}

std::vector<std::string> lines(const Tape& tape) {
    std::vector<std::string> result;
    for (const TapeEntry& entry : tape.entries) {
        std::string values = std::to_string(entry.value);
        for (const ValueId operand : tape.operands_of(entry)) {
            values += " " + std::to_string(operand);
        }
        result.push_back(describe(tape, entry) + ", values " + values);
    }
    return result;
}

TEST(Recorder, FollowsARunEntryByEntry) {
    const Owner owner(small_ring(8, top, 40, 2));
    KeyRequest request;
    Tape followed;
    {
        SymbolicOperations symbolic(owner.parameters);
        Recorder recorder(symbolic);
        const Handle a = recorder.input(Handle::symbolic({3, 0x1p40}, 2));
        const Handle b = recorder.input(Handle::symbolic({4, 0x1p39}, 2));
        static_cast<void>(every_operation(recorder, a, b));
        followed = recorder.tape();
    }
    ASSERT_EQ(followed.phases.size(), 2U);
    EXPECT_EQ(followed.phases[0].name, "products");
    EXPECT_EQ(followed.phase(0).front().operation, Operation::sum_of_products);
    request = keys_of(followed, followed.entries, owner.parameters.slots());
    // Relinearisation of the first product at level 3; rotations by 3, -1, 1 and 2 and conjugation
    // at level 2.
    EXPECT_EQ(request.levels().at(KeyId::relinearization()), 3U);
    EXPECT_EQ(request.levels().size(), 6U);
    EXPECT_EQ(request.levels().at(KeyId::conjugation()), 2U);
    EXPECT_EQ(request.levels().at(KeyId::of_rotation(-1, owner.parameters.slots())), 2U);

    // With exactly these keys.
    const EvaluationKeys keys = owner.keys(request);
    const Evaluator evaluator(keys);
    EvaluatorOperations executed(evaluator);
    Recorder recorder(executed);
    test::Random random(1);
    const std::vector<double> values = test::random_reals(random, owner.parameters.slots());
    const Handle a = recorder.input(owner.encrypt(values, 3, 0x1p40));
    const Handle b = recorder.input(owner.encrypt(values, 4, 0x1p39));
    test::with_threads(1, [&] {
        trim_pool();
        const std::size_t before = pooled_bytes();
        static_cast<void>(every_operation(recorder, a, b));
        MemoryReplay replay(
            {8, top + 1, owner.parameters.special_primes(), owner.parameters.digit_size()});
        const auto all = std::span(recorder.tape().entries);
        replay.run(recorder.tape(), all.first(2));
        const std::size_t inputs = replay.pooled_bytes();
        replay.run(recorder.tape(), all.subspan(2));
        EXPECT_EQ(pooled_bytes() - before, replay.pooled_bytes() - inputs);
        EXPECT_LE(replay.peak_bytes(), replay.pooled_bytes());
        return 0;
    });
    EXPECT_EQ(lines(recorder.tape()), lines(followed));
    // By hand: relinearisations 2; rotations 2; hoisted 1 and 1; a sum of two;
    // conjugation 1.
    const OperationCounts counts = count_operations(
        followed, followed.entries,
        {8, top + 1, owner.parameters.special_primes(), owner.parameters.digit_size()});
    EXPECT_EQ(counts.products, 2U);
    EXPECT_EQ(counts.switches, 2U + 1 + 1 + 2 + 1);
    EXPECT_EQ(counts.decompositions, 2U + 1 + 1 + 1 + 1);
}

TEST(Recorder, RefusesWhatItDoesNotKnow) {
    SymbolicOperations symbolic(std::vector<double>{0x1p50, 0x1p40});
    Recorder recorder(symbolic);
    const Handle stranger = Handle::symbolic({1, 0x1p40}, 2);
    EXPECT_TRUE(throws(ErrorCode::internal, {"input()"},
                       [&] { static_cast<void>(recorder.rescale(stranger)); }));
    const Handle known = recorder.input(Handle::symbolic({0, 0x1p40}, 2));
    EXPECT_TRUE(throws(ErrorCode::level_exhausted, {"rescale"},
                       [&] { static_cast<void>(recorder.rescale(known)); }));
    EXPECT_TRUE(throws(ErrorCode::invalid_argument, {"3", "has 2"},
                       [&] { static_cast<void>(recorder.relinearize(known)); }));
    EXPECT_TRUE(throws(ErrorCode::invalid_argument, {"bootstrap"},
                       [&] { static_cast<void>(recorder.bootstrap(known)); }));
}

TEST(Handles, SymbolicOnesHaveNoCiphertextAndBorrowedOnesAreNotChanged) {
    EXPECT_TRUE(throws(ErrorCode::internal, {"execute"},
                       [] { static_cast<void>(Handle::symbolic({1, 2.0}, 2).ciphertext()); }));
    const Owner owner(small_ring(8, 1));
    const std::vector<double> values(4, 0.25);
    const Ciphertext ciphertext = owner.encrypt(values, 1, 0x1p40);
    const EvaluationKeys keys(owner.parameters);
    const Evaluator evaluator(keys);
    EvaluatorOperations operations(evaluator);
    Handle borrowed = Handle::borrow(ciphertext);
    EXPECT_TRUE(throws(ErrorCode::internal, {"copy it first"},
                       [&] { operations.add_inplace(borrowed, borrowed); }));
    const Ciphertext copy = std::move(borrowed).release();
    EXPECT_EQ(copy.level(), 1U);
    EXPECT_EQ(ciphertext.size(), 2U);
}

}  // namespace
}  // namespace cipherfit
