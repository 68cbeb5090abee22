// What the planner chooses, and what all else of a joint plan follows from.
#pragma once

#include "cipherfit/solver/joint/plan.h"

#include <optional>

namespace cipherfit {

struct JointChoice {
    unsigned log_n = 0;
    unsigned prime_bits = 0;  // of the two primes of each level
};

JointChoice choice_of(const JointPlan& plan);

// bad_input, in one line, for a task that no plan can have.
Expected<void> check_joint_task(const JointTask& task);
// Whether ring and primes are among those that the planner tries for the task.
bool joint_choice_fits(const JointTask& task, const JointChoice& choice);

// Nothing where the ring has no room for so many primes at 128 bits.
std::optional<JointPlan> assemble_joint_plan(const JointTask& task, const JointChoice& choice);

}  // namespace cipherfit
