// The pool of base/buffer.cpp in numbers: a replay takes and gives back what the evaluator does, in
// its order (circuit/memory.h). Blocks are known by their capacities in bytes.
#pragma once

#include "base/idle_blocks.h"
#include "cipherfit/circuit/folds.h"

#include <algorithm>
#include <cstddef>
#include <vector>

namespace cipherfit {

class ReplayPool {
  public:
    using Blocks = std::vector<std::size_t>;

    ReplayPool(const RingShape& ring, std::size_t threads)
        : ring_(ring), threads_(threads), n_(std::size_t{1} << ring.log_n) {}

    const RingShape& ring() const noexcept { return ring_; }
    // What the pool holds, in use and idle, and the largest part that was in use at a time.
    std::size_t total() const noexcept { return total_; }
    std::size_t peak() const noexcept { return peak_; }

    // `count` polynomials of `limbs` limbs each, or buffers of `words` words each.
    Blocks take(std::size_t count, std::size_t limbs) { return take_words(count, n_ * limbs); }
    Blocks take_words(std::size_t count, std::size_t words) {
        Blocks blocks;
        blocks.reserve(count);
        for (std::size_t i = 0; i < count; ++i) {
            blocks.push_back(take_one(words));
        }
        return blocks;
    }
    void give(const Blocks& blocks) {
        for (const std::size_t capacity : blocks) {
            used_ -= capacity;
            idle_.give({}, capacity);
        }
    }
    // How many of these tasks run at a time.
    std::size_t threads_of(std::size_t tasks) const noexcept { return std::min(threads_, tasks); }
    // The scratch of each thread, or of each task where there are fewer: taken and given back.
    void work(std::size_t tasks, std::size_t limbs) { give(take(threads_of(tasks), limbs)); }
    void work_words(std::size_t tasks, std::size_t words) {
        give(take_words(threads_of(tasks), words));
    }

    // raise() of rlwe/key_switch.h: the digits, each without its own limbs.
    Blocks raise(std::size_t level) {
        const std::size_t limbs = level + 1;
        const Blocks coefficients = take(1, limbs);
        Blocks digits;
        for (std::size_t first = 0; first < limbs; first += ring_.digit_size) {
            const std::size_t own = std::min(ring_.digit_size, limbs - first);
            digits.push_back(take_one(n_ * (limbs + ring_.p_limbs - own)));
        }
        give(coefficients);
        return digits;
    }
    // switch_key().
    Blocks switch_key(std::size_t level, bool rescale, bool permuted) {
        const std::size_t kept = rescale ? level : level + 1;
        const Blocks sources = take(2, level + 1 + ring_.p_limbs - kept);
        Blocks values = take(2, kept);
        give(sources);
        if (permuted) {
            Blocks result = take(2, kept);
            give(values);
            return result;
        }
        return values;
    }
    // switch_keys_and_sum(): three limbs of scratch for every thread, then a sum as well.
    Blocks switch_and_sum(std::size_t level) {
        const Blocks sources = take(2, ring_.p_limbs);
        Blocks values = take(2, level + 1);
        work(ring_.p_limbs, 3);
        give(sources);
        const Blocks sums = take(threads_of(level + 1), 2);
        work(level + 1, 3);
        give(sums);
        return values;
    }

  private:
    struct Nothing {};

    std::size_t take_one(std::size_t words) {
        const std::size_t bytes = block_bytes(words);
        const auto idle = idle_.take(bytes);
        const std::size_t capacity = idle ? idle->second : bytes;
        total_ += idle ? 0 : bytes;
        used_ += capacity;
        peak_ = std::max(peak_, used_);
        return capacity;
    }

    RingShape ring_;
    std::size_t threads_, n_;
    IdleBlocks<Nothing> idle_;
    std::size_t total_ = 0, used_ = 0, peak_ = 0;
};

}  // namespace cipherfit
