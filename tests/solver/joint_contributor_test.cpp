// What a contributor makes of its rows, and how contributions are added up.
#include "solver/owner/joint/fine_transform.h"
#include "support/joint_tasks.h"

#include <cmath>
#include <complex>
#include <numbers>
#include <random>
#include <vector>

#include <gtest/gtest.h>

namespace cipherfit {
namespace {

using test::contributors_of;
using test::JointRows;
using test::JointRun;
using test::toy_joint_task;

// The fine transform is the encoder's, and better: against the definition in long doubles.
TEST(JointContributor, TransformIsTheEmbeddingsInverse) {
    constexpr std::size_t slots = 16;
    std::mt19937 generator(1);
    std::normal_distribution<double> normal;
    std::vector<std::complex<long double>> values(slots);
    for (auto& value : values) {
        value = {normal(generator), normal(generator)};
    }
    auto coefficients = values;
    to_coefficients_finely(coefficients);
    std::size_t power = 1;
    for (std::size_t j = 0; j < slots; ++j) {
        std::complex<long double> sum = 0;
        for (std::size_t k = 0; k < 2 * slots; ++k) {
            const long double angle = std::numbers::pi_v<long double> *
                                      static_cast<long double>(power * k % (4 * slots)) /
                                      (2 * slots);
            const long double c =
                k < slots ? coefficients[k].real() : coefficients[k - slots].imag();
            sum += c * std::complex<long double>(std::cos(angle), std::sin(angle));
        }
        EXPECT_LT(std::abs(sum - values[j]), 0x1p-58L);
        power = power * 5 % (4 * slots);
    }
}

TEST(JointContributor, RefusesWhatIsOutOfRange) {
    const JointPlan plan = value_or_throw(JointPlan::create(toy_joint_task()));
    const RowMatrix x = RowMatrix::Constant(5, 11, 0.5);
    const RowMatrix y = RowMatrix::Zero(5, 3);
    const auto refused = [&](const RowMatrix& rows, const RowMatrix& labels, double bound,
                             const char* word) {
        const auto sums = joint_statistics(plan, rows, labels, bound);
        ASSERT_FALSE(sums.has_value());
        EXPECT_NE(sums.error().message.find(word), std::string::npos) << sums.error().message;
    };
    EXPECT_TRUE(joint_statistics(plan, x, y, 2).has_value());
    refused(x, y, 1, "row 1 has the norm");
    refused(RowMatrix::Zero(5, 10), y, 2, "11 columns");
    refused(x, RowMatrix::Zero(5, 2), 2, "3 labels");
    refused(x, RowMatrix::Constant(5, 3, 0.5), 2, "0 or 1");
    RowMatrix broken = x;
    broken(3, 4) = std::nan("");
    refused(broken, y, 2, "row 4");
    const JointStatistics sums = value_or_throw(joint_statistics(plan, x, y, 2));
    EXPECT_FALSE(joint_messages(plan, {.rows = 4, .largest_eigenvalue = 100}, sums).has_value());
    EXPECT_FALSE(joint_messages(plan, {.rows = 5, .largest_eigenvalue = 1}, sums).has_value());
}

TEST(JointSum, RefusesOtherShapesAndMoreThanThePlanBounds) {
    const JointRun run(toy_joint_task(), 6);
    const auto all = contributors_of(run.plan, JointRows::random, 3);
    JointSum sum(run.plan);
    const auto one =
        value_or_throw(encrypt_contribution(run.plan, scaling_of(all), all[0], run.public_key));
    for (int i = 0; i < 3; ++i) {
        EXPECT_TRUE(sum.add(one).has_value());
    }
    const auto fourth = sum.add(one);
    ASSERT_FALSE(fourth.has_value());
    EXPECT_NE(fourth.error().message.find("3 contributors"), std::string::npos);
    JointContribution other;
    other.moments = one.moments.copy();
    EXPECT_FALSE(check_contribution(run.plan, other).has_value());
}

}  // namespace
}  // namespace cipherfit
