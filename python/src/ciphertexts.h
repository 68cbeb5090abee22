// Ciphertexts as Python holds them: shared, with the evaluator that their operators use.
#pragma once

#include "bindings.h"
#include "cipherfit/ckks/evaluator.h"

#include <memory>
#include <nanobind/stl/shared_ptr.h>
#include <utility>

namespace cipherfit::python {

// Shared, never copied: keys are large.
struct KeyBox {
    KeyBox(EvaluationKeys made, const Digest& of) : keys(std::move(made)), id(of) {}
    KeyBox(const KeyBox&) = delete;
    KeyBox& operator=(const KeyBox&) = delete;
    EvaluationKeys keys;
    Digest id{};  // of the secret key that they were made from
};

struct EvaluatorBox {
    explicit EvaluatorBox(std::shared_ptr<KeyBox> held)
        : keys(std::move(held)), evaluator(keys->keys) {}
    EvaluatorBox(const EvaluatorBox&) = delete;
    EvaluatorBox& operator=(const EvaluatorBox&) = delete;
    std::shared_ptr<KeyBox> keys;
    Evaluator evaluator;
};
using EvaluatorPointer = std::shared_ptr<EvaluatorBox>;

// Never changes: operators make new ones.
class Encrypted {
  public:
    Encrypted(Ciphertext ciphertext, const Digest& key, EvaluatorPointer evaluator)
        : Encrypted(std::make_shared<const Ciphertext>(std::move(ciphertext)), key,
                    std::move(evaluator)) {}
    Encrypted(std::shared_ptr<const Ciphertext> ciphertext, const Digest& key,
              EvaluatorPointer evaluator)
        : ciphertext_(std::move(ciphertext)), key_(key), evaluator_(std::move(evaluator)) {
        require(!evaluator_ || evaluator_->keys->id == key_, ErrorCode::fingerprint_mismatch,
                "the evaluator's keys are of another secret key than the ciphertext");
    }

    const Ciphertext& ciphertext() const { return *ciphertext_; }
    const std::shared_ptr<const Ciphertext>& shared() const { return ciphertext_; }
    const Digest& key() const { return key_; }
    bool has_evaluator() const { return evaluator_ != nullptr; }
    const EvaluatorPointer& pointer() const { return evaluator_; }

    // Throws Error(missing_key) without one.
    const EvaluatorBox& evaluator() const {
        require(evaluator_ != nullptr, ErrorCode::missing_key,
                "the ciphertext has no evaluator: encrypt with evaluator=e, or take e.use(x)");
        return *evaluator_;
    }
    // Of either; throws Error(fingerprint_mismatch) for ciphertexts of two keys.
    const EvaluatorBox& evaluator_with(const Encrypted& other) const {
        require(key_ == other.key_, ErrorCode::fingerprint_mismatch,
                "the two ciphertexts are under different keys");
        return evaluator_ ? *evaluator_ : other.evaluator();
    }
    // A result of this one, and of another.
    Encrypted made(Ciphertext ciphertext) const {
        return {std::move(ciphertext), key_, evaluator_};
    }
    Encrypted made(Ciphertext ciphertext, const Encrypted& other) const {
        return {std::move(ciphertext), key_, evaluator_ ? evaluator_ : other.evaluator_};
    }

  private:
    std::shared_ptr<const Ciphertext> ciphertext_;
    Digest key_{};
    EvaluatorPointer evaluator_;
};

}  // namespace cipherfit::python
