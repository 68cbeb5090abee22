#include "cipherfit/circuit/memory.h"

#include "base/idle_blocks.h"
#include "cipherfit/base/error.h"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

namespace cipherfit {
namespace {

using Blocks = std::vector<std::size_t>;  // capacities

struct Value {
    Blocks blocks;
    std::size_t level = 0;
    std::size_t parts = 0;
};

}  // namespace

class MemoryReplay::Pool {
  public:
    Pool(const RingShape& ring, std::size_t threads)
        : ring_(ring), threads_(threads), n_(std::size_t{1} << ring.log_n) {}

    std::size_t take(std::size_t limbs) {
        const std::size_t bytes = block_bytes(n_ * limbs);
        const auto idle = idle_.take(bytes);
        const std::size_t capacity = idle ? idle->second : bytes;
        total_ += idle ? 0 : bytes;
        used_ += capacity;
        peak_ = std::max(peak_, used_);
        return capacity;
    }
    void give(std::size_t capacity) {
        used_ -= capacity;
        idle_.give({}, capacity);
    }
    Blocks take(std::size_t count, std::size_t limbs) {
        Blocks blocks;
        for (std::size_t i = 0; i < count; ++i) {
            blocks.push_back(take(limbs));
        }
        return blocks;
    }
    void give(const Blocks& blocks) {
        for (const std::size_t capacity : blocks) {
            give(capacity);
        }
    }

    // raise() of rlwe/key_switch.h: the digits, each without its own limbs.
    Blocks raise(std::size_t level) {
        const std::size_t limbs = level + 1;
        const std::size_t coefficients = take(limbs);
        Blocks digits;
        for (std::size_t first = 0; first < limbs; first += ring_.digit_size) {
            const std::size_t own = std::min(ring_.digit_size, limbs - first);
            digits.push_back(take(limbs + ring_.p_limbs - own));
        }
        give(coefficients);
        return digits;
    }
    // switch_key().
    Blocks switch_key(std::size_t level, bool rescale, bool permuted) {
        const std::size_t kept = rescale ? level : level + 1;
        Blocks values = remainders(level, kept);
        if (permuted) {
            Blocks result = take(2, kept);
            give(values);
            return result;
        }
        return values;
    }
    // switch_keys_and_sum(): a sum and three limbs of scratch for every thread.
    Blocks switch_and_sum(std::size_t level) {
        const Blocks sources = take(2, ring_.p_limbs);
        Blocks values = take(2, level + 1);
        give(take(threads_, 3));
        give(sources);
        const Blocks sums = take(threads_, 2);
        give(take(threads_, 3));
        give(sums);
        return values;
    }

    void run(const Tape& tape, const TapeEntry& entry);
    std::size_t total() const noexcept { return total_; }
    std::size_t peak() const noexcept { return peak_; }

  private:
    struct Nothing {};
    Blocks remainders(std::size_t level, std::size_t kept) {
        const Blocks sources = take(2, level + 1 + ring_.p_limbs - kept);
        Blocks values = take(2, kept);
        give(sources);
        return values;
    }
    bool is_whole_turn(std::int64_t steps) const {
        return steps % static_cast<std::int64_t>(ring_.slots()) == 0;
    }
    Value& value(ValueId id) {
        if (values_.size() <= id) {
            values_.resize(std::size_t{id} + 1);
        }
        return values_[id];
    }
    Blocks work(const Tape& tape, const TapeEntry& entry);
    void add_in_place(const TapeEntry& entry);

    RingShape ring_;
    std::size_t threads_, n_;
    IdleBlocks<Nothing> idle_;
    std::size_t total_ = 0, used_ = 0, peak_ = 0;
    std::vector<Value> values_;
};

// A sum that loses limbs or gains a part is made anew.
void MemoryReplay::Pool::add_in_place(const TapeEntry& entry) {
    Value& sum = value(entry.value);
    if (entry.result_level != sum.level || entry.parts != sum.parts) {
        Blocks blocks = take(entry.parts, std::size_t{entry.result_level} + 1);
        give(sum.blocks);
        sum = {std::move(blocks), entry.result_level, entry.parts};
    }
}

// What the operation's result takes, after the operation's own work.
Blocks MemoryReplay::Pool::work(const Tape& tape, const TapeEntry& entry) {
    const std::size_t level = entry.level;
    const auto plain = [&] { return take(entry.parts, std::size_t{entry.result_level} + 1); };
    const auto digits_of = [&](const auto& use) {
        const Blocks digits = raise(level);
        Blocks result = use();
        give(digits);
        return result;
    };
    const auto steps = tape.steps_of(entry);
    switch (entry.operation) {
        case Operation::rescale: {
            const Blocks last = take(entry.parts, 1);
            Blocks result = plain();
            give(last);
            return result;
        }
        case Operation::relinearize:
        case Operation::relinearize_rescale:
            return digits_of([&] {
                return switch_key(level, entry.operation == Operation::relinearize_rescale, false);
            });
        case Operation::multiply_by_power: {
            Blocks result = plain();
            give(take(std::min(threads_, level + 1), 1));  // the monomial, in every thread
            return result;
        }
        case Operation::conjugate:
            return digits_of([&] { return switch_key(level, false, true); });
        case Operation::hoist:
            return raise(level);
        case Operation::rotate:
            return is_whole_turn(steps[0])
                       ? plain()
                       : digits_of([&] { return switch_key(level, false, true); });
        case Operation::rotate_hoisted:
            return is_whole_turn(steps[0]) ? plain() : switch_key(level, false, true);
        case Operation::sum_of_rotations:
            return std::all_of(steps.begin(), steps.end(),
                               [&](auto step) { return is_whole_turn(step); })
                       ? plain()
                       : digits_of([&] { return switch_and_sum(level); });
        default:
            return plain();
    }
}

void MemoryReplay::Pool::run(const Tape& tape, const TapeEntry& entry) {
    switch (entry.operation) {
        case Operation::release:
            give(value(entry.value).blocks);
            value(entry.value) = {};
            return;
        case Operation::reinterpret:
            return;
        case Operation::add_inplace:
            add_in_place(entry);
            return;
        case Operation::bootstrap_pair:
            for (const ValueId half : {entry.value, entry.value + 1}) {
                Blocks blocks = take(entry.parts, std::size_t{entry.result_level} + 1);
                value(half) = {std::move(blocks), entry.result_level, entry.parts};
            }
            return;
        default: {
            Blocks blocks = work(tape, entry);
            value(entry.value) = {std::move(blocks), entry.result_level, entry.parts};
        }
    }
}

MemoryReplay::MemoryReplay(const RingShape& ring, std::size_t threads)
    : pool_(std::make_unique<Pool>(ring, std::max<std::size_t>(1, threads))) {}

MemoryReplay::~MemoryReplay() = default;

void MemoryReplay::hold(std::size_t polynomials, std::size_t limbs) {
    pool_->take(polynomials, limbs);
}

void MemoryReplay::read_ciphertext(std::size_t level) {
    pool_->give(pool_->take(1, level + 1));
}

void MemoryReplay::run(const Tape& tape, std::span<const TapeEntry> entries) {
    for (const TapeEntry& entry : entries) {
        pool_->run(tape, entry);
    }
}

std::size_t MemoryReplay::pooled_bytes() const noexcept {
    return pool_->total();
}

std::size_t MemoryReplay::peak_bytes() const noexcept {
    return pool_->peak();
}

}  // namespace cipherfit
