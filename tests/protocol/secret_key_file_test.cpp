// The secret key's file: private, exclusive, and closed to a wrong passphrase.
#include "cipherfit/protocol/owner/secret_key_file.h"

#include "cipherfit/io/bytes.h"
#include "protocol/small_job.h"

#include <array>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <sys/stat.h>
#include <vector>

#include <openssl/evp.h>

namespace cipherfit::testing {
namespace {

class SecretKeyFileTest : public FileTest {
  protected:
    SmallJob small_{standard_recipe(1, 4, fit_sigmoid(3, 8))};
};

bool same_key(const SecretKey& a, const SecretKey& b) {
    return std::equal(a.coefficients().begin(), a.coefficients().end(), b.coefficients().begin(),
                      b.coefficients().end()) &&
           a.id() == b.id() && a.parameters() == b.parameters();
}

TEST_F(SecretKeyFileTest, ComesBackWithAndWithoutPassphrase) {
    for (const std::string passphrase : {"", "correct horse"}) {
        const auto file = path("key" + passphrase);
        must(write_secret_key(file, small_.key, passphrase));
        EXPECT_EQ(needs_passphrase(file).value(), !passphrase.empty());
        const auto read = read_secret_key(file, passphrase, TestParameters::allow);
        ASSERT_TRUE(read) << read.error().message;
        EXPECT_TRUE(same_key(*read, small_.key));
        struct stat status{};
        ASSERT_EQ(stat(file.c_str(), &status), 0);
        EXPECT_EQ(status.st_mode & 0777U, 0600U);
    }
}

TEST_F(SecretKeyFileTest, NeverOverwrites) {
    const auto file = put("key", "precious");
    const auto written = write_secret_key(file, small_.key, "");
    ASSERT_FALSE(written);
    EXPECT_EQ(written.error().code, ErrorCode::io_failure);
    EXPECT_EQ(get("key"), "precious");
}

TEST_F(SecretKeyFileTest, WrongOrMissingPassphraseIsOneClearLine) {
    must(write_secret_key(path("key"), small_.key, "right"));
    for (const std::string passphrase : {"", "wrong", "right "}) {
        const auto read = read_secret_key(path("key"), passphrase, TestParameters::allow);
        ASSERT_FALSE(read);
        EXPECT_EQ(read.error().code, ErrorCode::bad_input);
        EXPECT_NE(read.error().message.find("passphrase"), std::string::npos);
    }
}

TEST_F(SecretKeyFileTest, SealedFileHidesTheCoefficients) {
    must(write_secret_key(path("open"), small_.key, ""));
    must(write_secret_key(path("sealed"), small_.key, "secret"));
    std::string packed(16, '\0');
    for (std::size_t i = 0; i < 64; ++i) {
        const auto code = static_cast<unsigned>(small_.key.coefficients()[i] + 1);
        packed[i / 4] =
            static_cast<char>(static_cast<unsigned char>(packed[i / 4]) | (code << (2 * (i % 4))));
    }
    EXPECT_NE(get("open").find(packed), std::string::npos);
    EXPECT_EQ(get("sealed").find(packed), std::string::npos);
}

TEST_F(SecretKeyFileTest, PassphraseForAnUnprotectedKeyIsRefused) {
    must(write_secret_key(path("key"), small_.key, ""));
    const auto read = read_secret_key(path("key"), "mine", TestParameters::allow);
    ASSERT_FALSE(read);
    EXPECT_NE(read.error().message.find("not protected"), std::string::npos);
}

// Whoever changes the parameters of a sealed key, and all digests with them, is found out by the
// passphrase.
TEST_F(SecretKeyFileTest, SealedKeyIsBoundToItsParameters) {
    must(write_secret_key(path("key"), small_.key, "right"));
    auto reader = value_or_throw(ContainerReader::open(path("key"), ContainerKind::secret_key));
    constexpr std::uint32_t parameters_tag = section_tag("PARM");
    constexpr std::uint32_t secret_tag = section_tag("SKEY");
    const Parameters mine = value_or_throw(
        Parameters::from_bytes(value_or_throw(reader.section(parameters_tag, 0, 4096))));
    const auto payload = value_or_throw(reader.section(secret_tag, 2, 1 << 20));
    ParametersLiteral literal{.log_n = mine.log_n(),
                              .q_bits = {50, 40},
                              .p_bits = {50, 30},
                              .digits = 2,
                              .insecure_for_tests_only = true};
    const Parameters weaker = Parameters::create(literal);
    ContainerIdentity identity = reader.identity();
    identity.parameters = weaker.fingerprint();
    auto writer = value_or_throw(
        ContainerWriter::create(path("forged"), ContainerKind::secret_key, identity));
    must(writer.section(parameters_tag, 0, weaker.to_bytes()));
    must(writer.section(secret_tag, 2, payload));
    must(writer.commit());
    const auto read = read_secret_key(path("forged"), "right", TestParameters::allow);
    ASSERT_FALSE(read);
    EXPECT_EQ(read.error().code, ErrorCode::bad_input);
}

// The key's bytes sealed by RFC 7914 and AES-256-GCM, written down once more: salt, nonce, tag,
// ciphertext.
std::vector<std::uint8_t> sealed_by_hand(const SecretKey& key, const std::string& passphrase,
                                         std::uint64_t n, std::uint64_t r, std::uint64_t p,
                                         bool first_version) {
    std::vector<std::uint8_t> packed(key.coefficients().size() / 4, 0);
    for (std::size_t i = 0; i < key.coefficients().size(); ++i) {
        const auto code = static_cast<unsigned>(key.coefficients()[i] + 1);
        packed[i / 4] = static_cast<std::uint8_t>(packed[i / 4] | (code << (2 * (i % 4))));
    }
    std::vector<std::uint8_t> out(44 + packed.size());
    random_bytes(std::span(out).first(28));
    std::array<std::uint8_t, 32> derived{};
    EXPECT_EQ(EVP_PBE_scrypt(passphrase.data(), passphrase.size(), out.data(), 16, n, r, p,
                             std::uint64_t{1} << 31U, derived.data(), derived.size()),
              1);
    ByteWriter associated;
    associated.string(first_version ? "cipherfit secret key 1" : "cipherfit secret key 2");
    associated.u64(n);
    associated.u64(r);
    if (!first_version) {
        associated.u64(p);
    }
    associated.bytes(key.id());
    associated.bytes(key.parameters().to_bytes());
    EVP_CIPHER_CTX* context = EVP_CIPHER_CTX_new();
    int written = 0;
    EVP_EncryptInit_ex(context, EVP_aes_256_gcm(), nullptr, derived.data(), out.data() + 16);
    EVP_EncryptUpdate(context, nullptr, &written, associated.view().data(),
                      static_cast<int>(associated.view().size()));
    EVP_EncryptUpdate(context, out.data() + 44, &written, packed.data(),
                      static_cast<int>(packed.size()));
    EVP_EncryptFinal_ex(context, out.data() + 44 + written, &written);
    EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_GCM_GET_TAG, 16, out.data() + 28);
    EVP_CIPHER_CTX_free(context);
    return out;
}

void write_sealed(const std::filesystem::path& path, const SecretKey& key, std::uint32_t index,
                  std::span<const std::uint8_t> payload) {
    auto writer = value_or_throw(ContainerWriter::create(
        path, ContainerKind::secret_key,
        {key.parameters().fingerprint(), key.id(), {}, {}, flag_insecure_parameters}));
    must(writer.section(section_tag("PARM"), 0, key.parameters().to_bytes()));
    must(writer.section(section_tag("SKEY"), index, payload));
    must(writer.commit());
}

TEST_F(SecretKeyFileTest, KeysThatTheFirstVersionSealedAreRead) {
    write_sealed(path("key"), small_.key, 1,
                 sealed_by_hand(small_.key, "right", 1U << 17U, 8, 1, true));
    EXPECT_TRUE(needs_passphrase(path("key")).value());
    const auto read = read_secret_key(path("key"), "right", TestParameters::allow);
    ASSERT_TRUE(read) << read.error().message;
    EXPECT_TRUE(same_key(*read, small_.key));
    EXPECT_FALSE(read_secret_key(path("key"), "wrong", TestParameters::allow));
}

TEST_F(SecretKeyFileTest, TheFileSaysHowItWasSealedWithinBounds) {
    const auto with_cost = [&](std::uint32_t log_n, std::uint32_t r, std::uint32_t p,
                               std::uint32_t sealed_log_n) {
        ByteWriter payload;
        payload.u32(log_n);
        payload.u32(r);
        payload.u32(p);
        payload.bytes(
            sealed_by_hand(small_.key, "right", std::uint64_t{1} << sealed_log_n, 8, 1, false));
        std::filesystem::remove(path("key"));
        write_sealed(path("key"), small_.key, 2, payload.view());
        return read_secret_key(path("key"), "right", TestParameters::allow);
    };
    const auto read = with_cost(15, 8, 1, 15);
    ASSERT_TRUE(read) << read.error().message;
    EXPECT_TRUE(same_key(*read, small_.key));
    // Bound by the tag: other parameters of the file's open nothing.
    EXPECT_EQ(with_cost(14, 8, 1, 15).error().code, ErrorCode::bad_input);
    // Too weak, or more than 1 GiB: refused before anything is derived.
    for (const auto& [log_n, r, p] :
         {std::array{13U, 8U, 1U}, std::array{0U, 8U, 1U}, std::array{15U, 1U, 1U},
          std::array{15U, 8U, 0U}, std::array{15U, 8U, 17U}, std::array{20U, 16U, 1U},
          std::array{21U, 8U, 1U}, std::array{64U, 8U, 1U}, std::array{15U, 0xffffffffU, 1U}}) {
        const auto refused = with_cost(log_n, r, p, 14);
        ASSERT_FALSE(refused);
        EXPECT_EQ(refused.error().code, ErrorCode::corrupt_data) << log_n << " " << r << " " << p;
        EXPECT_NE(refused.error().message.find("scrypt"), std::string::npos);
    }
    write_sealed(path("later"), small_.key, 3, std::vector<std::uint8_t>(100));
    EXPECT_EQ(read_secret_key(path("later"), "right", TestParameters::allow).error().code,
              ErrorCode::unsupported_version);
}

TEST_F(SecretKeyFileTest, TestParametersNeedTheirSwitch) {
    must(write_secret_key(path("key"), small_.key, ""));
    const auto read = read_secret_key(path("key"), "");
    ASSERT_FALSE(read);
    EXPECT_EQ(read.error().code, ErrorCode::insecure_parameters);
}

TEST_F(SecretKeyFileTest, DamageIsRefused) {
    must(write_secret_key(path("key"), small_.key, ""));
    const std::string whole = get("key");
    for (std::size_t i = 0; i < whole.size(); i += 1 + whole.size() / 97) {
        std::string damaged = whole;
        damaged[i] ^= 1;
        EXPECT_FALSE(read_secret_key(put("damaged", damaged), "", TestParameters::allow))
            << "byte " << i;
        EXPECT_FALSE(read_secret_key(put("cut", whole.substr(0, i)), "", TestParameters::allow))
            << "cut at " << i;
    }
}

}  // namespace
}  // namespace cipherfit::testing
