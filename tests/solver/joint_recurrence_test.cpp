// The public recurrence of several owners' training, and how far errors go in it.
#include "cipherfit/solver/joint/recurrence.h"
#include "support/errors.h"

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace cipherfit {
namespace {

using test::throws;

// Chebyshev's iterates go to the ridge solution, faster than its bound says.
TEST(JointRecurrence, EndsAtTheRidgeSolution) {
    const double ridge = 0.05;
    const auto steps = chebyshev_steps(30, ridge, ridge);
    for (const double x : {0.0, 0.01, 0.3, 0.999, 1.0}) {
        double value = 0;
        double before = 0;
        for (const JointStep& step : steps) {
            const double next =
                step.kept * value + step.previous * before + step.update * (1 - x * value);
            before = std::exchange(value, next);
        }
        // 2 ((sqrt(k) - 1) / (sqrt(k) + 1))^30, k = 21.
        EXPECT_NEAR(value * (x + ridge), 1, 4e-6) << x;
    }
}

// Gains against the responses of single eigenvalues, by finite differences of the recurrence.
TEST(JointRecurrence, GainsBoundEveryResponse) {
    const auto steps = chebyshev_steps(6, 0.02, 0.03);
    const JointGains gains = joint_gains(steps);
    const auto run = [&](double x, double b, std::size_t product, std::size_t state) {
        std::vector<double> values;
        double value = 0;
        double before = 0;
        for (std::size_t t = 0; t < steps.size(); ++t) {
            const double of_product = x * value + (t == product ? 1 : 0);
            const double next = steps[t].kept * value + steps[t].previous * before +
                                steps[t].update * (b - of_product) + (t == state ? 1 : 0);
            before = std::exchange(value, next);
            values.push_back(value);
        }
        return values;
    };
    double closest = 0;
    for (int k = 0; k <= 1000; ++k) {
        const double x = k / 1000.0;
        EXPECT_LE(std::abs(run(x, 1, 99, 99).back()), gains.moments);
        for (std::size_t t = 0; t < steps.size(); ++t) {
            EXPECT_LE(std::sqrt(x) * std::abs(run(x, 1, 99, 99)[t]), gains.model[t]);
            EXPECT_LE(std::abs(run(x, 0, 99, t).back()), gains.state[t]);
            if (t > 0) {
                const double response = std::abs(run(x, 0, t, 99).back());
                EXPECT_LE(response, gains.product[t]);
                closest = std::max(closest, response / gains.product[t]);
            }
        }
    }
    EXPECT_GT(closest, 0.99);
    EXPECT_TRUE(throws(ErrorCode::invalid_argument, {"ridge", "0.5"},
                       [] { chebyshev_steps(4, 0.5, 0.1); }));
    EXPECT_TRUE(
        throws(ErrorCode::invalid_argument, {"2 to 64"}, [] { chebyshev_steps(1, 0.1, 0.1); }));
}

}  // namespace
}  // namespace cipherfit
