// Whether this process takes parameters that are for tests only and hide nothing: where
// CIPHERFIT_TEST_PARAMETERS is "allow", which no user has a reason to set.
#pragma once

#include "cipherfit/protocol/job_files.h"

#include <cstdlib>
#include <string_view>

namespace cipherfit {

inline TestParameters test_parameters() {
    const char* value = std::getenv("CIPHERFIT_TEST_PARAMETERS");
    return value != nullptr && std::string_view(value) == "allow" ? TestParameters::allow
                                                                  : TestParameters::refuse;
}

}  // namespace cipherfit
