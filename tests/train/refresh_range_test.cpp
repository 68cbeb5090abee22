// What goes through bootstrappings and how large it is, against the encoder's polynomials.
#include "cipherfit/solver/owner/refresh_range.h"

#include "cipherfit/ckks/encoder.h"
#include "cipherfit/solver/owner/training_messages.h"
#include "rlwe/ring.h"
#include "solver/dual/owner/dual_twin.h"
#include "solver/primal/owner/primal_owner.h"
#include "support/errors.h"
#include "support/solvers.h"
#include "support/stable_step.h"
#include "support/training_run.h"
#include "train/refresh.h"

#include <cmath>
#include <complex>
#include <numbers>
#include <utility>

#include <nlohmann/json.hpp>

namespace cipherfit {
namespace {

using test::stable_step;
using test::throws;

struct RangeCase {
    const char* name;
    TrainingShape shape;
    Recipe recipe;
    std::string_view solver;
};

std::vector<RangeCase> range_cases() {
    const SigmoidPolynomial sigmoid = fit_sigmoid(3, 8);
    const Recipe momentum = standard_recipe(8, stable_step, sigmoid);
    const Recipe plain = standard_recipe(8, stable_step, sigmoid, Momentum::none);
    Recipe batches = plain;
    batches.batch = 8;
    return {{"momentum", {20, 9, 3}, momentum, "primal"},
            {"preset", {20, 9, 3}, chiang2023_recipe(8, 20), "primal"},
            {"several blocks", {50, 40, 4}, momentum, "primal"},
            {"no momentum, three blocks", {50, 300, 3}, plain, "primal"},
            {"groups of classes", {60, 20, 40}, momentum, "primal"},
            {"mini-batches", {20, 9, 3}, batches, "primal"},
            {"dual", {20, 9, 3}, momentum, "dual"},
            {"dual, no momentum", {20, 9, 3}, plain, "dual"}};
}

TrainingPlan plan_of(const RangeCase& c) {
    PlanOptions options;
    options.solver = c.solver;
    options.log_n = 10;
    options.memory_limit_bytes = 1e12;
    options.insecure_for_tests_only = true;
    options.refresh = PlanOptions::Refresh::always;
    return TrainingPlan::create(c.shape, c.recipe, options);
}

// The coefficients of the plaintext with these slots, of all N/2.
double encoded_coefficient(const TrainingPlan& plan, const std::vector<double>& real,
                           const std::vector<double>& imaginary, double factor) {
    constexpr double scale = 0x1p36;
    std::vector<std::complex<double>> slots(plan.parameters().slots());
    for (std::size_t j = 0; j < slots.size(); ++j) {
        slots[j] = {real[j], imaginary.empty() ? 0.0 : factor * imaginary[j]};
    }
    const Plaintext plaintext = Encoder(plan.parameters()).encode(slots, 0, scale);
    const Ring& ring = plan.parameters().ring();
    RnsPoly poly = plaintext.poly().copy(1);
    ring.inverse(poly.limb(0), 0);
    double largest = 0;
    for (std::size_t k = 0; k < ring.n(); ++k) {
        const auto value = static_cast<double>(centred(poly.limb(0)[k], ring.modulus(0)));
        largest = std::max(largest, std::abs(value) / scale);
    }
    return largest;
}

std::vector<std::vector<double>> packed(const TrainingPlan& plan, const PreparedData& data,
                                        const RowMatrix& state) {
    if (plan.solver().name() == "primal") {
        return pack_states(plan, state);
    }
    const RowMatrix logits = gram_matrix(data) * state;
    return {dual_solver(plan).layout().pack_values(
        {logits.data(), plan.shape().samples, plan.shape().heads})};
}

TEST(RefreshRange, IsTheLargestCoefficientOfWhatTheServerJoins) {
    for (const RangeCase& c : range_cases()) {
        SCOPED_TRACE(c.name);
        const PreparedData data = test::synthetic_data(c.shape, c.recipe, 5);
        const TrainingPlan plan = plan_of(c);
        ASSERT_GE(plan.refresh_count(), 1U);
        double expected = 0;
        const bool momentum = has_momentum(c.recipe);
        const auto see = [&](int t, const RowMatrix& main, const RowMatrix& extrapolated) {
            const auto next = static_cast<std::size_t>(t) + 1;
            if (next == plan.levels().size() ? c.solver == "dual" : !plan.levels()[next].refresh) {
                return;
            }
            const auto first = packed(plan, data, main);
            const auto second = packed(plan, data, extrapolated);
            // U is read at the scale of M, where no mask has brought both to one.
            const double factor =
                c.solver == "primal" ? 1 / (1 - c.recipe.etas[static_cast<std::size_t>(t)]) : 1.0;
            for (std::size_t b = 0; b < first.size(); b += momentum ? 1 : 2) {
                const bool alone = !momentum && b + 1 == first.size();
                const std::vector<double> other = alone      ? std::vector<double>{}
                                                  : momentum ? second[b]
                                                             : first[b + 1];
                expected = std::max(
                    expected, encoded_coefficient(plan, first[b], other, momentum ? factor : 1.0));
            }
        };
        if (c.solver == "primal") {
            run_twin(data, c.recipe, nullptr,
                     [&](const TwinIteration& at) { see(at.iteration, at.main, at.extrapolated); });
        } else {
            run_dual_twin(data, c.recipe, nullptr, see);
        }
        // A coefficient is rounded by half a unit, and the doubles of both ways are off by far
        // less.
        EXPECT_NEAR(largest_refreshed_coefficient(plan, data), expected, 0.6 / 0x1p36);
        EXPECT_GT(expected, 0x1p-20);
    }
}

TEST(RefreshRange, PlansTakeThePowerOfTwoAboveIt) {
    for (const RangeCase& c : range_cases()) {
        SCOPED_TRACE(c.name);
        const TrainingPlan plan = plan_of(c);
        for (const double coefficient : {0.0, 0x1p-10, 0.1, 0.79, 0.81, 3.0, 100.0}) {
            SCOPED_TRACE(coefficient);
            const TrainingPlan fitted = plan.with_refresh_range(coefficient);
            const RefreshPlan& refresh = fitted.refresh().value();
            EXPECT_EQ(fitted.models_every(), plan.models_every());
            EXPECT_GE(refresh.range(), 1.25 * coefficient);
            EXPECT_TRUE(refresh.range() < 2.5 * coefficient || refresh.range_bits == -20);
            // There is room at the lowest level, and pairs come out at the states' scale, blocks
            // that were together having gained as many times that.
            EXPECT_LE(fitted.state_scale() * refresh.range(), refresh.bootstrap.largest_message());
            const std::size_t period = fitted.solver().state_period();
            const double together = static_cast<double>(refresh.bootstrap.slots() / period);
            EXPECT_EQ(std::log2(refresh.bootstrap.output_scale()),
                      std::clamp(static_cast<int>(fitted.state_bits()) + refresh.range_bits - 1 -
                                     static_cast<int>(std::log2(together)),
                                 24, 48));
            const auto again = TrainingPlan::from_json(fitted.to_json());
            ASSERT_TRUE(again.has_value()) << again.error().message;
            EXPECT_EQ(again->refresh()->bootstrap.output_scale(), refresh.bootstrap.output_scale());
            EXPECT_EQ(again->hash(), fitted.hash());
        }
        EXPECT_TRUE(throws(ErrorCode::invalid_argument, {"nan"},
                           [&] { static_cast<void>(plan.with_refresh_range(std::nan(""))); }));
    }
}

// Against the arcsine's interpolation at Chebyshev's nodes, by Lagrange's formula.
TEST(RefreshLoss, IsWhatTheInterpolatedArcsineLacks) {
    for (const auto& [fine, nodes] : {std::pair{true, 8}, {false, 4}}) {
        const BootstrapLiteral literal = refresh_literal(10, 6, 4, fine, true);
        const BootstrapPlan plan = BootstrapPlan::create(literal);
        ASSERT_EQ(literal.arcsine_degree + 1, static_cast<std::size_t>(nodes));
        const double most =
            std::sin(2 * std::numbers::pi * std::exp2(-static_cast<double>(literal.ratio_bits)));
        const auto node = [&](int k) {
            return most * std::cos(std::numbers::pi * (k + 0.5) / nodes);
        };
        const auto interpolated = [&](double s) {
            double sum = 0;
            for (int k = 0; k < nodes; ++k) {
                double term = std::asin(node(k));
                for (int j = 0; j < nodes; ++j) {
                    term *= j == k ? 1.0 : (s - node(j)) / (node(k) - node(j));
                }
                sum += term;
            }
            return sum;
        };
        const double loss = refresh_loss(plan);
        const double small = 1e-3 * most;
        const double lacks = 1 - interpolated(small) / std::asin(small);
        EXPECT_GT(loss, lacks) << nodes;
        EXPECT_LT(loss, 1.2 * lacks) << nodes;
        for (double s = 0.01; s <= 1; s += 0.01) {
            const double error = interpolated(s * most) - std::asin(s * most);
            EXPECT_LE(std::abs(error), 1.1 * loss * std::asin(s * most)) << nodes << " " << s;
        }
    }
}

}  // namespace
}  // namespace cipherfit
