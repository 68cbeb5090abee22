// The choice of kernels. CTest runs this suite once for each value of CIPHERFIT_ISA as well.
#include "cipherfit/base/error.h"
#include "math/kernels/kernel_table.h"

#include <cstdlib>
#include <string>

#include <gtest/gtest.h>

namespace cipherfit {
namespace {

TEST(Dispatch, takes_the_table_that_the_environment_names_and_the_best_one_otherwise) {
    const char* forced = std::getenv("CIPHERFIT_ISA");
    if (forced == nullptr) {
        EXPECT_EQ(&kernels(), supported_kernels().front());
        return;
    }
    if (find_kernels(forced) != nullptr) {
        EXPECT_STREQ(kernels().name, forced);
        return;
    }
    for (int attempt = 0; attempt < 2; ++attempt) {  // a refusal is no choice: it is repeated
        try {
            kernels();
            FAIL() << "CIPHERFIT_ISA=" << forced << " gave " << kernels().name;
        } catch (const Error& error) {
            EXPECT_EQ(error.code(), ErrorCode::invalid_argument);
            const std::string message = error.what();
            EXPECT_NE(message.find(forced), std::string::npos) << message;
            for (const KernelTable* table : supported_kernels()) {
                EXPECT_NE(message.find(table->name), std::string::npos) << message;
            }
        }
    }
}

TEST(Dispatch, finds_supported_tables_by_name_and_ends_with_the_portable_one) {
    const auto tables = supported_kernels();
    ASSERT_FALSE(tables.empty());
    EXPECT_STREQ(tables.back()->name, "portable");
    for (const KernelTable* table : tables) {
        EXPECT_EQ(find_kernels(table->name), table);
    }
    EXPECT_EQ(find_kernels("sse9"), nullptr);
    EXPECT_EQ(find_kernels(""), nullptr);
}

TEST(Dispatch, every_table_is_complete) {
    for (const KernelTable* table : supported_kernels()) {
        EXPECT_NE(table->ntt_forward, nullptr) << table->name;
        EXPECT_NE(table->ntt_inverse, nullptr) << table->name;
        EXPECT_NE(table->add, nullptr) << table->name;
        EXPECT_NE(table->subtract, nullptr) << table->name;
        EXPECT_NE(table->negate, nullptr) << table->name;
        EXPECT_NE(table->multiply, nullptr) << table->name;
        EXPECT_NE(table->multiply_scalar, nullptr) << table->name;
        EXPECT_NE(table->multiply_scalar_add, nullptr) << table->name;
        EXPECT_NE(table->subtract_multiply_scalar, nullptr) << table->name;
        EXPECT_NE(table->multiply_accumulate, nullptr) << table->name;
        EXPECT_NE(table->permute, nullptr) << table->name;
        EXPECT_NE(table->switch_modulus, nullptr) << table->name;
        EXPECT_NE(table->convert_base, nullptr) << table->name;
        EXPECT_NE(table->fft_two_stages, nullptr) << table->name;
    }
}

}  // namespace
}  // namespace cipherfit
