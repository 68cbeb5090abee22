#include "cipherfit/solver/joint/recurrence.h"

#include "cipherfit/base/error.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numbers>
#include <optional>

namespace cipherfit {
namespace {

constexpr int most_iterations = 64;
// Points for each degree of a polynomial: its maximum is at most 1 / cos(pi / (2 x points)) times
// that over the points (Ehlich and Zeller, Mathematische Zeitschrift 1964).
constexpr int points_per_degree = 32;

// How a scalar goes through the recurrence at the eigenvalue x, with an error of 1 in `b`, or in
// the product or the state of one iteration.
struct Injection {
    bool moments = false;
    std::optional<std::size_t> product = {};
    std::optional<std::size_t> state = {};
};

std::vector<double> respond(const std::vector<JointStep>& steps, double x, const Injection& in) {
    std::vector<double> states;
    double value = 0;
    double before = 0;
    for (std::size_t t = 0; t < steps.size(); ++t) {
        const double residual =
            (in.moments ? 1.0 : 0.0) - x * value - (in.product == t ? 1.0 : 0.0);
        const double next = steps[t].next(value, before, residual) + (in.state == t ? 1.0 : 0.0);
        before = value;
        value = next;
        states.push_back(value);
    }
    return states;
}

}  // namespace

std::vector<JointStep> chebyshev_steps(int iterations, double lambda, double lowest) {
    require(iterations >= 2 && iterations <= most_iterations, ErrorCode::invalid_argument,
            "joint training takes 2 to {} iterations, got {}", most_iterations, iterations);
    require(lambda > 0 && lambda <= lowest && lowest < 1, ErrorCode::invalid_argument,
            "a ridge of {} and a lowest eigenvalue of {} do not fit: 0 < ridge <= lowest < 1",
            lambda, lowest);
    const double centre = (1 + lambda + lowest) / 2;
    const double radius = (1 + lambda - lowest) / 2;
    const double ratio = radius * radius / (centre * centre);
    std::vector<JointStep> steps;
    double weight = 1;
    for (int t = 0; t < iterations; ++t) {
        if (t == 1) {
            weight = 1 / (1 - ratio / 2);
        } else if (t > 1) {
            weight = 1 / (1 - ratio * weight / 4);
        }
        const double update = weight / centre;
        steps.push_back({weight - update * lambda, 1 - weight, update});
    }
    return steps;
}

JointGains joint_gains(const std::vector<JointStep>& steps) {
    const std::size_t count = steps.size();
    JointGains gains{std::vector<double>(count), std::vector<double>(count), 0,
                     std::vector<double>(count)};
    // Enough points for the largest degree, that of x p(x)^2.
    const std::size_t points = points_per_degree * 2 * (count + 1);
    // Eigenvalues are bounded by a sum that is rounded: a little above 1.
    constexpr double highest = 1 + 0x1p-20;
    for (std::size_t k = 0; k < points; ++k) {
        const double angle =
            std::numbers::pi * (static_cast<double>(k) + 0.5) / static_cast<double>(points);
        const double x = highest * (1 + std::cos(angle)) / 2;
        const auto raise = [](double& most, double value) {
            most = std::max(most, std::abs(value));
        };
        const std::vector<double> model = respond(steps, x, {.moments = true});
        raise(gains.moments, model.back());
        for (std::size_t t = 0; t < count; ++t) {
            raise(gains.model[t], std::sqrt(x) * model[t]);
            raise(gains.state[t], respond(steps, x, {.state = t}).back());
            if (t > 0) {
                raise(gains.product[t], respond(steps, x, {.product = t}).back());
            }
        }
    }
    const double between = 1 / std::cos(std::numbers::pi / (2 * points_per_degree));
    gains.moments *= between;
    for (std::size_t t = 0; t < count; ++t) {
        gains.product[t] *= between;
        gains.state[t] *= between;
        gains.model[t] *= between;
    }
    return gains;
}

}  // namespace cipherfit
