#include "cipherfit/circuit/tape.h"

#include "cipherfit/base/error.h"

#include <cmath>

namespace cipherfit {

std::string_view name(Operation operation) noexcept {
    switch (operation) {
        case Operation::input:
            return "input";
        case Operation::copy:
            return "copy";
        case Operation::drop_to_level:
            return "drop_to_level";
        case Operation::reinterpret:
            return "reinterpret";
        case Operation::add:
            return "add";
        case Operation::subtract:
            return "subtract";
        case Operation::add_inplace:
            return "add_inplace";
        case Operation::add_scalar:
            return "add_scalar";
        case Operation::multiply_scalar:
            return "multiply_scalar";
        case Operation::encode:
            return "encode";
        case Operation::multiply_mask:
            return "multiply_mask";
        case Operation::rescale:
            return "rescale";
        case Operation::sum_of_products:
            return "sum_of_products";
        case Operation::relinearize:
            return "relinearize";
        case Operation::relinearize_rescale:
            return "relinearize_rescale";
        case Operation::multiply_by_power:
            return "multiply_by_power";
        case Operation::conjugate:
            return "conjugate";
        case Operation::rotate:
            return "rotate";
        case Operation::hoist:
            return "hoist";
        case Operation::rotate_hoisted:
            return "rotate_hoisted";
        case Operation::sum_of_rotations:
            return "sum_of_rotations";
        case Operation::bootstrap:
            return "bootstrap";
        case Operation::bootstrap_pair:
            return "bootstrap_pair";
        case Operation::release:
            return "release";
    }
    return "unknown";
}

std::span<const TapeEntry> Tape::phase(std::size_t index) const {
    require(index < phases.size(), ErrorCode::invalid_argument,
            "there is no phase {}: the tape has {}", index, phases.size());
    const std::size_t first = phases[index].first;
    const std::size_t last = index + 1 < phases.size() ? phases[index + 1].first : entries.size();
    return std::span(entries).subspan(first, last - first);
}

std::string describe(const Tape& tape, const TapeEntry& entry) {
    std::string steps;
    for (const std::int64_t step : tape.steps_of(entry)) {
        steps += fmt::format(" {}", step);
    }
    return fmt::format("{} level {} to {}, {} parts, scale 2^{:.9f}, {} operands, steps{}",
                       name(entry.operation), entry.level, entry.result_level, entry.parts,
                       entry.scale > 0 ? std::log2(entry.scale) : 0.0, entry.operands, steps);
}

}  // namespace cipherfit
