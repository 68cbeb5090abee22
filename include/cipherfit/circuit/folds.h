// What is read from a tape: the keys that a circuit uses and the work that it does.
#pragma once

#include "cipherfit/circuit/tape.h"
#include "cipherfit/rlwe/evaluation_keys.h"

#include <cstddef>
#include <span>

namespace cipherfit {

// The sizes that decide the cost of a key switch.
struct RingShape {
    unsigned log_n = 0;
    std::size_t q_limbs = 0;
    std::size_t p_limbs = 0;
    std::size_t digit_size = 1;

    std::size_t slots() const noexcept { return std::size_t{1} << (log_n - 1); }
};

// How often each kind of work is done, without bootstrappings, whose time is measured as a whole.
struct OperationCounts {
    std::size_t decompositions = 0;  // ModUp
    std::size_t switches = 0;        // inner product and ModDown
    std::size_t products = 0;        // ciphertext products, before relinearisation
    double limb_transforms = 0;      // NTTs of one limb of N = 2^16, the unit of the planner

    OperationCounts& operator+=(const OperationCounts& other) noexcept;
};

// Adds up operations in units of one NTT of a limb of N = 2^16. A multiply-add over a limb (in an
// inner product, a product or a base conversion) is a small part of a transform.
class OperationCounter {
  public:
    explicit OperationCounter(const RingShape& ring);

    void decompose(std::size_t level, std::size_t times = 1);
    void key_switch(std::size_t level, std::size_t times = 1);
    // Both, as a single rotation or relinearisation needs them.
    void full_switch(std::size_t level, std::size_t times = 1);
    void product(std::size_t level, std::size_t times = 1);
    void rescale(std::size_t level, std::size_t parts, std::size_t times = 1);
    const OperationCounts& counts() const noexcept { return counts_; }

  private:
    void add(std::size_t times, double transforms);
    RingShape ring_;
    double unit_;
    OperationCounts counts_;
};

// Those of some of a tape's entries.
OperationCounts count_operations(const Tape& tape, std::span<const TapeEntry> entries,
                                 const RingShape& ring);

// Every key that the entries use, at the highest level of its use. The keys of bootstrappings are
// their plan's (BootstrapPlan::keys()) and not among them.
KeyRequest keys_of(const Tape& tape, std::span<const TapeEntry> entries, std::size_t slots);

}  // namespace cipherfit
