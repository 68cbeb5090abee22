#pragma once

namespace cipherfit::test {

// A step that no fit of the sigmoid and no number of iterations makes unstable: step s'(0)
// lambda_max is below 1.3, with lambda_max at most 4 and s'(0) below 0.17.
inline constexpr double stable_step = 1.8;

}  // namespace cipherfit::test
