#include "cipherfit/circuit/folds.h"

#include <algorithm>
#include <cmath>

namespace cipherfit {
namespace {

constexpr double multiply_add_share = 0.15;
constexpr double conversion_share = 0.05;

double real(std::size_t count) noexcept {
    return static_cast<double>(count);
}

// Rotations that are no whole turn, which alone need keys.
std::size_t proper_rotations(std::span<const std::int64_t> steps, std::size_t slots) {
    return static_cast<std::size_t>(std::count_if(steps.begin(), steps.end(), [&](auto step) {
        return step % static_cast<std::int64_t>(slots) != 0;
    }));
}

}  // namespace

OperationCounts& OperationCounts::operator+=(const OperationCounts& other) noexcept {
    decompositions += other.decompositions;
    switches += other.switches;
    products += other.products;
    limb_transforms += other.limb_transforms;
    return *this;
}

OperationCounter::OperationCounter(const RingShape& ring)
    : ring_(ring), unit_(std::exp2(static_cast<int>(ring.log_n) - 16) * ring.log_n / 16.0) {}

void OperationCounter::add(std::size_t times, double transforms) {
    counts_.limb_transforms += real(times) * transforms * unit_;
}

void OperationCounter::decompose(std::size_t level, std::size_t times) {
    counts_.decompositions += times;
    const double limbs = real(level + 1);
    const double raised = limbs + real(ring_.p_limbs);
    const double digits = std::ceil(limbs / real(ring_.digit_size));
    add(times, digits * raised + limbs * raised * conversion_share);
}

void OperationCounter::key_switch(std::size_t level, std::size_t times) {
    counts_.switches += times;
    const double limbs = real(level + 1);
    const double special = real(ring_.p_limbs);
    const double raised = limbs + special;
    const double digits = std::ceil(limbs / real(ring_.digit_size));
    add(times, 2 * raised + 2 * special * limbs * conversion_share +
                   2 * digits * raised * multiply_add_share);
}

void OperationCounter::full_switch(std::size_t level, std::size_t times) {
    decompose(level, times);
    key_switch(level, times);
}

void OperationCounter::product(std::size_t level, std::size_t times) {
    counts_.products += times;
    add(times, 4 * real(level + 1) * multiply_add_share);
}

void OperationCounter::rescale(std::size_t level, std::size_t parts, std::size_t times) {
    add(times, real(parts) * real(level + 1));
}

OperationCounts count_operations(const Tape& tape, std::span<const TapeEntry> entries,
                                 const RingShape& ring) {
    OperationCounter counter(ring);
    const std::size_t slots = ring.slots();
    for (const TapeEntry& entry : entries) {
        switch (entry.operation) {
            case Operation::sum_of_products:
                counter.product(entry.level, entry.operands / 2);
                break;
            case Operation::rescale:
                counter.rescale(entry.level, entry.parts);
                break;
            case Operation::relinearize:
            case Operation::relinearize_rescale:
                counter.full_switch(entry.level);
                break;
            case Operation::rotate:
                counter.full_switch(entry.level, proper_rotations(tape.steps_of(entry), slots));
                break;
            case Operation::conjugate:
                counter.full_switch(entry.level);
                break;
            case Operation::hoist:
                counter.decompose(entry.level);
                break;
            case Operation::rotate_hoisted:
                counter.key_switch(entry.level, proper_rotations(tape.steps_of(entry), slots));
                break;
            case Operation::sum_of_rotations:
                if (const std::size_t rotations = proper_rotations(tape.steps_of(entry), slots)) {
                    counter.decompose(entry.level);
                    counter.key_switch(entry.level, rotations);
                }
                break;
            default:  // additions and copies: no transforms; bootstrappings are measured as a whole
                break;
        }
    }
    return counter.counts();
}

KeyRequest keys_of(const Tape& tape, std::span<const TapeEntry> entries, std::size_t slots) {
    KeyRequest request;
    for (const TapeEntry& entry : entries) {
        if (entry.operation == Operation::relinearize ||
            entry.operation == Operation::relinearize_rescale) {
            request.relinearization(entry.level);
        }
        if (entry.operation == Operation::conjugate) {
            request.conjugation(entry.level);
        }
        for (const std::int64_t steps : tape.steps_of(entry)) {
            if (steps % static_cast<std::int64_t>(slots) != 0) {
                request.rotation(steps, slots, entry.level);
            }
        }
    }
    return request;
}

}  // namespace cipherfit
