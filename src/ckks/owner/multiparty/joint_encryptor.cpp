#include "cipherfit/ckks/owner/multiparty/joint_encryptor.h"

#include "cipherfit/rlwe/owner/multiparty/encrypt_zero.h"
#include "rlwe/ring.h"

#include <utility>

namespace cipherfit {

Ciphertext encrypt(const JointPublicKey& key, const Plaintext& plaintext) {
    const Ring& ring = key.parameters.ring();
    std::vector<RnsPoly> parts = encrypt_zero(key, plaintext.level());
    for (std::size_t i = 0; i <= plaintext.level(); ++i) {
        kernels().add(parts[0].limb(i), parts[0].limb(i), plaintext.poly().limb(i), ring.n(),
                      ring.modulus(i));
    }
    return {std::move(parts), {plaintext.level(), plaintext.scale()}};
}

}  // namespace cipherfit
