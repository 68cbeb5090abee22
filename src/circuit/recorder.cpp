#include "cipherfit/circuit/recorder.h"

#include "cipherfit/base/error.h"

#include <algorithm>
#include <array>
#include <limits>
#include <string>
#include <utility>

namespace cipherfit {

// Tells the tape that a value goes.
class Recorder::Note final : public HandleNote {
  public:
    Note(std::shared_ptr<Tape> tape, ValueId value) : tape_(std::move(tape)), value_(value) {}
    Note(const Note&) = delete;
    Note& operator=(const Note&) = delete;
    ~Note() override {
        try {
            TapeEntry entry;
            entry.operation = Operation::release;
            entry.value = value_;
            entry.first_operand = static_cast<std::uint32_t>(tape_->operands.size());
            entry.first_step = static_cast<std::uint32_t>(tape_->steps.size());
            tape_->entries.push_back(entry);
        } catch (...) {  // no memory for an entry: the tape is of no use, the run is
            tape_->entries.clear();
        }
    }
    ValueId value() const noexcept { return value_; }
    const Tape* tape() const noexcept { return tape_.get(); }

  private:
    std::shared_ptr<Tape> tape_;
    ValueId value_;
};

Recorder::Recorder(Operations& inner) : inner_(inner), tape_(std::make_shared<Tape>()) {}

template <class AnyHandle>
void Recorder::operand(const AnyHandle& handle) {
    const auto* note = dynamic_cast<const Note*>(handle.note());
    require(note != nullptr && note->tape() == tape_.get(), ErrorCode::internal,
            "an operand that the recorder does not know: declare it with input()");
    tape_->operands.push_back(note->value());
}

TapeEntry& Recorder::write(Operation operation, std::size_t level, MessageInfo result,
                           std::size_t parts) {
    require(tape_->operands.size() <= std::numeric_limits<std::uint32_t>::max() &&
                tape_->values < std::numeric_limits<ValueId>::max() - 2,
            ErrorCode::invalid_argument, "a circuit of {} operands is too long to record",
            tape_->operands.size());
    TapeEntry entry;
    entry.operation = operation;
    entry.parts = static_cast<std::uint8_t>(parts);
    entry.level = static_cast<std::uint16_t>(level);
    entry.result_level = static_cast<std::uint16_t>(result.level);
    entry.scale = result.scale;
    entry.first_operand = static_cast<std::uint32_t>(operands_written_);
    entry.operands = static_cast<std::uint32_t>(tape_->operands.size() - operands_written_);
    entry.first_step = static_cast<std::uint32_t>(steps_written_);
    entry.steps = static_cast<std::uint32_t>(tape_->steps.size() - steps_written_);
    operands_written_ = tape_->operands.size();
    steps_written_ = tape_->steps.size();
    return tape_->entries.emplace_back(entry);
}

Handle Recorder::result(Operation operation, std::size_t level, Handle handle) {
    write(operation, level, handle.info(), handle.parts()).value = tape_->values;
    handle.set_note(std::make_unique<Note>(tape_, tape_->values++));
    return handle;
}

Handle Recorder::input(Handle handle) {
    const std::size_t level = handle.level();
    return result(Operation::input, level, std::move(handle));
}

double Recorder::rescale_divisor(std::size_t level) const {
    return inner_.rescale_divisor(level);
}

Handle Recorder::copy(const Handle& a) {
    operand(a);
    return result(Operation::copy, a.level(), inner_.copy(a));
}

Handle Recorder::drop_to_level(const Handle& a, std::size_t level) {
    operand(a);
    return result(Operation::drop_to_level, level, inner_.drop_to_level(a, level));
}

// The same value goes on under its number.
Handle Recorder::reinterpret(Handle a, double factor) {
    operand(a);
    const ValueId value = tape_->operands.back();
    std::unique_ptr<HandleNote> note = a.take_note();
    Handle same = inner_.reinterpret(std::move(a), factor);
    write(Operation::reinterpret, same.level(), same.info(), same.parts()).value = value;
    same.set_note(std::move(note));
    return same;
}

Handle Recorder::add(const Handle& a, const Handle& b) {
    operand(a);
    operand(b);
    return result(Operation::add, std::min(a.level(), b.level()), inner_.add(a, b));
}

Handle Recorder::subtract(const Handle& a, const Handle& b) {
    operand(a);
    operand(b);
    return result(Operation::subtract, std::min(a.level(), b.level()), inner_.subtract(a, b));
}

void Recorder::add_inplace(Handle& a, const Handle& b) {
    operand(a);
    const ValueId value = tape_->operands.back();
    operand(b);
    const std::size_t level = std::min(a.level(), b.level());
    inner_.add_inplace(a, b);
    write(Operation::add_inplace, level, a.info(), a.parts()).value = value;
}

Handle Recorder::add_scalar(const Handle& a, double value) {
    operand(a);
    return result(Operation::add_scalar, a.level(), inner_.add_scalar(a, value));
}

Handle Recorder::multiply_scalar(const Handle& a, double factor, double scale, std::size_t level) {
    operand(a);
    return result(Operation::multiply_scalar, level,
                  inner_.multiply_scalar(a, factor, scale, level));
}

MaskHandle Recorder::encode(std::span<const double> values, std::size_t level, double scale) {
    MaskHandle mask = inner_.encode(values, level, scale);
    write(Operation::encode, level, mask.info(), 1).value = tape_->values;
    mask.set_note(std::make_unique<Note>(tape_, tape_->values++));
    return mask;
}

Handle Recorder::multiply_mask(const Handle& a, const MaskHandle& mask) {
    operand(a);
    operand(mask);
    return result(Operation::multiply_mask, std::min(a.level(), mask.info().level),
                  inner_.multiply_mask(a, mask));
}

Handle Recorder::rescale(const Handle& a) {
    operand(a);
    return result(Operation::rescale, a.level(), inner_.rescale(a));
}

Handle Recorder::sum_of_products(std::span<const HandleProduct> products) {
    for (const HandleProduct& product : products) {
        operand(*product.a);
        operand(*product.b);
    }
    Handle sum = inner_.sum_of_products(products);
    const std::size_t level = sum.level();
    return result(Operation::sum_of_products, level, std::move(sum));
}

Handle Recorder::relinearize(const Handle& a) {
    operand(a);
    return result(Operation::relinearize, a.level(), inner_.relinearize(a));
}

Handle Recorder::relinearize_rescale(const Handle& a) {
    operand(a);
    return result(Operation::relinearize_rescale, a.level(), inner_.relinearize_rescale(a));
}

Handle Recorder::rotate(const Handle& a, std::int64_t steps) {
    operand(a);
    step(steps);
    return result(Operation::rotate, a.level(), inner_.rotate(a, steps));
}

Handle Recorder::multiply_by_power(const Handle& a, std::size_t power) {
    operand(a);
    return result(Operation::multiply_by_power, a.level(), inner_.multiply_by_power(a, power));
}

Handle Recorder::conjugate(const Handle& a) {
    operand(a);
    return result(Operation::conjugate, a.level(), inner_.conjugate(a));
}

HoistedHandle Recorder::hoist(const Handle& a) {
    operand(a);
    HoistedHandle hoisted = inner_.hoist(a);
    write(Operation::hoist, a.level(), a.info(), 0).value = tape_->values;
    hoisted.set_note(std::make_unique<Note>(tape_, tape_->values++));
    return hoisted;
}

Handle Recorder::rotate(const HoistedHandle& a, std::int64_t steps) {
    operand(a);
    step(steps);
    return result(Operation::rotate_hoisted, a.source().level(), inner_.rotate(a, steps));
}

Handle Recorder::sum_of_rotations(const Handle& a, std::span<const std::int64_t> steps) {
    operand(a);
    for (const std::int64_t one : steps) {
        step(one);
    }
    return result(Operation::sum_of_rotations, a.level(), inner_.sum_of_rotations(a, steps));
}

Handle Recorder::bootstrap(const Handle& a) {
    operand(a);
    return result(Operation::bootstrap, a.level(), inner_.bootstrap(a));
}

std::pair<Handle, Handle> Recorder::bootstrap_pair(const Handle& a, const Handle& b) {
    operand(a);
    operand(b);
    auto pair = inner_.bootstrap_pair(a, b);
    write(Operation::bootstrap_pair, std::min(a.level(), b.level()), pair.first.info(),
          pair.first.parts())
        .value = tape_->values;
    pair.first.set_note(std::make_unique<Note>(tape_, tape_->values++));
    pair.second.set_note(std::make_unique<Note>(tape_, tape_->values++));
    return pair;
}

void Recorder::phase(std::string_view name) {
    tape_->phases.push_back({std::string(name), tape_->entries.size()});
    inner_.phase(name);
}

}  // namespace cipherfit
