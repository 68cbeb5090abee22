// Ciphertexts and keys in files of their own.
#include "cipherfit/ckks/owner/encryptor.h"
#include "cipherfit/protocol/owner/key_file.h"

#include <array>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace cipherfit {
namespace {

using Bytes = std::vector<std::uint8_t>;

const Parameters& parameters() {
    static const Parameters made =
        Parameters::create(ParametersLiteral{.log_n = 6,
                                             .q_bits = {40, 35, 35},
                                             .p_bits = {42},
                                             .digits = 3,
                                             .insecure_for_tests_only = true});
    return made;
}

ContentSink sink_to(Bytes& bytes) {
    return Expected<std::unique_ptr<ByteSink>>(std::make_unique<MemorySink>(bytes));
}
ContentSource source_of(const Bytes& bytes) {
    return Expected<std::unique_ptr<ByteSource>>(std::make_unique<MemorySource>(bytes));
}

KeyRequest request() {
    KeyRequest keys;
    keys.relinearization(2);
    keys.rotation(3, parameters().slots(), 1);
    keys.conjugation(0);
    return keys;
}

TEST(CiphertextFiles, KeysFromAFileComputeAsThoseInMemory) {
    const SecretKey key = SecretKey::generate(parameters());
    Bytes file;
    ASSERT_TRUE(write_keys(sink_to(file), key, request()));
    const auto read = read_keys(source_of(file), TestParameters::allow);
    ASSERT_TRUE(read) << read.error().message;
    EXPECT_EQ(read->key, key.id());
    EXPECT_EQ(read->keys.size(), 3U);
    read->keys.check(request());

    const Evaluator evaluator(read->keys);
    const Encoder encoder(parameters());
    const std::vector<double> ramp{0, 1, 2, 3, 4, 5};
    const Ciphertext x = encrypt(key, encoder.encode(ramp, 1, 0x1p30));
    const auto rotated = encoder.decode(decrypt(key, evaluator.rotate(x, 3)));
    EXPECT_NEAR(rotated[0], 3, 1e-4);
    EXPECT_NEAR(rotated[2], 5, 1e-4);
}

TEST(CiphertextFiles, CiphertextsComeBackBitForBit) {
    const SecretKey key = SecretKey::generate(parameters());
    const Encoder encoder(parameters());
    const std::vector<double> one{1.0};
    const Ciphertext high = encrypt(key, encoder.encode(one, 2, 0x1p30));
    const Ciphertext low = encrypt(key, encoder.encode(one, 0, 0x1p20));
    const std::array<const Ciphertext*, 2> both{&high, &low};
    Bytes file;
    ASSERT_TRUE(write_ciphertexts(sink_to(file), parameters(), key.id(), both));
    const auto read = read_ciphertexts(source_of(file), TestParameters::allow);
    ASSERT_TRUE(read) << read.error().message;
    EXPECT_EQ(read->parameters, parameters());
    ASSERT_EQ(read->ciphertexts.size(), 2U);
    EXPECT_EQ(read->ciphertexts[0].level(), 2U);
    EXPECT_EQ(read->ciphertexts[1].scale(), 0x1p20);
    const std::array<const Ciphertext*, 2> again{&read->ciphertexts[0], &read->ciphertexts[1]};
    Bytes written;
    ASSERT_TRUE(write_ciphertexts(sink_to(written), parameters(), key.id(), again));
    EXPECT_EQ(written, file);
}

TEST(CiphertextFiles, RefusesOtherKindsTestParametersAndDamage) {
    const SecretKey key = SecretKey::generate(parameters());
    Bytes file;
    ASSERT_TRUE(write_keys(sink_to(file), key, request()));
    EXPECT_EQ(read_keys(source_of(file)).error().code, ErrorCode::insecure_parameters);
    EXPECT_FALSE(read_ciphertexts(source_of(file), TestParameters::allow));
    for (std::size_t at = 0; at < file.size(); at += 97) {
        Bytes changed = file;
        changed[at] ^= 1U;
        EXPECT_FALSE(read_keys(source_of(changed), TestParameters::allow)) << at;
    }
    file.pop_back();
    EXPECT_FALSE(read_keys(source_of(file), TestParameters::allow));
}

TEST(CiphertextFiles, RefusesProductsThatAreNotRelinearised) {
    const SecretKey key = SecretKey::generate(parameters());
    const EvaluationKeys keys = KeyGenerator(key).evaluation_keys(request());
    const Encoder encoder(parameters());
    const std::vector<double> one{1.0};
    const Ciphertext x = encrypt(key, encoder.encode(one, 2, 0x1p30));
    const Ciphertext product = Evaluator(keys).multiply(x, x);
    const std::array<const Ciphertext*, 1> list{&product};
    Bytes file;
    try {
        static_cast<void>(write_ciphertexts(sink_to(file), parameters(), key.id(), list));
        FAIL();
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), ErrorCode::invalid_argument);
        EXPECT_NE(std::string(error.what()).find("relinearise"), std::string::npos);
    }
}

}  // namespace
}  // namespace cipherfit
