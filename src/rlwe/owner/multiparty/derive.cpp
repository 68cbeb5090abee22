#include "rlwe/owner/multiparty/derive.h"

#include "cipherfit/base/error.h"
#include "rlwe/multiparty/hashing.h"

#include <algorithm>
#include <cstring>

#include <openssl/evp.h>
#include <openssl/hmac.h>

namespace cipherfit {

SecretSeed derive_seed(const Seed& secret, std::string_view label, const Digest& context) {
    const Digest message =
        FieldHash("cipherfit derived seed 1").field(label).field(context).finish();
    Seed derived{};
    unsigned length = 0;
    const bool ok = HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()),
                         message.data(), message.size(), derived.data(), &length) != nullptr;
    require(ok && length == derived.size(), ErrorCode::internal, "OpenSSL could not derive a seed");
    SecretSeed result(derived);
    secure_wipe(derived.data(), derived.size());
    return result;
}

void expand_secret_uniform(std::span<std::uint64_t> out, const Seed& seed, std::uint64_t stream,
                           const Modulus& q) {
    KeyStream key_stream(seed, stream);
    // Words below 2^64 - (2^64 mod q) are a whole number of copies of [0, q).
    const std::uint64_t limit = 0 - reduce128(1, 0, q);
    SecretVector<std::uint64_t> words(512);
    for (std::size_t done = 0; done < out.size();) {
        const std::size_t count = std::min(words.size(), out.size() - done);
        SecretVector<std::uint8_t> bytes(8 * count);
        key_stream.fill(bytes.span());
        std::memcpy(words.data(), bytes.data(), bytes.size());
        for (std::size_t i = 0; i < count; ++i) {
            if (words[i] < limit) {  // a rejected word says nothing about those that are kept
                out[done++] = reduce(words[i], q);
            }
        }
    }
}

}  // namespace cipherfit
