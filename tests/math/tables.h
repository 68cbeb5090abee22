// Runs a test suite once for every kernel table that this CPU supports.
#pragma once

#include "math/kernels/kernel_table.h"

#include <string>

#include <gtest/gtest.h>

namespace cipherfit::test {

class EveryTable : public testing::TestWithParam<const KernelTable*> {
  protected:
    const KernelTable& table() const { return *GetParam(); }
};

inline std::string table_name(const testing::TestParamInfo<const KernelTable*>& info) {
    return info.param->name;
}

}  // namespace cipherfit::test

#define CIPHERFIT_FOR_EVERY_TABLE(suite)                                                        \
    INSTANTIATE_TEST_SUITE_P(kernels, suite, testing::ValuesIn(cipherfit::supported_kernels()), \
                             cipherfit::test::table_name)
