// What a circuit did, in the order in which it did it: one entry an operation, and one for every
// value that goes. Keys, counts and memory are read from it (folds.h).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace cipherfit {

enum class Operation : std::uint8_t {
    input,
    copy,
    drop_to_level,
    reinterpret,
    add,
    subtract,
    add_inplace,
    add_scalar,
    multiply_scalar,
    encode,
    multiply_mask,
    multiply_by_power,
    rescale,
    sum_of_products,
    relinearize,
    relinearize_rescale,
    rotate,
    conjugate,
    hoist,
    rotate_hoisted,
    sum_of_rotations,
    bootstrap,
    bootstrap_pair,
    release,  // the value goes
};

std::string_view name(Operation operation) noexcept;

// A ciphertext, a hoisted ciphertext or a mask, in the order in which they appear.
using ValueId = std::uint32_t;

struct TapeEntry {
    Operation operation = Operation::input;
    std::uint8_t parts = 0;   // of the result: 2 or 3; 1 of a mask, 0 of a hoisted ciphertext
    std::uint16_t level = 0;  // at which it works: the least of its operands', or of an input
    std::uint16_t result_level = 0;
    // The result, or the value that is released or changed in place; of a pair the first of two.
    ValueId value = 0;
    double scale = 0;  // of the result
    // Where the operands and the rotations begin in the tape's lists, and how many they are.
    std::uint32_t first_operand = 0, operands = 0;
    std::uint32_t first_step = 0, steps = 0;
};

struct TapePhase {
    std::string name;
    std::size_t first = 0;  // the entry that it begins with
};

struct Tape {
    std::vector<TapeEntry> entries;
    std::vector<ValueId> operands;
    std::vector<std::int64_t> steps;
    std::vector<TapePhase> phases;
    ValueId values = 0;  // how many there were

    std::span<const ValueId> operands_of(const TapeEntry& entry) const {
        return std::span(operands).subspan(entry.first_operand, entry.operands);
    }
    std::span<const std::int64_t> steps_of(const TapeEntry& entry) const {
        return std::span(steps).subspan(entry.first_step, entry.steps);
    }
    // The entries of the phase with that number.
    std::span<const TapeEntry> phase(std::size_t index) const;
};

// One line an entry, without the numbers of values: for messages and for comparing tapes.
std::string describe(const Tape& tape, const TapeEntry& entry);

}  // namespace cipherfit
