// What members make of their rows by a charter's map and published sums, against the same made of
// all rows at once, which only a test has.
#include "cipherfit/backbone/random_conv.h"
#include "cipherfit/backbone/whitened_features.h"
#include "cipherfit/parties/pooled_sums.h"
#include "cipherfit/protocol/owner/joint_rows.h"
#include "support/errors.h"

#include <cmath>
#include <random>
#include <vector>

#include <Eigen/Eigenvalues>
#include <gtest/gtest.h>

namespace cipherfit {
namespace {

using test::throws;

constexpr unsigned members = 3;

JointTerms small_terms(std::size_t features) {
    JointTerms terms;
    terms.features = features;
    terms.classes = 3;
    terms.preparation = Preparation::whitened;
    terms.components = 4;
    terms.task.iterations = 2;
    terms.task.holders = 2;
    terms.task.threshold = 2;
    terms.task.contributors = members;
    terms.task.insecure_for_tests_only = true;
    terms.task.log_n = 8;
    terms.task.least_bits = 0;
    return terms;
}

// Rows of members whose means differ, with columns of different sizes.
std::vector<JointRows> rows_of_members(Eigen::Index columns, Eigen::Index rows = 30) {
    std::mt19937 generator(4);
    std::normal_distribution<double> normal;
    std::vector<JointRows> all(members);
    for (unsigned i = 0; i < members; ++i) {
        all[i].features = RowMatrix::NullaryExpr(rows, columns, [&] { return normal(generator); });
        for (Eigen::Index j = 0; j < columns; ++j) {
            all[i].features.col(j) *= 1 + 3.0 * static_cast<double>(j);
            all[i].features.col(j).array() += static_cast<double>(j) + 0.5 * i;
        }
        for (Eigen::Index k = 0; k < rows; ++k) {
            all[i].labels.push_back(static_cast<int>(k % 3));
        }
    }
    return all;
}

RowMatrix stacked(const std::vector<RowMatrix>& parts) {
    Eigen::Index rows = 0;
    for (const RowMatrix& part : parts) {
        rows += part.rows();
    }
    RowMatrix all(rows, parts[0].cols());
    Eigen::Index next = 0;
    for (const RowMatrix& part : parts) {
        all.middleRows(next, part.rows()) = part;
        next += part.rows();
    }
    return all;
}

RowMatrix stacked(const std::vector<JointRows>& parts) {
    std::vector<RowMatrix> features;
    for (const JointRows& part : parts) {
        features.push_back(part.features);
    }
    return stacked(features);
}

// All rounds of sums, added up as masked ones are.
PooledSums pool(const CharterPlan& plan, const std::vector<JointRows>& all) {
    Charter charter;
    charter.features.resize(plan.terms().features);
    plan.write_to(charter);
    PooledSums sums;
    for (const PooledRound& round : value_or_throw(pooled_rounds(charter))) {
        std::vector<std::uint64_t> total(round.numbers());
        for (const JointRows& rows : all) {
            const auto numbers = joint_numbers(plan, round, sums, rows);
            EXPECT_EQ(numbers.size(), total.size());
            for (std::size_t i = 0; i < total.size(); ++i) {
                total[i] += numbers[i];
            }
        }
        auto next = total.begin();
        for (const PooledRound::Sum& sum : round.sums) {
            sums[sum.name].assign(next, next + static_cast<std::ptrdiff_t>(sum.numbers));
            next += static_cast<std::ptrdiff_t>(sum.numbers);
        }
    }
    return sums;
}

RowMatrix design_of_all(const CharterPlan& plan, const JointPreparation& preparation,
                        const std::vector<JointRows>& all) {
    std::vector<RowMatrix> designs;
    for (const JointRows& rows : all) {
        designs.push_back(preparation
                              .design(joint_features(plan, preparation.columns, rows.features),
                                      plan.terms().row_bound)
                              .rows);
    }
    return stacked(designs);
}

double largest_eigenvalue(const RowMatrix& design) {
    const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> solver(design.transpose() * design);
    return solver.eigenvalues().maxCoeff();
}

TEST(JointPreparation, WhitenedColumnsHaveTheSpectrumThatThePlanReliesOn) {
    const CharterPlan plan = CharterPlan::create(small_terms(6));
    EXPECT_EQ(plan.joint().task().lowest, 0.3);
    EXPECT_EQ(plan.terms().row_bound, std::ceil(3 * std::sqrt(5.0)));
    const auto all = rows_of_members(6);
    const RowMatrix rows = stacked(all);
    const JointPreparation preparation = joint_preparation(plan, pool(plan, all));
    const RowMatrix design = design_of_all(plan, preparation, all);
    const Eigen::MatrixXd gram = design.transpose() * design / rows.rows();
    // s^2 / (s^2 + ridge T), of the rows themselves.
    const Eigen::MatrixXd centred = rows.rowwise() - rows.colwise().mean();
    const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> solver(centred.transpose() * centred /
                                                                rows.rows());
    const Eigen::VectorXd variances = solver.eigenvalues().reverse();
    EXPECT_NEAR(gram(0, 0), 1, 1e-12);
    for (Eigen::Index j = 0; j < 4; ++j) {
        const double expected =
            variances(j) / (variances(j) + plan.terms().whitening_ridge * variances.sum());
        EXPECT_NEAR(gram(j + 1, j + 1), expected, 1e-5) << j;
        EXPECT_NEAR(gram(0, j + 1), 0, 1e-5) << j;
    }
    EXPECT_LT((gram - Eigen::MatrixXd(gram.diagonal().asDiagonal())).cwiseAbs().maxCoeff(), 1e-5);
    // No row is shortened: the bound is the number of rows and the slack.
    EXPECT_GE(preparation.scaling.largest_eigenvalue, largest_eigenvalue(design));
    EXPECT_LE(preparation.scaling.largest_eigenvalue, 1.01 * static_cast<double>(rows.rows()));
}

// Rows that are shortened are no longer orthogonal to the intercept.
TEST(JointPreparation, TheBoundHoldsForShortenedRows) {
    JointTerms terms = small_terms(6);
    auto all = rows_of_members(6);
    // All long rows lie to one side.
    for (Eigen::Index k = 0; k < 4; ++k) {
        all[0].features.row(k).array() += 80;
    }
    for (const double bound : {1.2, 1.6}) {
        terms.row_bound = bound;
        const CharterPlan plan = CharterPlan::create(terms);
        EXPECT_TRUE(throws(ErrorCode::bad_input, {"too many rows are longer than", "and 1.5 is"},
                           [&] { joint_preparation(plan, pool(plan, all)); }));
    }
    for (const double bound : {2.4, 2.8, 3.2, 4.0, 9.0}) {
        terms.row_bound = bound;
        const CharterPlan plan = CharterPlan::create(terms);
        const JointPreparation preparation = joint_preparation(plan, pool(plan, all));
        const RowMatrix design = design_of_all(plan, preparation, all);
        EXPECT_LE(design.rowwise().norm().maxCoeff(), bound * (1 + 1e-12));
        const double largest = largest_eigenvalue(design);
        EXPECT_GE(preparation.scaling.largest_eigenvalue, largest) << bound;
        EXPECT_LE(preparation.scaling.largest_eigenvalue, 3 * largest) << bound;
    }
}

TEST(JointPreparation, MissingRankIsFilledWithColumnsThatDoNothing) {
    const CharterPlan plan = CharterPlan::create(small_terms(6));
    auto all = rows_of_members(6);
    for (JointRows& rows : all) {
        rows.features.rightCols(4).setConstant(2);
    }
    const JointPreparation preparation = joint_preparation(plan, pool(plan, all));
    const RowMatrix design = design_of_all(plan, preparation, all);
    EXPECT_EQ(design.cols(), 5);
    EXPECT_TRUE(design.rightCols(2).isZero(0));
    EXPECT_GT(design.col(2).norm(), 1);
    for (JointRows& rows : all) {
        rows.features.setConstant(2);
    }
    EXPECT_TRUE(throws(ErrorCode::bad_input, {"all rows are equal"},
                       [&] { joint_preparation(plan, pool(plan, all)); }));
}

// 64 features of 12 rows in fixed point: what rounding moves is whitened too.
TEST(JointPreparation, TooFewRowsAreNotWhitened) {
    JointTerms terms = small_terms(6);
    terms.map.kind = JointMapKind::rbf;
    terms.map.cosines = 64;
    terms.whitening_ridge = 3e-5;
    const CharterPlan plan = CharterPlan::create(terms);
    const auto few = rows_of_members(6, 4);
    EXPECT_TRUE(throws(ErrorCode::bad_input, {"12 rows are too few to whiten 64 features"},
                       [&] { joint_preparation(plan, pool(plan, few)); }));
    const auto many = rows_of_members(6, 400);
    EXPECT_LT(joint_preparation(plan, pool(plan, many)).scaling.largest_eigenvalue, 1.1 * 1200);
    // Components without whitening need no such thing.
    terms.preparation = Preparation::components;
    const CharterPlan unwhitened = CharterPlan::create(terms);
    EXPECT_NO_THROW(joint_preparation(unwhitened, pool(unwhitened, few)));
}

// Sums that rows cannot have are refused before anything is made of them.
TEST(JointPreparation, SumsOfNoRowsAreRefused) {
    const auto fixed = [](double value) { return to_fixed_point(value, joint_fraction_bits, 1); };
    const auto all = rows_of_members(6);
    const auto refused = [&](Preparation preparation, const char* name, std::size_t at,
                             std::uint64_t value, const char* word) {
        JointTerms terms = small_terms(6);
        terms.preparation = preparation;
        const CharterPlan plan = CharterPlan::create(terms);
        PooledSums sums = pool(plan, all);
        EXPECT_NO_THROW(joint_preparation(plan, sums)) << word;
        sums.at(name).at(at) = value;
        EXPECT_TRUE(throws(ErrorCode::bad_input, {"those of no rows", word}, [&] {
            joint_preparation(plan, sums);
        })) << word;
    };
    for (const Preparation preparation :
         {Preparation::none, Preparation::centred, Preparation::whitened}) {
        refused(preparation, "rows", 0, 0, "number of rows");
        refused(preparation, "rows", 0, (std::uint64_t{1} << 43U) + 1, "number of rows");
    }
    refused(Preparation::centred, "squares", 2, 0, "a variance is below zero");
    refused(Preparation::standardised, "squares", 5, fixed(-1), "a variance is below zero");
    // The second column's variance, and a covariance beyond the two variances.
    for (const Preparation preparation : {Preparation::components, Preparation::whitened}) {
        refused(preparation, "products", 6, 0, "an eigenvalue");
        refused(preparation, "products", 1, fixed(1e5), "an eigenvalue");
    }
    refused(Preparation::whitened, "bound", 0, fixed(-0.01), "longer by shortening");
    refused(Preparation::centred, "bound", 0, fixed(89), "below their number");
    refused(Preparation::components, "bound", 0, fixed(-89), "below their number");
}

// Variances and eigenvalues that are zero but for rounding, of honest rows.
TEST(JointPreparation, RoundingIsNotRefused) {
    for (const double mean : {0.0, 1.0, 1e3, 1e5}) {
        auto all = rows_of_members(6);
        for (JointRows& rows : all) {
            // Three columns that are equal, two that are constant.
            rows.features.col(1) = rows.features.col(0);
            rows.features.col(2) = rows.features.col(0);
            rows.features.rightCols(2).setZero();
            rows.features.array() += mean;
        }
        for (const Preparation preparation : {Preparation::none, Preparation::centred,
                                              Preparation::standardised, Preparation::components}) {
            JointTerms terms = small_terms(6);
            terms.preparation = preparation;
            const CharterPlan plan = CharterPlan::create(terms);
            EXPECT_NO_THROW(joint_preparation(plan, pool(plan, all))) << mean;
        }
    }
}

// The same features as an extractor that was fitted on everybody's rows.
TEST(JointPreparation, CosinesAreThoseOfAllRowsTogether) {
    JointTerms terms = small_terms(6);
    terms.map.kind = JointMapKind::rbf;
    terms.map.cosines = 32;
    terms.map.rbf_width = 0.3;
    terms.map.seed = 5;
    const CharterPlan plan = CharterPlan::create(terms);
    const auto all = rows_of_members(6);
    const PooledSums sums = pool(plan, all);
    EXPECT_EQ(sums.at("features").size(), 32U);
    EXPECT_EQ(sums.at("feature_products").size(), 32U * 33 / 2);
    const JointPreparation preparation = joint_preparation(plan, sums);
    const auto together = WhitenedFeatures::create({.cosines = true,
                                                    .width = 0.3,
                                                    .cosine_count = 32,
                                                    .components = 4,
                                                    .ridge = terms.whitening_ridge,
                                                    .seed = 5});
    together->fit(stacked(all));
    const auto ours = joint_extractor(plan, preparation);
    const RowMatrix rows = stacked(all);
    const RowMatrix features = ours->transform(rows);
    // Fixed point of 2^-20, through divisions by the least deviation that is kept.
    EXPECT_LT((features - together->transform(rows)).cwiseAbs().maxCoeff(), 1e-3);
    EXPECT_LT((features - design_of_all(plan, preparation, all).rightCols(4)).cwiseAbs().maxCoeff(),
              1e-12);
    const auto back = feature_extractor_from_json(ours->state());
    ASSERT_TRUE(back.has_value());
    EXPECT_EQ((*back)->transform(rows), features);
}

TEST(JointPreparation, ConvolutionsAreThoseOfAllImagesTogether) {
    JointTerms terms = small_terms(49);
    terms.map.kind = JointMapKind::random_conv;
    terms.map.height = terms.map.width = 7;
    terms.map.filters = 4;
    terms.map.grid = 2;
    const CharterPlan plan = CharterPlan::create(terms);
    check_joint_map(plan);
    std::mt19937 generator(3);
    auto all = rows_of_members(49);
    for (JointRows& rows : all) {
        for (double& pixel : rows.features.reshaped()) {
            pixel = static_cast<double>(generator() % 256);
        }
    }
    const JointPreparation preparation = joint_preparation(plan, pool(plan, all));
    const auto together = RandomConvFeatures::create({.shape = {7, 7},
                                                      .filters = 4,
                                                      .grid = 2,
                                                      .components = 4,
                                                      .whitening = 1,
                                                      .ridge = terms.whitening_ridge,
                                                      .unit_rows = true});
    const RowMatrix rows = stacked(all);
    together->fit(rows);
    const auto ours = joint_extractor(plan, preparation);
    EXPECT_LT((ours->transform(rows) - together->transform(rows)).cwiseAbs().maxCoeff(), 1e-2);
    EXPECT_TRUE(feature_extractor_from_json(ours->state()).has_value());
    EXPECT_TRUE(throws(ErrorCode::bad_input, {"multiply images scaled to 0..1 by 255"},
                       [&] { joint_features(plan, {}, rows / 255); }));
    terms.map.filter_size = 1;
    const CharterPlan odd = CharterPlan::create(terms);
    EXPECT_TRUE(throws(ErrorCode::bad_input, {"extractor cannot be made", "filter size"},
                       [&] { check_joint_map(odd); }));
}

TEST(CharterPlan, SaysWhatACharterTakes) {
    const auto refused = [](const JointTerms& terms, const char* word) {
        EXPECT_TRUE(throws(ErrorCode::bad_input, {word}, [&] {
            static_cast<void>(CharterPlan::create(terms));
        })) << word;
    };
    JointTerms terms = small_terms(6);
    terms.task.iterations = 17;
    refused(terms, "2 to 16 iterations, and not 17");
    terms.task.iterations = 1;
    refused(terms, "2 to 16 iterations, and not 1");
    terms = small_terms(4097);
    terms.preparation = Preparation::none;
    refused(terms, "4098 columns are to be trained on");
    terms.preparation = Preparation::whitened;
    refused(terms, "components are taken of at most 4096");
    terms = small_terms(6);
    terms.components = 7;
    refused(terms, "7 components of 6 features");
    terms = small_terms(6);
    terms.whitening_ridge = 0;
    refused(terms, "a ridge of 1e-9 to 1");
    terms = small_terms(6);
    terms.row_bound = 0.5;
    refused(terms, "the intercept alone needs 1");
}

TEST(CharterPlan, NamesTheSumsOfMapAndPreparation) {
    JointMap none;
    JointMap cosines;
    cosines.kind = JointMapKind::rbf;
    cosines.cosines = 9;
    using Names = std::vector<std::string>;
    EXPECT_EQ(published_sums(none, Preparation::none), (Names{"rows", "bound"}));
    EXPECT_EQ(published_sums(none, Preparation::whitened),
              (Names{"rows", "columns", "products", "bound"}));
    EXPECT_EQ(published_sums(cosines, Preparation::whitened),
              (Names{"rows", "columns", "squares", "features:9", "feature_products:9", "bound"}));
    EXPECT_EQ(published_sums(cosines, Preparation::centred),
              (Names{"rows", "columns", "squares", "features:9", "feature_squares:9", "bound"}));
}

}  // namespace
}  // namespace cipherfit
