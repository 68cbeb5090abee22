#include "cipherfit/protocol/owner/answer_signer.h"

#include "protocol/owner/openssl_check.h"

#include <array>
#include <memory>
#include <string>

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

namespace cipherfit {
namespace {

using PrivateKey = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;

// The secret key as bytes: -1, 0, 1 plus 1.
LockedVector<std::uint8_t> key_material(const SecretKey& key) {
    const auto coefficients = key.coefficients();
    LockedVector<std::uint8_t> bytes(coefficients.size());
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        bytes[i] = static_cast<std::uint8_t>(coefficients[i] + 1);
    }
    return bytes;
}

void derive_signing_seed(const SecretKey& key, LockedVector<std::uint8_t>& out) {
    LockedVector<std::uint8_t> material = key_material(key);
    Digest salt = key.id();
    std::string digest = "SHA256";
    std::string label = "cipherfit review answers, Ed25519, 1";
    const std::unique_ptr<EVP_KDF, decltype(&EVP_KDF_free)> kdf(
        EVP_KDF_fetch(nullptr, "HKDF", nullptr), EVP_KDF_free);
    check_openssl(kdf != nullptr, "find HKDF");
    const std::unique_ptr<EVP_KDF_CTX, decltype(&EVP_KDF_CTX_free)> context(
        EVP_KDF_CTX_new(kdf.get()), EVP_KDF_CTX_free);
    const std::array<OSSL_PARAM, 5> parameters{
        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest.data(), 0),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, material.data(), material.size()),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT, salt.data(), salt.size()),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, label.data(), label.size()),
        OSSL_PARAM_construct_end()};
    check_openssl(context != nullptr &&
                      EVP_KDF_derive(context.get(), out.data(), out.size(), parameters.data()) == 1,
                  "derive the key of answers");
}

PrivateKey private_key(const LockedVector<std::uint8_t>& seed) {
    PrivateKey key(
        EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, seed.span().data(), seed.size()),
        EVP_PKEY_free);
    check_openssl(key != nullptr, "make the key of answers");
    return key;
}

}  // namespace

AnswerSigner::AnswerSigner(const SecretKey& key) : seed_(sizeof(Seed)) {
    derive_signing_seed(key, seed_);
}

AnswerKey AnswerSigner::public_key() const {
    AnswerKey bytes{};
    std::size_t length = bytes.size();
    check_openssl(
        EVP_PKEY_get_raw_public_key(private_key(seed_).get(), bytes.data(), &length) == 1 &&
            length == bytes.size(),
        "give the public key of answers");
    return bytes;
}

AnswerSignature AnswerSigner::sign(const ContainerIdentity& identity, int iteration,
                                   Answer answer) const {
    const std::vector<std::uint8_t> text = answer_text(identity, iteration, answer);
    const PrivateKey key = private_key(seed_);
    const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(),
                                                                          EVP_MD_CTX_free);
    AnswerSignature signature{};
    std::size_t length = signature.size();
    check_openssl(
        context != nullptr &&
            EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, key.get()) == 1 &&
            EVP_DigestSign(context.get(), signature.data(), &length, text.data(), text.size()) ==
                1 &&
            length == signature.size(),
        "sign the answer");
    return signature;
}

}  // namespace cipherfit
