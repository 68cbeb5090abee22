#include "cipherfit/protocol/owner/secret_key_file.h"

#include "cipherfit/io/bytes.h"
#include "cipherfit/io/container.h"
#include "protocol/packing.h"

#include <algorithm>
#include <array>
#include <memory>
#include <utility>
#include <vector>

#include <openssl/evp.h>

namespace cipherfit {
namespace {

constexpr std::uint32_t tag_parameters = section_tag("PARM");
constexpr std::uint32_t tag_secret = section_tag("SKEY");
constexpr std::size_t largest_parameters = 4096;
constexpr std::uint64_t scrypt_n = std::uint64_t{1} << 17U;
constexpr std::uint64_t scrypt_r = 8;
constexpr std::size_t salt_bytes = 16;
constexpr std::size_t nonce_bytes = 12;
constexpr std::size_t tag_bytes = 16;

using SecretBytes = SecretVector<std::uint8_t>;

void crypto(bool ok, const char* what) {
    require(ok, ErrorCode::internal, "OpenSSL could not {}", what);
}

void derive(std::string_view passphrase, std::span<const std::uint8_t> salt, SecretBytes& key) {
    const int ok =
        EVP_PBE_scrypt(passphrase.data(), passphrase.size(), salt.data(), salt.size(), scrypt_n,
                       scrypt_r, 1, std::uint64_t{1} << 28U, key.data(), key.size());
    crypto(ok == 1, "derive a key from the passphrase");
}

using CipherContext = std::unique_ptr<EVP_CIPHER_CTX, decltype(&EVP_CIPHER_CTX_free)>;

// What the passphrase authenticates beside the key: all that decides what the key is used for.
std::vector<std::uint8_t> associated_data(const Parameters& parameters, const Digest& id) {
    ByteWriter out;
    out.string("cipherfit secret key 1");
    out.u64(scrypt_n);
    out.u64(scrypt_r);
    out.bytes(id);
    out.bytes(parameters.to_bytes());
    return out.take();
}

bool authenticate(EVP_CIPHER_CTX* context, bool encrypt, std::span<const std::uint8_t> bytes) {
    int written = 0;
    const auto update = encrypt ? EVP_EncryptUpdate : EVP_DecryptUpdate;
    return update(context, nullptr, &written, bytes.data(), static_cast<int>(bytes.size())) == 1;
}

// salt | nonce | tag | ciphertext
std::vector<std::uint8_t> seal(std::span<const std::uint8_t> secret, std::string_view passphrase,
                               std::span<const std::uint8_t> associated) {
    std::vector<std::uint8_t> out(salt_bytes + nonce_bytes + tag_bytes + secret.size());
    random_bytes(std::span(out).first(salt_bytes + nonce_bytes));
    SecretBytes key(32);
    derive(passphrase, std::span(out).first(salt_bytes), key);
    const CipherContext context(EVP_CIPHER_CTX_new(), EVP_CIPHER_CTX_free);
    std::uint8_t* tag = out.data() + salt_bytes + nonce_bytes;
    int written = 0;
    const bool ok = context &&
                    EVP_EncryptInit_ex(context.get(), EVP_aes_256_gcm(), nullptr, key.data(),
                                       out.data() + salt_bytes) == 1 &&
                    authenticate(context.get(), true, associated) &&
                    EVP_EncryptUpdate(context.get(), tag + tag_bytes, &written, secret.data(),
                                      static_cast<int>(secret.size())) == 1 &&
                    EVP_EncryptFinal_ex(context.get(), tag + tag_bytes + written, &written) == 1 &&
                    EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_GCM_GET_TAG, tag_bytes, tag) == 1;
    crypto(ok, "encrypt the secret key");
    return out;
}

void open(std::span<const std::uint8_t> sealed, std::string_view passphrase,
          std::span<const std::uint8_t> associated, SecretBytes& secret) {
    SecretBytes key(32);
    derive(passphrase, sealed.first(salt_bytes), key);
    const CipherContext context(EVP_CIPHER_CTX_new(), EVP_CIPHER_CTX_free);
    std::array<std::uint8_t, tag_bytes> tag{};
    std::copy_n(sealed.data() + salt_bytes + nonce_bytes, tag_bytes, tag.begin());
    const auto body = sealed.subspan(salt_bytes + nonce_bytes + tag_bytes);
    int written = 0;
    const bool started =
        context &&
        EVP_DecryptInit_ex(context.get(), EVP_aes_256_gcm(), nullptr, key.data(),
                           sealed.data() + salt_bytes) == 1 &&
        authenticate(context.get(), false, associated) &&
        EVP_DecryptUpdate(context.get(), secret.data(), &written, body.data(),
                          static_cast<int>(body.size())) == 1 &&
        EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_GCM_SET_TAG, tag_bytes, tag.data()) == 1;
    crypto(started, "decrypt the secret key");
    require(EVP_DecryptFinal_ex(context.get(), secret.data() + written, &written) == 1,
            ErrorCode::bad_input,
            "the passphrase does not open the secret key, or its file was changed: try again");
}

// Four coefficients a byte, as -1, 0, 1 plus 1.
void pack_coefficients(std::span<const std::int8_t> coefficients, std::span<std::uint8_t> out) {
    std::fill(out.begin(), out.end(), std::uint8_t{0});
    for (std::size_t i = 0; i < coefficients.size(); ++i) {
        const auto code = static_cast<unsigned>(coefficients[i] + 1);
        out[i / 4] = static_cast<std::uint8_t>(out[i / 4] | (code << (2 * (i % 4))));
    }
}

SecretKey unpack_key(const Parameters& parameters, std::span<const std::uint8_t> packed,
                     const Digest& id) {
    SecretVector<std::int8_t> coefficients(parameters.n());
    for (std::size_t i = 0; i < coefficients.size(); ++i) {
        coefficients[i] = static_cast<std::int8_t>(((packed[i / 4] >> (2 * (i % 4))) & 3) - 1);
    }
    return SecretKey::from_coefficients(parameters, coefficients.span(), id);
}

}  // namespace

Expected<void> write_secret_key(const std::filesystem::path& path, const SecretKey& key,
                                std::string_view passphrase) {
    return expected([&] {
        const Parameters& parameters = key.parameters();
        const ContainerIdentity identity{
            parameters.fingerprint(),
            key.id(),
            {},
            {},
            parameters.insecure_for_tests_only() ? flag_insecure_parameters : 0};
        auto writer = value_or_throw(ContainerWriter::create(
            path, ContainerKind::secret_key, identity, {.exclusive = true, .mode = 0600}));
        value_or_throw(writer.section(tag_parameters, 0, parameters.to_bytes()));
        SecretBytes packed(parameters.n() / 4);
        pack_coefficients(key.coefficients(), packed.span());
        // Section index 1: sealed under a passphrase.
        if (passphrase.empty()) {
            value_or_throw(writer.section(tag_secret, 0, packed.span()));
        } else {
            value_or_throw(writer.section(
                tag_secret, 1,
                seal(packed.span(), passphrase, associated_data(parameters, key.id()))));
        }
        value_or_throw(writer.commit());
    });
}

Expected<bool> needs_passphrase(const std::filesystem::path& path) {
    return expected([&] {
        auto reader = value_or_throw(ContainerReader::open(path, ContainerKind::secret_key));
        static_cast<void>(value_or_throw(reader.section(tag_parameters, 0, largest_parameters)));
        const auto next = value_or_throw(reader.peek());
        return next.has_value() && next->index == 1;
    });
}

Expected<SecretKey> read_secret_key(const std::filesystem::path& path, std::string_view passphrase,
                                    TestParameters tests) {
    return expected([&] {
        auto reader = value_or_throw(ContainerReader::open(path, ContainerKind::secret_key));
        const Parameters parameters = value_or_throw(Parameters::from_bytes(
            value_or_throw(reader.section(tag_parameters, 0, largest_parameters))));
        require(parameters.fingerprint() == reader.identity().parameters, ErrorCode::corrupt_data,
                "{}: the key's parameters are not those of its header", path.string());
        refuse_test_parameters(parameters, tests, path.string());
        const auto next = value_or_throw(reader.peek());
        const bool sealed = next.has_value() && next->index == 1;
        require(!sealed || !passphrase.empty(), ErrorCode::bad_input,
                "{} is protected: give its passphrase", path.string());
        require(sealed || passphrase.empty(), ErrorCode::bad_input,
                "{} is not protected by a passphrase, but one was given: make sure that it is "
                "your key",
                path.string());
        SecretBytes packed(parameters.n() / 4);
        const std::size_t length =
            packed.size() + (sealed ? salt_bytes + nonce_bytes + tag_bytes : 0);
        const auto payload = value_or_throw(reader.section(tag_secret, sealed ? 1 : 0, length));
        require(payload.size() == length, ErrorCode::corrupt_data,
                "{}: the secret key has a wrong length", path.string());
        if (sealed) {
            open(payload, passphrase, associated_data(parameters, reader.identity().key), packed);
        } else {
            std::copy(payload.begin(), payload.end(), packed.data());
        }
        value_or_throw(reader.verify_end());
        return unpack_key(parameters, packed.span(), reader.identity().key);
    });
}

}  // namespace cipherfit
