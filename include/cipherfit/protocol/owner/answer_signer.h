// The owner's signatures under answers to reviews (protocol/review.h).
#pragma once

#include "cipherfit/base/locked_memory.h"
#include "cipherfit/protocol/review.h"
#include "cipherfit/rlwe/owner/secret_key.h"

namespace cipherfit {

// Signs with the Ed25519 key whose seed is HKDF-SHA256 of the secret key's coefficients, with the
// key's name as salt and a label of its own: nothing more has to be kept, and a passphrase protects
// it too. Move-only.
class AnswerSigner {
  public:
    explicit AnswerSigner(const SecretKey& key);
    AnswerKey public_key() const;
    AnswerSignature sign(const ContainerIdentity& identity, int iteration, Answer answer) const;

  private:
    LockedVector<std::uint8_t> seed_;
};

}  // namespace cipherfit
