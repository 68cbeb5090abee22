// Plans that tests are made with: small, and cheap to make.
#pragma once

#include "cipherfit/train/plan.h"

namespace cipherfit::test {

inline Recipe standard(int iterations, int degree = 3) {
    return standard_recipe(iterations, 8, fit_sigmoid(degree, 8));
}

inline PlanOptions small_options(unsigned log_n = 8) {
    PlanOptions options;
    options.solver = "primal";
    options.log_n = log_n;
    options.memory_limit_bytes = 1e12;
    options.insecure_for_tests_only = true;
    options.refresh = PlanOptions::Refresh::never;
    return options;
}

}  // namespace cipherfit::test
