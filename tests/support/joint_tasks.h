// Tasks of several owners that tests share: a small one, and one of full size.
#pragma once

#include "support/joint_run.h"

#include <vector>

namespace cipherfit::test {

inline JointTask toy_joint_task() {
    JointTask task;
    task.columns = 11;
    task.classes = 3;
    task.iterations = 4;
    task.holders = 3;
    task.threshold = 2;
    task.contributors = 3;
    task.ridge = 0.05;
    task.log_n = 9;
    task.insecure_for_tests_only = true;
    return task;
}

inline JointTask full_joint_task() {
    JointTask task;
    task.columns = 256;
    task.classes = 10;
    task.iterations = 8;
    task.holders = 8;
    task.threshold = 5;
    task.contributors = 8;
    return task;
}

// The statistics of all contributors of a plan.
inline std::vector<JointStatistics> contributors_of(const JointPlan& plan, JointRows kind,
                                                    unsigned seed) {
    std::vector<JointStatistics> all;
    for (unsigned i = 0; i < plan.task().contributors; ++i) {
        all.push_back(test::joint_rows(plan, kind, 100 * seed + i));
    }
    return all;
}

}  // namespace cipherfit::test
