// What a circuit computes with: a handle stands for one ciphertext. When a circuit is executed, a
// handle holds that ciphertext. When it is recorded, a handle knows level, scale and parts only.
#pragma once

#include "cipherfit/ckks/ciphertext.h"
#include "cipherfit/ckks/evaluator.h"

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

namespace cipherfit {

// What an interpreter hangs onto a handle, to be told when the handle goes.
class HandleNote {
  public:
    HandleNote() = default;
    HandleNote(const HandleNote&) = delete;
    HandleNote& operator=(const HandleNote&) = delete;
    virtual ~HandleNote() = default;
};

// Move-only, as ciphertexts are.
class Handle {
  public:
    Handle() = default;
    // NOLINTNEXTLINE(google-explicit-constructor): a ciphertext is a handle
    Handle(Ciphertext ciphertext) : owned_(std::move(ciphertext)) {}
    // Refers to a ciphertext that must outlive the handle.
    static Handle borrow(const Ciphertext& ciphertext);
    // Stands for a ciphertext that does not exist.
    static Handle symbolic(MessageInfo info, std::size_t parts);

    std::size_t level() const noexcept { return info().level; }
    double scale() const noexcept { return info().scale; }
    MessageInfo info() const noexcept { return is_symbolic() ? info_ : value().info(); }
    // 2, or 3 for a product that is not relinearised; 0 for an empty handle.
    std::size_t parts() const noexcept { return is_symbolic() ? parts_ : value().size(); }
    bool is_symbolic() const noexcept { return parts_ != 0; }

    // The ciphertext. Throws Error(internal) for a symbolic handle.
    const Ciphertext& ciphertext() const;
    // The ciphertext itself, or a copy of a borrowed one.
    Ciphertext release() &&;

    HandleNote* note() const noexcept { return note_.get(); }
    void set_note(std::unique_ptr<HandleNote> note) noexcept { note_ = std::move(note); }
    std::unique_ptr<HandleNote> take_note() noexcept { return std::move(note_); }

  private:
    friend class SymbolicOperations;
    friend class EvaluatorOperations;
    const Ciphertext& value() const noexcept { return borrowed_ != nullptr ? *borrowed_ : owned_; }
    Ciphertext owned_;
    const Ciphertext* borrowed_ = nullptr;
    MessageInfo info_;       // of a symbolic handle
    std::size_t parts_ = 0;  // of a symbolic handle
    std::unique_ptr<HandleNote> note_;
};

// Handles of several ciphertexts: of their owner, or borrowed; and the ciphertexts back again.
std::vector<Handle> to_handles(std::vector<Ciphertext> ciphertexts);
std::vector<Handle> borrow_all(std::span<const Ciphertext> ciphertexts);
std::vector<Ciphertext> release_all(std::vector<Handle> handles);

// A ciphertext whose digits were raised once, ready for many rotations. Refers to its source, which
// must outlive it and stay where it is.
class HoistedHandle {
  public:
    explicit HoistedHandle(const Handle& source) : source_(&source) {}
    HoistedHandle(const Handle& source, HoistedCiphertext digits)
        : source_(&source), digits_(std::move(digits)) {}
    const Handle& source() const noexcept { return *source_; }
    // Throws Error(internal) for a symbolic one.
    const HoistedCiphertext& digits() const;

    HandleNote* note() const noexcept { return note_.get(); }
    void set_note(std::unique_ptr<HandleNote> note) noexcept { note_ = std::move(note); }

  private:
    const Handle* source_;
    std::optional<HoistedCiphertext> digits_;
    std::unique_ptr<HandleNote> note_;
};

// An encoded vector of numbers in the clear that ciphertexts are multiplied by.
class MaskHandle {
  public:
    explicit MaskHandle(MessageInfo info) : info_(info) {}
    explicit MaskHandle(Plaintext plaintext)
        : info_{plaintext.level(), plaintext.scale()}, plaintext_(std::move(plaintext)) {}
    MessageInfo info() const noexcept { return info_; }
    // Throws Error(internal) for a symbolic one.
    const Plaintext& plaintext() const;

    HandleNote* note() const noexcept { return note_.get(); }
    void set_note(std::unique_ptr<HandleNote> note) noexcept { note_ = std::move(note); }

  private:
    MessageInfo info_;
    std::optional<Plaintext> plaintext_;
    std::unique_ptr<HandleNote> note_;
};

}  // namespace cipherfit
