#include "cipherfit/parties/public_keys.h"

#include "rlwe/multiparty/hashing.h"

#include <memory>

#include <openssl/err.h>
#include <openssl/evp.h>

namespace cipherfit {

Digest signed_digest(std::string_view purpose, std::span<const std::uint8_t> content) {
    return FieldHash("cipherfit signature 1").field(purpose).field(content).finish();
}

bool verify_signature(const IdentityKey& key, std::string_view purpose,
                      std::span<const std::uint8_t> content, const Signature& signature) {
    const Digest digest = signed_digest(purpose, content);
    const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> parsed(
        EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, key.bytes.data(), key.bytes.size()),
        EVP_PKEY_free);
    const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(),
                                                                          EVP_MD_CTX_free);
    const bool good =
        parsed && context &&
        EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, parsed.get()) == 1 &&
        EVP_DigestVerify(context.get(), signature.data(), signature.size(), digest.data(),
                         digest.size()) == 1;
    ERR_clear_error();  // a bad signature leaves its reasons in OpenSSL's queue
    return good;
}

std::string fingerprint(const IdentityKey& identity, const SealingKey& sealing) {
    const Digest digest = FieldHash("cipherfit member fingerprint 1")
                              .field(identity.bytes)
                              .field(sealing.bytes)
                              .finish();
    const std::string hex = to_hex(std::span(digest).first(24));
    std::string result;
    for (std::size_t i = 0; i < hex.size(); i += 4) {
        result.append(i == 0 ? 0 : 1, ' ').append(hex, i, 4);
    }
    return result;
}

}  // namespace cipherfit
