// The secret key's file: private, exclusive, and closed to a wrong passphrase.
#include "cipherfit/protocol/owner/secret_key_file.h"

#include <sys/stat.h>

#include <filesystem>
#include <string>

#include "protocol/small_job.h"

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
        const auto read = read_secret_key(file, passphrase);
        ASSERT_TRUE(read) << read.error().message;
        EXPECT_TRUE(same_key(*read, small_.key));
        struct stat status {};
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
        const auto read = read_secret_key(path("key"), passphrase);
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
        packed[i / 4] = static_cast<char>(static_cast<unsigned char>(packed[i / 4]) |
                                          (code << (2 * (i % 4))));
    }
    EXPECT_NE(get("open").find(packed), std::string::npos);
    EXPECT_EQ(get("sealed").find(packed), std::string::npos);
}

TEST_F(SecretKeyFileTest, DamageIsRefused) {
    must(write_secret_key(path("key"), small_.key, ""));
    const std::string whole = get("key");
    for (std::size_t i = 0; i < whole.size(); i += 1 + whole.size() / 97) {
        std::string damaged = whole;
        damaged[i] ^= 1;
        EXPECT_FALSE(read_secret_key(put("damaged", damaged), "")) << "byte " << i;
        EXPECT_FALSE(read_secret_key(put("cut", whole.substr(0, i)), "")) << "cut at " << i;
    }
}

}  // namespace
}  // namespace cipherfit::testing
