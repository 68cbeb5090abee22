// Writes what another interpreter does onto a tape. Over SymbolicOperations that is the circuit's
// tape; over EvaluatorOperations it is the log of a run, which the tests hold the tape to.
#pragma once

#include "cipherfit/circuit/operations.h"
#include "cipherfit/circuit/tape.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <utility>

namespace cipherfit {

class Recorder final : public Operations {
  public:
    // `inner` must outlive this object. Handles may outlive it: they write to the tape as long as
    // one of them is left.
    explicit Recorder(Operations& inner);

    // What the circuit is given. Every operand must be an input or come from this recorder.
    Handle input(Handle handle);
    const Tape& tape() const noexcept { return *tape_; }

    double rescale_divisor(std::size_t level) const override;
    Handle copy(const Handle& a) override;
    Handle drop_to_level(const Handle& a, std::size_t level) override;
    Handle reinterpret(Handle a, double factor) override;
    Handle add(const Handle& a, const Handle& b) override;
    Handle subtract(const Handle& a, const Handle& b) override;
    void add_inplace(Handle& a, const Handle& b) override;
    Handle add_scalar(const Handle& a, double value) override;
    Handle multiply_scalar(const Handle& a, double factor, double scale,
                           std::size_t level) override;
    MaskHandle encode(std::span<const double> values, std::size_t level, double scale) override;
    Handle multiply_mask(const Handle& a, const MaskHandle& mask) override;
    Handle multiply_by_power(const Handle& a, std::size_t power) override;
    Handle rescale(const Handle& a) override;
    Handle sum_of_products(std::span<const HandleProduct> products) override;
    Handle relinearize(const Handle& a) override;
    Handle relinearize_rescale(const Handle& a) override;
    Handle rotate(const Handle& a, std::int64_t steps) override;
    Handle conjugate(const Handle& a) override;
    HoistedHandle hoist(const Handle& a) override;
    Handle rotate(const HoistedHandle& a, std::int64_t steps) override;
    Handle sum_of_rotations(const Handle& a, std::span<const std::int64_t> steps) override;
    Handle bootstrap(const Handle& a) override;
    std::pair<Handle, Handle> bootstrap_pair(const Handle& a, const Handle& b) override;
    void phase(std::string_view name) override;

  private:
    class Note;
    // Operands and rotations of the next entry.
    template <class AnyHandle>
    void operand(const AnyHandle& handle);
    void step(std::int64_t steps) { tape_->steps.push_back(steps); }
    // The entry, with the operands and rotations that were added since the last one.
    TapeEntry& write(Operation operation, std::size_t level, MessageInfo result, std::size_t parts);
    Handle result(Operation operation, std::size_t level, Handle handle);

    Operations& inner_;
    std::shared_ptr<Tape> tape_;
    std::size_t operands_written_ = 0, steps_written_ = 0;
};

}  // namespace cipherfit
