#include "train/owner/judged_candidate.h"

#include <vector>

#include <gtest/gtest.h>

namespace cipherfit {
namespace {

constexpr Eigen::Index rows = 100;

// A candidate whose loss is `loss` on every row, and `spread` more or less on every other one.
Judged judged_with(int iterations, Eigen::Index components, double loss, double spread = 0.0,
                   double max_abs_z = 1.0) {
    Judged judged;
    judged.candidate.iterations = iterations;
    judged.candidate.components = components;
    judged.candidate.range = 8.0;
    judged.candidate.max_abs_z = max_abs_z;
    judged.candidate.work = static_cast<double>(iterations) * static_cast<double>(components);
    judged.held_out.loss.resize(rows);
    for (Eigen::Index i = 0; i < rows; ++i) {
        judged.held_out.loss(i) = loss + (i % 2 == 0 ? spread : -spread);
    }
    judged.held_out.right = Eigen::VectorXd::Ones(rows);
    judged.held_out.mean_loss = judged.held_out.loss.mean();
    judged.candidate.loss = judged.held_out.mean_loss;
    return judged;
}

TEST(BestOfUsualLength, StaysWithTheUsualNumberOfIterationsWithinAStandardError) {
    // The difference has a deviation of 1, so that its standard error is 0.1.
    const std::vector<Judged> all{judged_with(1, 15, 0.45, 1.0), judged_with(2, 15, 0.5),
                                  judged_with(8, 15, 0.42, 1.0)};
    EXPECT_EQ(&best_of_usual_length(all, 2, {}), &all[1]);
    EXPECT_EQ(&best_of_usual_length(all, 8, {}), &all[2]);
}

TEST(BestOfUsualLength, LeavesItWhereAnotherIsBetterByMore) {
    const std::vector<Judged> all{judged_with(1, 15, 0.38, 1.0), judged_with(2, 15, 0.5),
                                  judged_with(8, 15, 0.35, 1.0), judged_with(4, 15, 0.3, 3.0)};
    EXPECT_EQ(&best_of_usual_length(all, 2, {}), &all[2]);
}

TEST(BestOfUsualLength, PassesOverRunsThatLeaveTheRange) {
    const std::vector<Judged> all{judged_with(2, 15, 0.5, 0.0, 7.3), judged_with(4, 15, 0.7),
                                  judged_with(2, 31, 0.6)};
    EXPECT_EQ(&best_of_usual_length(all, 2, {}), &all[2]);
    const std::vector<Judged> none_of_two{judged_with(2, 15, 0.5, 0.0, 7.3),
                                          judged_with(4, 15, 0.7), judged_with(1, 15, 0.6)};
    EXPECT_EQ(&best_of_usual_length(none_of_two, 2, {}), &none_of_two[2]);
}

TEST(BestOfUsualLength, TakesFewerComponentsWhereTheyAreAsGood) {
    // Standard errors of 0.1: 0.02 is less than a quarter of one, 0.03 is more.
    const std::vector<Judged> all{judged_with(2, 63, 0.5), judged_with(2, 31, 0.52, 1.0),
                                  judged_with(2, 15, 0.53, 1.0), judged_with(1, 15, 0.51, 1.0)};
    EXPECT_EQ(&best_of_usual_length(all, 2, {}), &all[1]);
}

}  // namespace
}  // namespace cipherfit
