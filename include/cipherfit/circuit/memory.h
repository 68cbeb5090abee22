// The memory that a circuit takes: a tape is replayed against the policy of the pool of buffer.h,
// with the working memory that each operation of the evaluator takes and gives back.
#pragma once

#include "cipherfit/circuit/folds.h"
#include "cipherfit/circuit/tape.h"
#include "cipherfit/ckks/bootstrap.h"

#include <cstddef>
#include <memory>
#include <span>

namespace cipherfit {

// Threads that predictions are for where the server's own number is not known. A thread more takes
// a few limbs of scratch, as long as there are limbs that it can work on.
inline constexpr std::size_t predicted_threads = 16;

class MemoryReplay {
  public:
    // On that many threads: sums of rotations and bootstrappings work on as many limbs at a time.
    // On one thread the result is exact; on more, which idle block serves which thread depends on
    // their order, and it can be a few limbs too low.
    explicit MemoryReplay(const RingShape& ring, std::size_t threads = 1);
    ~MemoryReplay();
    MemoryReplay(const MemoryReplay&) = delete;
    MemoryReplay& operator=(const MemoryReplay&) = delete;

    // `polynomials` of so many limbs that stay to the end: keys.
    void hold(std::size_t polynomials, std::size_t limbs);
    // What a bootstrapper holds to the end, its keys apart. Tapes that bootstrap need it, and throw
    // Error(invalid_argument) without.
    void hold_bootstrapper(const BootstrapPlan& plan);
    // A ciphertext of fresh data as it is read: one polynomial is copied.
    void read_ciphertext(std::size_t level);
    // Entries of one tape, in order; values may have been made by entries before.
    void run(const Tape& tape, std::span<const TapeEntry> entries);

    // What the pool holds by now, in use and idle: it gives nothing back to the system, so that
    // this is its largest size too.
    std::size_t pooled_bytes() const noexcept;
    // The largest part of it that was in use at a time.
    std::size_t peak_bytes() const noexcept;

  private:
    class State;
    std::unique_ptr<State> state_;
};

}  // namespace cipherfit
