#include "cipherfit/train/owner/importance.h"

#include "support/errors.h"

#include <cmath>
#include <random>

#include <gtest/gtest.h>

namespace cipherfit {
namespace {

using test::throws;

// Class 1 where columns 1 and 2 add up to more than 0; column 0 is not looked at.
ModelFunction sum_of_two() {
    return {[](const RowMatrix& rows) {
                RowMatrix p(rows.rows(), 2);
                p.col(1) = (rows.col(1) + rows.col(2)).unaryExpr([](double z) {
                    return 1.0 / (1.0 + std::exp(-4.0 * z));
                });
                p.col(0) = 1.0 - p.col(1).array();
                return p;
            },
            [](const RowMatrix& rows) {
                std::vector<int> classes;
                for (Eigen::Index i = 0; i < rows.rows(); ++i) {
                    classes.push_back(rows(i, 1) + rows(i, 2) > 0 ? 1 : 0);
                }
                return classes;
            }};
}

TEST(PermutationImportance, IsZeroForWhatTheModelDoesNotUseAndHalfForAllThatItUses) {
    std::mt19937_64 engine(1);
    std::normal_distribution<double> normal;
    const RowMatrix rows = RowMatrix::NullaryExpr(4000, 3, [&] { return normal(engine); });
    const ModelFunction model = sum_of_two();
    const std::vector<int> labels = model.predict(rows);
    const std::vector<ColumnGroup> groups{{"a", 0, 1}, {"b", 1, 1}, {"b and c", 1, 2}};
    const auto found = permutation_importance(model, rows, labels, groups, 5, 7);
    ASSERT_EQ(found.size(), 3U);
    EXPECT_EQ(found[0].accuracy_lost, 0.0);
    EXPECT_EQ(found[0].loss_gained, 0.0);
    // Shuffled together, both say nothing of the row: half of the rows are wrong, within five
    // standard errors of 4,000 rows times five shuffles.
    EXPECT_NEAR(found[2].accuracy_lost, 0.5, 5 * 0.5 / std::sqrt(20000.0));
    // With half of the sum new, x + y and x + y' have correlation 1/2: signs differ for a third.
    EXPECT_NEAR(found[1].accuracy_lost, 1.0 / 3.0, 5 * 0.48 / std::sqrt(20000.0));
    EXPECT_GT(found[1].loss_gained, 0.3);
    EXPECT_GT(found[2].loss_gained, found[1].loss_gained);
    EXPECT_GT(found[1].accuracy_error, 0.0);
    EXPECT_LT(found[1].accuracy_error, 0.02);
    const auto again = permutation_importance(model, rows, labels, groups, 5, 7);
    EXPECT_EQ(again[1].accuracy_lost, found[1].accuracy_lost);
    const auto single = permutation_importance(model, rows, labels, groups, 1, 7);
    EXPECT_EQ(single[1].accuracy_error, 0.0);
}

TEST(PermutationImportance, RefusesColumnsThatAreNotThere) {
    const RowMatrix rows = RowMatrix::Zero(4, 3);
    const std::vector<int> labels{0, 1, 0, 1};
    const std::vector<ColumnGroup> groups{{"a", 2, 2}};
    EXPECT_TRUE(throws(ErrorCode::invalid_argument, {},
                       [&] { permutation_importance(sum_of_two(), rows, labels, groups, 1, 1); }));
    EXPECT_TRUE(throws(ErrorCode::invalid_argument, {},
                       [&] { permutation_importance(sum_of_two(), rows, labels, {}, 0, 1); }));
}

}  // namespace
}  // namespace cipherfit
