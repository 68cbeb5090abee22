#include "cipherfit/circuit/memory.h"

#include "cipherfit/base/error.h"
#include "circuit/bootstrap_memory.h"
#include "circuit/replay_pool.h"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

namespace cipherfit {
namespace {

using Blocks = ReplayPool::Blocks;

struct Value {
    Blocks blocks;
    std::size_t level = 0;
    std::size_t parts = 0;
};

}  // namespace

// The pool and what the values of the tape at hand hold of it.
class MemoryReplay::State {
  public:
    State(const RingShape& ring, std::size_t threads) : pool(ring, threads) {}

    void run(const Tape& tape, const TapeEntry& entry);

    ReplayPool pool;
    std::unique_ptr<const BootstrapMemory> bootstrapping;

  private:
    bool is_whole_turn(std::int64_t steps) const {
        return steps % static_cast<std::int64_t>(pool.ring().slots()) == 0;
    }
    Value& value(ValueId id) {
        if (values_.size() <= id) {
            values_.resize(std::size_t{id} + 1);
        }
        return values_[id];
    }
    const BootstrapMemory& bootstrapper() const {
        require(bootstrapping != nullptr, ErrorCode::invalid_argument,
                "this tape bootstraps: hold the bootstrapper first");
        return *bootstrapping;
    }
    Blocks work(const Tape& tape, const TapeEntry& entry);
    void add_in_place(const TapeEntry& entry);
    void bootstrap_pair(const TapeEntry& entry);

    std::vector<Value> values_;
};

// A sum that loses limbs or gains a part is made anew.
void MemoryReplay::State::add_in_place(const TapeEntry& entry) {
    Value& sum = value(entry.value);
    if (entry.result_level != sum.level || entry.parts != sum.parts) {
        Blocks blocks = pool.take(entry.parts, std::size_t{entry.result_level} + 1);
        pool.give(sum.blocks);
        sum = {std::move(blocks), entry.result_level, entry.parts};
    }
}

// What the operation's result takes, after the operation's own work.
Blocks MemoryReplay::State::work(const Tape& tape, const TapeEntry& entry) {
    const std::size_t level = entry.level;
    const auto plain = [&] { return pool.take(entry.parts, std::size_t{entry.result_level} + 1); };
    const auto digits_of = [&](const auto& use) {
        const Blocks digits = pool.raise(level);
        Blocks result = use();
        pool.give(digits);
        return result;
    };
    const auto steps = tape.steps_of(entry);
    switch (entry.operation) {
        case Operation::rescale: {
            const Blocks last = pool.take(entry.parts, 1);
            Blocks result = plain();
            pool.give(last);
            return result;
        }
        case Operation::relinearize:
        case Operation::relinearize_rescale:
            return digits_of([&] {
                return pool.switch_key(level, entry.operation == Operation::relinearize_rescale,
                                       false);
            });
        case Operation::multiply_by_power: {
            Blocks result = plain();
            pool.work(level + 1, 1);  // the monomial, in every thread
            return result;
        }
        case Operation::conjugate:
            return digits_of([&] { return pool.switch_key(level, false, true); });
        case Operation::hoist:
            return pool.raise(level);
        case Operation::rotate:
            return is_whole_turn(steps[0])
                       ? plain()
                       : digits_of([&] { return pool.switch_key(level, false, true); });
        case Operation::rotate_hoisted:
            return is_whole_turn(steps[0]) ? plain() : pool.switch_key(level, false, true);
        case Operation::sum_of_rotations:
            return std::all_of(steps.begin(), steps.end(),
                               [&](auto step) { return is_whole_turn(step); })
                       ? plain()
                       : digits_of([&] { return pool.switch_and_sum(level); });
        case Operation::bootstrap:
            return bootstrapper().bootstrap(pool, level);
        default:
            return plain();
    }
}

void MemoryReplay::State::run(const Tape& tape, const TapeEntry& entry) {
    switch (entry.operation) {
        case Operation::release:
            pool.give(value(entry.value).blocks);
            value(entry.value) = {};
            return;
        case Operation::reinterpret:
            return;
        case Operation::add_inplace:
            add_in_place(entry);
            return;
        case Operation::bootstrap_pair:
            bootstrap_pair(entry);
            return;
        default: {
            Blocks blocks = work(tape, entry);
            value(entry.value) = {std::move(blocks), entry.result_level, entry.parts};
        }
    }
}

void MemoryReplay::State::bootstrap_pair(const TapeEntry& entry) {
    std::vector<Blocks> halves = bootstrapper().bootstrap_pair(pool, entry.level);
    for (ValueId half = 0; half < 2; ++half) {
        value(entry.value + half) = {std::move(halves[half]), entry.result_level, entry.parts};
    }
}

MemoryReplay::MemoryReplay(const RingShape& ring, std::size_t threads)
    : state_(std::make_unique<State>(ring, std::max<std::size_t>(1, threads))) {}

MemoryReplay::~MemoryReplay() = default;

void MemoryReplay::hold(std::size_t polynomials, std::size_t limbs) {
    state_->pool.take(polynomials, limbs);
}

void MemoryReplay::hold_bootstrapper(const BootstrapPlan& plan) {
    state_->bootstrapping = std::make_unique<const BootstrapMemory>(plan);
    state_->bootstrapping->hold_matrices(state_->pool);
}

void MemoryReplay::read_ciphertext(std::size_t level) {
    state_->pool.work(1, level + 1);
}

void MemoryReplay::run(const Tape& tape, std::span<const TapeEntry> entries) {
    for (const TapeEntry& entry : entries) {
        state_->run(tape, entry);
    }
}

std::size_t MemoryReplay::pooled_bytes() const noexcept {
    return state_->pool.total();
}

std::size_t MemoryReplay::peak_bytes() const noexcept {
    return state_->pool.peak();
}

}  // namespace cipherfit
