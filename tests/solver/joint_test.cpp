// One model from several owners' sums: the recurrence, the plan, the circuit, the bound on released
// errors, and all of it from rows to the recipient's model.
#include "cipherfit/ckks/owner/encryptor.h"
#include "cipherfit/rlwe/multiparty/flooding.h"
#include "cipherfit/rlwe/security.h"
#include "cipherfit/solver/owner/joint/release_alone.h"
#include "solver/owner/joint/fine_transform.h"
#include "support/errors.h"
#include "support/joint_run.h"

#include <algorithm>
#include <complex>
#include <cstdlib>
#include <functional>
#include <numbers>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include <Eigen/Cholesky>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace cipherfit {
namespace {

using test::JointRows;
using test::JointRun;
using test::throws;

JointTask toy_task() {
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

JointTask full_task() {
    JointTask task;
    task.columns = 256;
    task.classes = 10;
    task.iterations = 8;
    task.holders = 8;
    task.threshold = 5;
    task.contributors = 8;
    return task;
}

std::vector<JointStatistics> contributors(const JointPlan& plan, JointRows kind, unsigned seed) {
    std::vector<JointStatistics> all;
    for (unsigned i = 0; i < plan.task().contributors; ++i) {
        all.push_back(test::joint_rows(plan, kind, 100 * seed + i));
    }
    return all;
}

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

// From rows to the model of the recipient, by every set of two of three holders.
TEST(JointTraining, FromRowsToTheRecipientsModel) {
    const JointRun run(toy_task(), 3);
    const auto all = contributors(run.plan, JointRows::random, 5);
    int iterations = 0;
    const Ciphertext model =
        train_jointly(run.plan, run.keys, run.encrypted(all), [&](int) { ++iterations; });
    EXPECT_EQ(iterations, 4);
    EXPECT_EQ(model.level(), run.plan.release_level());
    const JointStatistics sum = sum_statistics(all);
    const RowMatrix twin = joint_twin(run.plan, scaling_of(all), sum);
    const Digest digest =
        ciphertext_digest(run.plan.parameters(), model.level(), model.part(0), model.part(1));
    const ReleaseTerms terms = run.plan.release_terms(run.parties.charter);
    for (const HolderSet& set : test::subsets(3, 2)) {
        const ReleaseRequest request{.charter = run.parties.charter,
                                     .ciphertext = digest,
                                     .holders = set,
                                     .level = terms.level,
                                     .gap = terms.gap,
                                     .sigma = terms.sigma};
        require_valid(run.plan.parameters(), request);
        const auto holders = run.parties.holders(request);
        std::vector<ReleaseShare> shares;
        for (const unsigned point : set.points()) {
            shares.push_back(holders[point - 1].release(request, model.part(0), model.part(1),
                                                        digest, test::pair_secrets(point, 3)));
        }
        const RnsPoly opened =
            combine_release(run.plan.parameters(), request, model.part(0), shares);
        const RowMatrix state = decode_joint_state(run.plan, opened);
        // What is predicted, up to what the sampler draws more (at most twice) and chance.
        const double deviation = std::exp2(-run.plan.bits_of(1.0));
        const double measured =
            std::sqrt((state - twin).squaredNorm() / static_cast<double>(state.size()));
        EXPECT_LT((state - twin).cwiseAbs().maxCoeff(), 12 * deviation);
        EXPECT_LT(measured, 2.8 * deviation);
        EXPECT_GT(measured, 0.6 * deviation);
        const RowMatrix weights = decode_joint_model(run.plan, scaling_of(all), opened);
        EXPECT_EQ(weights.rows(), 3);
        EXPECT_EQ(weights.cols(), 11);
        const double back = std::sqrt(scaling_of(all).rows / scaling_of(all).largest_eigenvalue);
        EXPECT_NEAR(weights(2, 7), back * state(7, 2), 1e-12);
    }
}

// A single owner, with the keys and the encryption that it has anyway.
TEST(JointTraining, ASingleOwnerReleasesByTheSameArithmetic) {
    JointTask task = toy_task();
    task.holders = task.threshold = task.contributors = 1;
    const JointPlan plan = value_or_throw(JointPlan::create(task));
    EXPECT_EQ(plan.releases(), 1U);
    const SecretKey key = SecretKey::generate(plan.parameters());
    const EvaluationKeys keys = KeyGenerator(key).evaluation_keys(plan.keys());
    const auto all = contributors(plan, JointRows::random, 12);
    const auto messages = value_or_throw(joint_messages(plan, scaling_of(all), all[0]));
    JointContribution sum;
    for (std::size_t i = 0; i + 1 < messages.size(); ++i) {
        sum.gram.push_back(encrypt(key, messages[i]));
    }
    sum.moments = encrypt(key, messages.back());
    const Ciphertext model = train_jointly(plan, keys, sum);
    const Digest job = test::charter_of(5);
    const RnsPoly opened = release_alone(plan, key, model, job, test::seed_of(6));
    const double error =
        (decode_joint_state(plan, opened) - joint_twin(plan, scaling_of(all), all[0]))
            .cwiseAbs()
            .maxCoeff();
    const double deviation = std::exp2(-plan.bits_of(1.0));
    EXPECT_LT(error, 12 * deviation);
    EXPECT_GT(error, deviation / 4);
    // The same bytes again.
    const RnsPoly again = release_alone(plan, key, model, job, test::seed_of(6));
    EXPECT_TRUE(std::equal(opened.limb(0), opened.limb(0) + 2 * opened.n(), again.limb(0)));
    const JointPlan others = value_or_throw(JointPlan::create(toy_task()));
    EXPECT_TRUE(throws(ErrorCode::invalid_argument, {"3 holders"},
                       [&] { release_alone(others, key, model, job, test::seed_of(6)); }));
}

// Many iterations: the model is that of ridge regression on all rows together.
TEST(JointTraining, IsRidgeRegressionOnAllRows) {
    JointTask task = toy_task();
    task.iterations = 40;
    const JointPlan plan = value_or_throw(JointPlan::create(task));
    const auto all = contributors(plan, JointRows::random, 8);
    const JointScaling scaling = scaling_of(all);
    const JointStatistics sum = sum_statistics(all);
    const RowMatrix weights = joint_model(scaling, joint_twin(plan, scaling, sum));
    const Eigen::MatrixXd left = Eigen::MatrixXd(sum.gram) + task.ridge *
                                                                 scaling.largest_eigenvalue *
                                                                 Eigen::MatrixXd::Identity(11, 11);
    const Eigen::MatrixXd solved = left.ldlt().solve(Eigen::MatrixXd(sum.moments));
    EXPECT_LT((weights.transpose() - solved).cwiseAbs().maxCoeff(), 1e-6);
}

// The circuit is the twin, for shapes that fill the ring and shapes that do not.
TEST(JointTraining, FollowsTheTwin) {
    struct Shape {
        std::size_t columns, classes;
        unsigned log_n;
        int iterations;
    };
    for (const Shape& shape :
         {Shape{2, 1, 7, 2}, Shape{5, 1, 8, 3}, Shape{16, 4, 8, 3}, Shape{17, 5, 9, 2},
          Shape{32, 8, 9, 3}, Shape{64, 2, 9, 3}, Shape{9, 6, 11, 3}}) {
        JointTask task = toy_task();
        task.columns = shape.columns;
        task.classes = shape.classes;
        task.log_n = shape.log_n;
        task.iterations = shape.iterations;
        task.contributors = 2;
        task.least_bits = 0;
        SCOPED_TRACE(std::to_string(shape.columns) + " x " + std::to_string(shape.classes));
        const JointRun run(task, 11);
        const auto all = contributors(run.plan, JointRows::random, 9);
        const Ciphertext exact = train_jointly(run.plan, run.keys, run.exact(all));
        RnsPoly message = exact.part(0).copy();
        const RowMatrix state = decode_joint_state(run.plan, message);
        const RowMatrix twin = joint_twin(run.plan, scaling_of(all), sum_statistics(all));
        EXPECT_LT((state - twin).cwiseAbs().maxCoeff(), 1e-10);
        EXPECT_GT(twin.cwiseAbs().maxCoeff(), 0.01);
        const Ciphertext model = train_jointly(run.plan, run.keys, run.encrypted(all));
        EXPECT_LE(run.error_norm(model, exact), run.plan.error_bound().total);
    }
}

// B_e against the norm of what would be released: random rows and adversarial ones.
TEST(JointErrorBound, IsAboveEveryMeasuredNorm) {
    const bool full = std::getenv("CIPHERFIT_FULL") != nullptr;
    const int runs = full ? 200 : 20;
    double largest = 0;
    int at = 0;
    for (int key = 0; at < runs; ++key) {
        JointTask task = toy_task();
        task.threshold = 1 + static_cast<unsigned>(key) % 3;
        task.holders = std::max(3U, task.threshold);
        const JointRun run(task, 50 + static_cast<std::uint64_t>(key));
        for (const JointRows kind :
             {JointRows::random, JointRows::one_direction, JointRows::orthogonal,
              JointRows::slow_direction, JointRows::one_sided}) {
            const auto all = contributors(run.plan, kind, static_cast<unsigned>(at));
            const Ciphertext exact = train_jointly(run.plan, run.keys, run.exact(all));
            const Ciphertext model = train_jointly(run.plan, run.keys, run.encrypted(all));
            const double ratio = run.error_norm(model, exact) / run.plan.error_bound().total;
            EXPECT_LT(ratio, 1) << "rows of kind " << static_cast<int>(kind);
            EXPECT_GT(ratio, 0);
            largest = std::max(largest, ratio);
            ++at;
        }
    }
    // Worst cases over spectra, labels and tails: what is measured stays some bits below.
    EXPECT_GT(largest, 0x1p-9);
    RecordProperty("largest_ratio", std::to_string(largest));
}

TEST(JointTraining, SameBitsOnAnyNumberOfThreads) {
    const JointRun run(toy_task(), 4);
    const JointContribution sum = run.encrypted(contributors(run.plan, JointRows::random, 2));
    const auto digest = [&](std::size_t threads) {
        return test::with_threads(threads, [&] {
            const Ciphertext model = train_jointly(run.plan, run.keys, sum);
            return ciphertext_digest(run.plan.parameters(), model.level(), model.part(0),
                                     model.part(1));
        });
    };
    EXPECT_EQ(digest(1), digest(2));
}

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

TEST(JointPlan, FullSizeHasTheBudget) {
    const JointPlan plan = value_or_throw(JointPlan::create(full_task()));
    const Parameters& parameters = plan.parameters();
    EXPECT_EQ(parameters.log_n(), 15U);
    EXPECT_EQ(parameters.security_bits(), 128U);
    EXPECT_LE(parameters.log_qp(), largest_secure_log_qp(15, SecurityLevel::classical_128));
    EXPECT_EQ(parameters.max_level(), 15U);
    EXPECT_EQ(plan.gap(), 4U);
    EXPECT_EQ(plan.releases(), 4U);
    EXPECT_GE(plan.release_bits(), 6);
    EXPECT_GE(plan.sigma(),
              flooding_sigma({.kappa = 30, .releases = 4, .error_norm = plan.error_bound().total}));
    EXPECT_LE(plan.contributor_upload_bytes(), 20'000'000U);
    EXPECT_LE(plan.dealer_upload_bytes(), 500'000'000U);
    RecordProperty("log_qp", std::to_string(parameters.log_qp()));
    RecordProperty("digits", std::to_string(parameters.digits()));
    RecordProperty("special_primes", std::to_string(parameters.special_primes()));
    RecordProperty("upload_scale", std::to_string(std::log2(plan.upload_scale())));
    RecordProperty("release_scale", std::to_string(std::log2(plan.release_scale())));
    RecordProperty("release_bits", std::to_string(plan.release_bits()));
    const JointErrorBound& bound = plan.error_bound();
    for (const auto& [name, value] : {std::pair<const char*, double>{"gram", bound.gram},
                                      {"unpacking", bound.unpacking},
                                      {"turns", bound.turns},
                                      {"rounding", bound.rounding},
                                      {"moments", bound.moments},
                                      {"encoding", bound.encoding},
                                      {"total", bound.total}}) {
        RecordProperty(name, std::to_string(std::log2(value)));
    }
    RecordProperty("keys", std::to_string(plan.keys().levels().size()));
    RecordProperty("dealer_upload", std::to_string(plan.dealer_upload_bytes()));
    RecordProperty("contributor_upload", std::to_string(plan.contributor_upload_bytes()));
    RecordProperty("server_memory", std::to_string(plan.server_memory_bytes()));
}

// Larger problems are planned, at their price.
TEST(JointPlan, LargeProblemsHavePlans) {
    if (std::getenv("CIPHERFIT_SMALL_RINGS") != nullptr) {
        GTEST_SKIP() << "plans rings of full size";
    }
    JointTask task = full_task();
    task.columns = 401;
    const auto wide = JointPlan::create(task);
    ASSERT_TRUE(wide.has_value());
    EXPECT_LE(wide->contributor_upload_bytes(), 40'000'000U);
    if (std::getenv("CIPHERFIT_FULL") == nullptr) {
        return;
    }
    task.columns = 1024;
    const auto wider = JointPlan::create(task);
    ASSERT_TRUE(wider.has_value());
    EXPECT_LE(wider->dealer_upload_bytes(), 500'000'000U);
    RecordProperty("upload_of_1024", std::to_string(wider->contributor_upload_bytes()));
    RecordProperty("memory_of_1024", std::to_string(wider->server_memory_bytes()));
    RecordProperty("bits_of_1024", std::to_string(wider->release_bits()));
    task.columns = 256;
    task.classes = 100;
    const auto many = JointPlan::create(task);
    ASSERT_TRUE(many.has_value());
    RecordProperty("log_n_of_100_classes", std::to_string(many->parameters().log_n()));
    RecordProperty("bits_of_100_classes", std::to_string(many->release_bits()));
    task.classes = 10;
    task.iterations = 16;
    const auto long_plan = JointPlan::create(task);
    ASSERT_TRUE(long_plan.has_value());
    EXPECT_EQ(long_plan->parameters().log_n(), 16U);
    RecordProperty("bits_of_16_iterations", std::to_string(long_plan->release_bits()));
    RecordProperty("upload_of_16", std::to_string(long_plan->contributor_upload_bytes()));
    RecordProperty("dealer_of_16", std::to_string(long_plan->dealer_upload_bytes()));
    RecordProperty("memory_of_16", std::to_string(long_plan->server_memory_bytes()));
}

TEST(JointPlan, RefusesWhatLeavesTooFewBitsOrFitsNowhere) {
    const auto message = [](const JointTask& task) {
        const auto plan = JointPlan::create(task);
        return plan.has_value() ? std::string() : plan.error().message;
    };
    JointTask task = full_task();
    task.kappa = 90;
    task.log_n = 15;
    EXPECT_NE(message(task).find("bits of the largest weight"), std::string::npos);
    EXPECT_NE(message(task).find("fewer iterations"), std::string::npos);
    task = full_task();
    task.iterations = 16;
    task.log_n = 15;
    EXPECT_NE(message(task).find("16 iterations fit no ring"), std::string::npos);
    task = toy_task();
    task.iterations = 64;
    EXPECT_NE(message(task).find("64 iterations fit no ring"), std::string::npos);
    task = full_task();
    task.columns = 60000;
    task.classes = 1000;
    EXPECT_NE(message(task).find("take fewer of either"), std::string::npos);
    for (const auto& change : std::vector<std::function<void(JointTask&)>>{
             [](JointTask& t) { t.columns = 1; }, [](JointTask& t) { t.iterations = 1; },
             [](JointTask& t) { t.threshold = 9; }, [](JointTask& t) { t.contributors = 0; },
             [](JointTask& t) { t.kappa = 29; }, [](JointTask& t) { t.ridge = 0; },
             [](JointTask& t) { t.lowest = 0.001; }, [](JointTask& t) { t.log_n = 11; }}) {
        task = full_task();
        change(task);
        EXPECT_NE(message(task).find("joint training takes"), std::string::npos);
    }
}

TEST(JointPlan, ComesBackFromItsJsonAndNothingElseDoes) {
    const JointPlan plan = value_or_throw(JointPlan::create(toy_task()));
    const nlohmann::json json = plan.to_json();
    const auto back = JointPlan::from_json(nlohmann::json::parse(json.dump()));
    ASSERT_TRUE(back.has_value()) << back.error().message;
    EXPECT_EQ(back->digest(), plan.digest());
    EXPECT_EQ(back->keys().levels(), plan.keys().levels());
    EXPECT_EQ(value_or_throw(JointPlan::create(toy_task())).digest(), plan.digest());
    const auto refused = [&](const char* key, const nlohmann::json& value) {
        nlohmann::json changed = json;
        changed[key] = value;
        EXPECT_FALSE(JointPlan::from_json(changed).has_value()) << key;
    };
    refused("sigma", plan.sigma() / 2);
    refused("sigma", plan.sigma() * 2);
    refused("sigma", "many");
    refused("error_bound", plan.error_bound().total / 2);
    refused("upload_scale", plan.upload_scale() * 2);
    refused("prime_bits", 20);
    refused("log_n", 10);
    refused("version", 2);
    refused("steps", nlohmann::json::array());
    refused("extra", 1);
    nlohmann::json changed = json;
    changed["task"]["kappa"] = 31;
    EXPECT_FALSE(JointPlan::from_json(changed).has_value());
    changed = json;
    changed["task"].erase("ridge");
    EXPECT_FALSE(JointPlan::from_json(changed).has_value());
    EXPECT_FALSE(JointPlan::from_json(nlohmann::json::array()).has_value());
}

TEST(JointContributor, RefusesWhatIsOutOfRange) {
    const JointPlan plan = value_or_throw(JointPlan::create(toy_task()));
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
    const JointRun run(toy_task(), 6);
    const auto all = contributors(run.plan, JointRows::random, 3);
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
