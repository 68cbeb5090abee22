#include "cipherfit/base/error.h"

#include <set>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace cipherfit {
namespace {

TEST(ErrorCode, NamesAndExitStatuses) {
    const std::vector<std::pair<ErrorCode, std::pair<std::string_view, int>>> all{
        {ErrorCode::invalid_argument, {"invalid_argument", 2}},
        {ErrorCode::insecure_parameters, {"insecure_parameters", 2}},
        {ErrorCode::level_mismatch, {"level_mismatch", 2}},
        {ErrorCode::scale_mismatch, {"scale_mismatch", 2}},
        {ErrorCode::level_exhausted, {"level_exhausted", 2}},
        {ErrorCode::missing_key, {"missing_key", 2}},
        {ErrorCode::bad_input, {"bad_input", 2}},
        {ErrorCode::corrupt_data, {"corrupt_data", 2}},
        {ErrorCode::unsupported_version, {"unsupported_version", 2}},
        {ErrorCode::fingerprint_mismatch, {"fingerprint_mismatch", 2}},
        {ErrorCode::io_failure, {"io_failure", 2}},
        {ErrorCode::busy, {"busy", 2}},
        {ErrorCode::interrupted, {"interrupted", 130}},
        {ErrorCode::internal, {"internal", 70}},
    };
    for (const auto& [code, expected] : all) {
        EXPECT_EQ(name(code), expected.first);
        EXPECT_EQ(exit_status(code), expected.second) << expected.first;
    }
}

TEST(Error, CarriesCodeAndMessage) {
    const Error error(ErrorCode::busy, "the job is taken");
    EXPECT_EQ(error.code(), ErrorCode::busy);
    EXPECT_STREQ(error.what(), "the job is taken");
    EXPECT_EQ(error.info().code, ErrorCode::busy);
    EXPECT_EQ(error.info().message, "the job is taken");
    EXPECT_EQ(Error(error.info()).code(), ErrorCode::busy);
}

TEST(Require, ThrowsWithValuesOrDoesNothing) {
    EXPECT_NO_THROW(require(true, ErrorCode::internal, "never {}", 1));
    try {
        require(false, ErrorCode::scale_mismatch, "{} is not {:.2f}", 3, 0.5);
        FAIL() << "nothing was thrown";
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), ErrorCode::scale_mismatch);
        EXPECT_STREQ(error.what(), "3 is not 0.50");
    }
}

TEST(Expected, GivesItsValueOrThrowsItsError) {
    EXPECT_EQ(value_or_throw(Expected<int>(7)), 7);
    try {
        value_or_throw(Expected<int>(make_error(ErrorCode::corrupt_data, "byte {}", 12)));
        FAIL() << "nothing was thrown";
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), ErrorCode::corrupt_data);
        EXPECT_STREQ(error.what(), "byte 12");
    }
}

}  // namespace
}  // namespace cipherfit
