// The secret key's file: private, exclusive, and closed to a wrong passphrase.
#include "cipherfit/protocol/owner/secret_key_file.h"

#include "protocol/small_job.h"

#include <filesystem>
#include <string>
#include <sys/stat.h>

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
    const auto payload = value_or_throw(reader.section(secret_tag, 1, 1 << 20));
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
    must(writer.section(secret_tag, 1, payload));
    must(writer.commit());
    const auto read = read_secret_key(path("forged"), "right", TestParameters::allow);
    ASSERT_FALSE(read);
    EXPECT_EQ(read.error().code, ErrorCode::bad_input);
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
