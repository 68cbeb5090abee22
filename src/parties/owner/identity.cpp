#include "cipherfit/parties/owner/identity.h"

#include "rlwe/multiparty/hashing.h"
#include "rlwe/owner/multiparty/derive.h"

#include <algorithm>
#include <limits>
#include <memory>
#include <optional>

#include <openssl/err.h>
#include <openssl/evp.h>

namespace cipherfit {
namespace {

using Key = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;
using Bytes32 = std::array<std::uint8_t, 32>;

constexpr std::size_t tag_bytes = 16;
constexpr std::size_t most_sealed_bytes = std::size_t{1} << 30U;

void crypto(bool ok, const char* what) {
    require(ok, ErrorCode::internal, "OpenSSL could not {}", what);
}

Key private_key(int type, std::span<const std::uint8_t> bytes) {
    Key key(EVP_PKEY_new_raw_private_key(type, nullptr, bytes.data(), bytes.size()), EVP_PKEY_free);
    crypto(key != nullptr, "read a private key");
    return key;
}

Bytes32 public_half(EVP_PKEY* key) {
    Bytes32 result{};
    std::size_t size = result.size();
    crypto(EVP_PKEY_get_raw_public_key(key, result.data(), &size) == 1 && size == result.size(),
           "compute a public key");
    return result;
}

// X25519; nothing where the peer's key is no point of full order, which would make the result
// known to everybody.
std::optional<SecretSeed> agree(EVP_PKEY* own, const SealingKey& peer) {
    const Key other(
        EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, nullptr, peer.bytes.data(), peer.bytes.size()),
        EVP_PKEY_free);
    const std::unique_ptr<EVP_PKEY_CTX, decltype(&EVP_PKEY_CTX_free)> context(
        EVP_PKEY_CTX_new(own, nullptr), EVP_PKEY_CTX_free);
    Seed shared{};
    std::size_t size = shared.size();
    const bool agreed = other && context && EVP_PKEY_derive_init(context.get()) == 1 &&
                        EVP_PKEY_derive_set_peer(context.get(), other.get()) == 1 &&
                        EVP_PKEY_derive(context.get(), shared.data(), &size) == 1 &&
                        size == shared.size() && shared != Seed{};
    ERR_clear_error();
    std::optional<SecretSeed> result;
    if (agreed) {
        result.emplace(shared);
    }
    secure_wipe(shared.data(), shared.size());
    return result;
}

// The key of one sealed message.
SecretSeed sealing_secret(const Seed& agreed, const SealingKey& ephemeral,
                          const SealingKey& recipient, const Digest& context) {
    return derive_seed(agreed, "sealing",
                       FieldHash("cipherfit sealing 1")
                           .field(ephemeral.bytes)
                           .field(recipient.bytes)
                           .field(context)
                           .finish());
}

using CipherContext = std::unique_ptr<EVP_CIPHER_CTX, decltype(&EVP_CIPHER_CTX_free)>;

// AES-256-GCM with a zero nonce: every sealed message has a key of its own.
CipherContext cipher(const Seed& key, bool encrypt) {
    CipherContext context(EVP_CIPHER_CTX_new(), EVP_CIPHER_CTX_free);
    const Bytes32 nonce{};
    crypto(context != nullptr && EVP_CipherInit_ex(context.get(), EVP_aes_256_gcm(), nullptr,
                                                   key.data(), nonce.data(), encrypt ? 1 : 0) == 1,
           "start AES-256-GCM");
    return context;
}

}  // namespace

std::vector<std::uint8_t> seal(const SealingKey& recipient, const Digest& context,
                               std::span<const std::uint8_t> secret) {
    require(secret.size() <= most_sealed_bytes, ErrorCode::invalid_argument,
            "{} bytes are too many to seal: at most {}", secret.size(), most_sealed_bytes);
    Seed random{};
    random_secret_bytes(random);
    const SecretSeed ephemeral_secret(random);
    secure_wipe(random.data(), random.size());
    const Key ephemeral = private_key(EVP_PKEY_X25519, ephemeral_secret.value());
    const SealingKey ephemeral_key{public_half(ephemeral.get())};
    const auto agreed = agree(ephemeral.get(), recipient);
    require(agreed.has_value(), ErrorCode::bad_input,
            "the sealing key {} is no point of full order: its owner must make another",
            to_hex(recipient.bytes));
    const SecretSeed key = sealing_secret(agreed->value(), ephemeral_key, recipient, context);

    std::vector<std::uint8_t> sealed(sealing_overhead + secret.size());
    std::ranges::copy(ephemeral_key.bytes, sealed.begin());
    const CipherContext aes = cipher(key.value(), true);
    int written = 0;
    std::uint8_t* out = sealed.data() + sealing_overhead;
    crypto(EVP_EncryptUpdate(aes.get(), out, &written, secret.data(),
                             static_cast<int>(secret.size())) == 1 &&
               EVP_EncryptFinal_ex(aes.get(), out + written, &written) == 1 &&
               EVP_CIPHER_CTX_ctrl(aes.get(), EVP_CTRL_GCM_GET_TAG, tag_bytes,
                                   sealed.data() + 32) == 1,
           "seal a message");
    return sealed;
}

MemberIdentity::MemberIdentity() = default;

void MemberIdentity::make_public() {
    const std::span<const std::uint8_t> all(secret_);
    identity_key_.bytes = public_half(private_key(EVP_PKEY_ED25519, all.first(32)).get());
    sealing_key_.bytes = public_half(private_key(EVP_PKEY_X25519, all.last(32)).get());
}

MemberIdentity MemberIdentity::generate() {
    MemberIdentity result;
    random_secret_bytes(result.secret_);
    result.make_public();
    return result;
}

MemberIdentity MemberIdentity::from_secret(std::span<const std::uint8_t, secret_bytes> secret) {
    MemberIdentity result;
    std::ranges::copy(secret, result.secret_.begin());
    result.make_public();
    return result;
}

MemberIdentity::~MemberIdentity() {
    secure_wipe(secret_.data(), secret_.size());
}

Signature MemberIdentity::sign(std::string_view purpose,
                               std::span<const std::uint8_t> content) const {
    const Digest digest = signed_digest(purpose, content);
    const Key key = private_key(EVP_PKEY_ED25519, std::span(secret_).first(32));
    const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(),
                                                                          EVP_MD_CTX_free);
    Signature signature{};
    std::size_t size = signature.size();
    crypto(context != nullptr &&
               EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, key.get()) == 1 &&
               EVP_DigestSign(context.get(), signature.data(), &size, digest.data(),
                              digest.size()) == 1 &&
               size == signature.size(),
           "sign");
    return signature;
}

Expected<std::vector<std::uint8_t>> MemberIdentity::open(
    const Digest& context, std::span<const std::uint8_t> sealed) const {
    const auto damaged = [] {
        return make_error(
            ErrorCode::corrupt_data,
            "a sealed message does not open: it is damaged, sealed for somebody else, "
            "or belongs to another charter, round or sender");
    };
    if (sealed.size() < sealing_overhead || sealed.size() - sealing_overhead > most_sealed_bytes) {
        return damaged();
    }
    SealingKey ephemeral;
    std::copy_n(sealed.begin(), 32, ephemeral.bytes.begin());
    const Key own = private_key(EVP_PKEY_X25519, std::span(secret_).last(32));
    const auto agreed = agree(own.get(), ephemeral);
    if (!agreed) {
        return damaged();
    }
    const SecretSeed key = sealing_secret(agreed->value(), ephemeral, sealing_key_, context);
    const CipherContext aes = cipher(key.value(), false);
    std::array<std::uint8_t, tag_bytes> tag{};
    std::copy_n(sealed.begin() + 32, tag.size(), tag.begin());
    const auto content = sealed.subspan(sealing_overhead);
    std::vector<std::uint8_t> result(content.size());
    int written = 0;
    const bool good =
        EVP_DecryptUpdate(aes.get(), result.data(), &written, content.data(),
                          static_cast<int>(content.size())) == 1 &&
        EVP_CIPHER_CTX_ctrl(aes.get(), EVP_CTRL_GCM_SET_TAG, tag_bytes, tag.data()) == 1 &&
        EVP_DecryptFinal_ex(aes.get(), result.data() + written, &written) == 1;
    ERR_clear_error();
    if (!good) {
        secure_wipe(result.data(), result.size());
        return damaged();
    }
    return result;
}

Seed MemberIdentity::pair_secret(const SealingKey& peer, std::string_view purpose,
                                 const Digest& context) const {
    const Key own = private_key(EVP_PKEY_X25519, std::span(secret_).last(32));
    const auto agreed = agree(own.get(), peer);
    require(agreed.has_value(), ErrorCode::bad_input,
            "the sealing key {} is no point of full order: its owner must make another",
            to_hex(peer.bytes));
    // The same for both: the two public keys in the order of their bytes.
    const auto& [low, high] = std::minmax(peer.bytes, sealing_key_.bytes);
    return derive_seed(agreed->value(), purpose,
                       FieldHash("cipherfit pair 1").field(low).field(high).field(context).finish())
        .value();
}

}  // namespace cipherfit
