// Several owners at full size: eight members, any five of whom open, 256 columns, ten classes,
// eight iterations. Only with CIPHERFIT_FULL: it takes minutes. Rows are made up, or come from the
// CSV file that CIPHERFIT_JOINT_TABLE names: label, then features.
#include "cipherfit/base/parallel.h"
#include "support/joint_run.h"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <memory>
#include <numeric>
#include <sstream>
#include <string>
#include <sys/resource.h>

#include <gtest/gtest.h>

namespace cipherfit {
namespace {

constexpr Eigen::Index columns = 256;
constexpr int classes = 10;

struct Table {
    RowMatrix x;  // without the intercept
    std::vector<int> labels;
};

Table made_up(std::size_t rows) {
    std::mt19937 generator(7);
    std::normal_distribution<double> normal;
    RowMatrix centres(classes, columns - 1);
    for (Eigen::Index i = 0; i < centres.size(); ++i) {
        centres.data()[i] = 0.35 * normal(generator);
    }
    Table table{RowMatrix(static_cast<Eigen::Index>(rows), columns - 1), {}};
    for (Eigen::Index i = 0; i < table.x.rows(); ++i) {
        table.labels.push_back(static_cast<int>(generator() % classes));
        for (Eigen::Index j = 0; j < table.x.cols(); ++j) {
            table.x(i, j) = centres(table.labels.back(), j) + normal(generator);
        }
    }
    return table;
}

// The first 255 of the features in a fixed shuffled order, the rows shuffled.
Table read_table(const std::string& path) {
    std::ifstream file(path);
    std::vector<std::vector<double>> rows;
    for (std::string line; std::getline(file, line);) {
        std::istringstream cells(line);
        auto& row = rows.emplace_back();
        for (std::string cell; std::getline(cells, cell, ',');) {
            row.push_back(std::stod(cell));
        }
    }
    std::mt19937 generator(5);
    std::shuffle(rows.begin(), rows.end(), generator);
    std::vector<std::size_t> order(rows.at(0).size() - 1);
    std::iota(order.begin(), order.end(), std::size_t{1});
    std::shuffle(order.begin(), order.end(), generator);
    Table table{RowMatrix(static_cast<Eigen::Index>(rows.size()), columns - 1), {}};
    for (std::size_t i = 0; i < rows.size(); ++i) {
        table.labels.push_back(static_cast<int>(rows[i][0]));
        for (Eigen::Index j = 0; j < table.x.cols(); ++j) {
            table.x(static_cast<Eigen::Index>(i), j) =
                rows[i].at(order.at(static_cast<std::size_t>(j)));
        }
    }
    return table;
}

double accuracy(const RowMatrix& weights, const RowMatrix& x, const std::vector<int>& labels,
                Eigen::Index first, Eigen::Index last) {
    int right = 0;
    for (Eigen::Index i = first; i < last; ++i) {
        Eigen::Index best = 0;
        (weights * x.row(i).transpose()).maxCoeff(&best);
        right += best == labels[static_cast<std::size_t>(i)] ? 1 : 0;
    }
    return static_cast<double>(right) / static_cast<double>(last - first);
}

template <class F>
double seconds(F&& body) {
    const auto start = std::chrono::steady_clock::now();
    body();
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

double cpu_seconds() {
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    const auto of = [](const timeval& time) {
        return static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_usec);
    };
    return of(usage.ru_utime) + of(usage.ru_stime);
}

std::size_t peak_bytes() {
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    return static_cast<std::size_t>(usage.ru_maxrss) * 1024;
}

TEST(JointFull, EightMembersOfWhomFiveOpen) {
    if (std::getenv("CIPHERFIT_FULL") == nullptr ||
        std::getenv("CIPHERFIT_SMALL_RINGS") != nullptr) {
        GTEST_SKIP() << "takes minutes: set CIPHERFIT_FULL";
    }
    const char* path = std::getenv("CIPHERFIT_JOINT_TABLE");
    const Table table = path != nullptr ? read_table(path) : made_up(512);
    JointTask task;
    task.columns = static_cast<std::size_t>(columns);
    task.classes = classes;
    task.holders = 8;
    task.threshold = 5;
    task.contributors = 8;
    const auto report = [](const char* name, double value) {
        std::cout << name << " " << value << std::endl;
    };
    std::unique_ptr<test::JointRun> made;
    report("keys_seconds", seconds([&] { made = std::make_unique<test::JointRun>(task, 77); }));
    const test::JointRun& run = *made;
    const JointPlan& plan = run.plan;
    report("log_n", plan.parameters().log_n());
    report("log_qp", plan.parameters().log_qp());
    report("upload_scale", std::log2(plan.upload_scale()));
    report("release_scale", std::log2(plan.release_scale()));
    report("log2_error_bound", std::log2(plan.error_bound().total));
    report("log2_sigma", std::log2(plan.sigma()));
    report("predicted_bits", plan.release_bits());
    report("contributor_upload_bytes", static_cast<double>(plan.contributor_upload_bytes()));
    report("dealer_upload_bytes", static_cast<double>(plan.dealer_upload_bytes()));
    report("planned_memory_bytes", static_cast<double>(plan.server_memory_bytes()));

    // Columns centred and scaled by pooled sums; a column of ones.
    const Eigen::Index rows = table.x.rows();
    const Eigen::Index training = path != nullptr ? 192 : 256;
    const Eigen::RowVectorXd mean = table.x.topRows(training).colwise().mean();
    RowMatrix x(rows, columns);
    x.col(0).setOnes();
    x.rightCols(columns - 1) = table.x.rowwise() - mean;
    x.rightCols(columns - 1) /=
        std::sqrt(x.topRows(training).rightCols(columns - 1).rowwise().squaredNorm().mean());
    RowMatrix y = RowMatrix::Zero(rows, classes);
    for (Eigen::Index i = 0; i < rows; ++i) {
        y(i, table.labels[static_cast<std::size_t>(i)]) = 1;
    }
    std::vector<JointStatistics> all;
    double alone = 0;
    const Eigen::Index each = training / 8;
    for (Eigen::Index member = 0; member < 8; ++member) {
        all.push_back(value_or_throw(joint_statistics(plan, x.middleRows(member * each, each),
                                                      y.middleRows(member * each, each), 100)));
        const JointScaling own = scaling_of({all.back()});
        alone += accuracy(joint_model(own, joint_twin(plan, own, all.back())), x, table.labels,
                          training, rows) /
                 8;
    }
    const JointScaling scaling = scaling_of(all);
    const RowMatrix twin = joint_twin(plan, scaling, sum_statistics(all));
    report("largest_weight", twin.cwiseAbs().maxCoeff());
    report("expected_largest_weight", expected_largest_weight(task));
    report("bits_of_largest_weight", plan.bits_of(twin.cwiseAbs().maxCoeff()));

    JointContribution sum;
    report("encrypt_and_add_seconds", seconds([&] { sum = run.encrypted(all); }));
    Ciphertext model;
    report("peak_before_training", static_cast<double>(peak_bytes()));
    const double before = cpu_seconds();
    report("train_seconds", seconds([&] { model = train_jointly(plan, run.keys, sum); }));
    report("train_cpu_seconds", cpu_seconds() - before);
    report("peak_after_training", static_cast<double>(peak_bytes()));
    const Ciphertext exact = train_jointly(plan, run.keys, run.exact(all));
    const double norm = run.error_norm(model, exact);
    report("log2_error_norm", std::log2(norm));
    EXPECT_LT(norm, plan.error_bound().total);

    const Digest digest =
        ciphertext_digest(plan.parameters(), model.level(), model.part(0), model.part(1));
    const ReleaseRequest request{.charter = run.parties.charter,
                                 .ciphertext = digest,
                                 .holders = HolderSet::create(8, 5, {1, 2, 4, 7, 8}),
                                 .level = plan.release_level(),
                                 .gap = plan.gap(),
                                 .sigma = plan.sigma()};
    const auto holders = run.parties.holders(request);
    std::vector<ReleaseShare> shares;
    for (const unsigned point : request.holders.points()) {
        shares.push_back(holders[point - 1].release(request, model.part(0), model.part(1), digest,
                                                    test::pair_secrets(point, 8)));
    }
    const RnsPoly opened = combine_release(plan.parameters(), request, model.part(0), shares);
    const RowMatrix state = decode_joint_state(plan, opened);
    const double deviation =
        std::sqrt((state - twin).squaredNorm() / static_cast<double>(state.size()));
    report("released_bits", std::log2(twin.cwiseAbs().maxCoeff() / deviation));
    report("max_abs_weight_error", (state - twin).cwiseAbs().maxCoeff());
    const double released = accuracy(joint_model(scaling, state), x, table.labels, training, rows);
    const double simulated = accuracy(joint_model(scaling, twin), x, table.labels, training, rows);
    report("alone", alone);
    report("pooled_twin", simulated);
    report("pooled_released", released);
    EXPECT_NEAR(released, simulated, 0.01);
    EXPECT_GE(std::log2(twin.cwiseAbs().maxCoeff() / deviation), 6);
}

}  // namespace
}  // namespace cipherfit
