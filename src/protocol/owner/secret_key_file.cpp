#include "cipherfit/protocol/owner/secret_key_file.h"

#include "cipherfit/base/locked_memory.h"
#include "cipherfit/io/bytes.h"
#include "cipherfit/io/container.h"
#include "protocol/loose_files.h"
#include "protocol/owner/openssl_check.h"
#include "protocol/section_tags.h"

#include <algorithm>
#include <array>
#include <memory>
#include <utility>
#include <vector>

#include <openssl/evp.h>

namespace cipherfit {
namespace {

constexpr std::uint32_t tag_secret = section_tag("SKEY");
constexpr std::size_t largest_parameters = 4096;

// Section indices: a key in the clear, one sealed by the only parameters that version 0.1.0 knew,
// and one that says how it was sealed.
constexpr std::uint32_t index_clear = 0;
constexpr std::uint32_t index_sealed_first = 1;
constexpr std::uint32_t index_sealed = 2;

// The cost of scrypt: N = 2^log_n, r, p.
struct Cost {
    std::uint32_t log_n = 17;
    std::uint32_t r = 8;
    std::uint32_t p = 1;
    std::uint64_t n() const { return std::uint64_t{1} << log_n; }
};
constexpr std::size_t cost_bytes = 12;
// A file must neither weaken the passphrase nor take the machine's memory: 16 MiB to 1 GiB.
constexpr std::uint32_t least_log_n = 14;
constexpr std::uint32_t most_log_n = 20;
constexpr std::uint32_t least_r = 8;
constexpr std::uint32_t most_r = 16;
constexpr std::uint32_t most_p = 16;
constexpr std::uint64_t most_memory = std::uint64_t{1} << 30U;

bool is_usable(const Cost& cost) {
    return cost.log_n >= least_log_n && cost.log_n <= most_log_n && cost.r >= least_r &&
           cost.r <= most_r && cost.p >= 1 && cost.p <= most_p &&
           128 * cost.r * cost.n() <= most_memory;
}
constexpr std::size_t salt_bytes = 16;
constexpr std::size_t nonce_bytes = 12;
constexpr std::size_t tag_bytes = 16;

using SecretBytes = LockedVector<std::uint8_t>;

void derive_from_passphrase(std::string_view passphrase, std::span<const std::uint8_t> salt,
                            const Cost& cost, SecretBytes& key) {
    // OpenSSL counts a little more than 128 N r.
    const int ok =
        EVP_PBE_scrypt(passphrase.data(), passphrase.size(), salt.data(), salt.size(), cost.n(),
                       cost.r, cost.p, 2 * most_memory, key.data(), key.size());
    check_openssl(ok == 1, "derive a key from the passphrase");
}

using CipherContext = std::unique_ptr<EVP_CIPHER_CTX, decltype(&EVP_CIPHER_CTX_free)>;

// What the passphrase authenticates beside the key: all that decides what the key is used for.
std::vector<std::uint8_t> associated_data(const Parameters& parameters, const Digest& id,
                                          std::uint32_t index, const Cost& cost) {
    ByteWriter out;
    out.string(index == index_sealed ? "cipherfit secret key 2" : "cipherfit secret key 1");
    out.u64(cost.n());
    out.u64(cost.r);
    if (index == index_sealed) {
        out.u64(cost.p);
    }
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
                               std::span<const std::uint8_t> associated, const Cost& cost) {
    std::vector<std::uint8_t> out(salt_bytes + nonce_bytes + tag_bytes + secret.size());
    random_bytes(std::span(out).first(salt_bytes + nonce_bytes));
    SecretBytes key(32);
    derive_from_passphrase(passphrase, std::span(out).first(salt_bytes), cost, key);
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
    check_openssl(ok, "encrypt the secret key");
    return out;
}

void open(std::span<const std::uint8_t> sealed, std::string_view passphrase,
          std::span<const std::uint8_t> associated, const Cost& cost, SecretBytes& secret) {
    SecretBytes key(32);
    derive_from_passphrase(passphrase, sealed.first(salt_bytes), cost, key);
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
    check_openssl(started, "decrypt the secret key");
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
    LockedVector<std::int8_t> coefficients(parameters.n());
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
        if (passphrase.empty()) {
            value_or_throw(writer.section(tag_secret, index_clear, packed.span()));
        } else {
            const Cost cost;
            ByteWriter payload;
            payload.u32(cost.log_n);
            payload.u32(cost.r);
            payload.u32(cost.p);
            payload.bytes(seal(packed.span(), passphrase,
                               associated_data(parameters, key.id(), index_sealed, cost), cost));
            value_or_throw(writer.section(tag_secret, index_sealed, payload.view()));
        }
        value_or_throw(writer.commit());
    });
}

Expected<bool> needs_passphrase(const std::filesystem::path& path) {
    return expected([&] {
        auto reader = value_or_throw(ContainerReader::open(path, ContainerKind::secret_key));
        static_cast<void>(value_or_throw(reader.section(tag_parameters, 0, largest_parameters)));
        const auto next = value_or_throw(reader.peek());
        return next.has_value() && next->index != index_clear;
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
        const std::uint32_t index = next ? next->index : index_clear;
        require(index <= index_sealed, ErrorCode::unsupported_version,
                "{}: was sealed by a later version of cipherfit: use that one", path.string());
        const bool sealed = index != index_clear;
        require(!sealed || !passphrase.empty(), ErrorCode::bad_input,
                "{} is protected: give its passphrase", path.string());
        require(sealed || passphrase.empty(), ErrorCode::bad_input,
                "{} is not protected by a passphrase, but one was given: make sure that it is "
                "your key",
                path.string());
        SecretBytes packed(parameters.n() / 4);
        const std::size_t length = packed.size() +
                                   (sealed ? salt_bytes + nonce_bytes + tag_bytes : 0) +
                                   (index == index_sealed ? cost_bytes : 0);
        auto payload = value_or_throw(reader.section(tag_secret, index, length));
        require(payload.size() == length, ErrorCode::corrupt_data,
                "{}: the secret key has a wrong length", path.string());
        if (sealed) {
            Cost cost;
            if (index == index_sealed) {
                ByteReader in(payload.first(cost_bytes));
                cost = {in.u32(), in.u32(), in.u32()};
                require(is_usable(cost), ErrorCode::corrupt_data,
                        "{}: the passphrase's scrypt parameters 2^{}, {}, {} are out of range",
                        path.string(), cost.log_n, cost.r, cost.p);
                payload = payload.subspan(cost_bytes);
            }
            open(payload, passphrase,
                 associated_data(parameters, reader.identity().key, index, cost), cost, packed);
        } else {
            std::copy(payload.begin(), payload.end(), packed.data());
        }
        value_or_throw(reader.verify_end());
        return unpack_key(parameters, packed.span(), reader.identity().key);
    });
}

}  // namespace cipherfit
