#include "cipherfit/train/sigmoid.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numbers>

#include <nlohmann/json.hpp>

namespace cipherfit {
namespace {

double logistic(double z) {
    return 1.0 / (1.0 + std::exp(-z));
}

// A polynomial of degree at most three, lowest coefficient first.
using Cubic = std::array<double, 4>;

double evaluate(const Cubic& p, double w) {
    return p[0] + w * (p[1] + w * (p[2] + w * p[3]));
}

// The positive roots of a + b w + c w^2, ascending.
std::vector<double> positive_quadratic_roots(double a, double b, double c) {
    std::vector<double> roots;
    if (c == 0.0) {
        if (b != 0.0) {
            roots.push_back(-a / b);
        }
    } else if (const double discriminant = b * b - 4.0 * a * c; discriminant >= 0.0) {
        // The form that does not cancel.
        const double q = -0.5 * (b + std::copysign(std::sqrt(discriminant), b));
        roots.push_back(q / c);
        if (q != 0.0) {
            roots.push_back(a / q);
        }
    }
    std::erase_if(roots, [](double root) { return !(root > 0.0 && std::isfinite(root)); });
    std::sort(roots.begin(), roots.end());
    return roots;
}

// The root of p in [low, high], where p(low) >= 0 > p(high).
double bisect(const Cubic& p, double low, double high) {
    for (int i = 0; i < 200 && low < high; ++i) {
        const double middle = 0.5 * (low + high);
        if (middle <= low || middle >= high) {
            break;
        }
        (evaluate(p, middle) >= 0.0 ? low : high) = middle;
    }
    return low;
}

}  // namespace

double SigmoidPolynomial::operator()(double z) const noexcept {
    const double w = z * z;
    double sum = 0.0;
    for (std::size_t k = odd.size(); k-- > 0;) {
        sum = sum * w + odd[k];
    }
    return 0.5 + z * sum;
}

double SigmoidPolynomial::derivative(double z) const noexcept {
    const double w = z * z;
    double sum = 0.0;
    for (std::size_t k = odd.size(); k-- > 0;) {
        sum = sum * w + static_cast<double>(2 * k + 1) * odd[k];
    }
    return sum;
}

double SigmoidPolynomial::turning_point() const {
    // s'(z) is a cubic in w = z^2; between the positive critical points of that cubic it is
    // monotone.
    Cubic p{};
    for (std::size_t k = 0; k < odd.size() && k < p.size(); ++k) {
        p[k] = static_cast<double>(2 * k + 1) * odd[k];
    }
    double low = 0.0;
    for (const double critical : positive_quadratic_roots(p[1], 2.0 * p[2], 3.0 * p[3])) {
        if (evaluate(p, critical) < 0.0) {
            return std::sqrt(bisect(p, low, critical));
        }
        low = critical;
    }
    // Beyond the last critical point the leading term decides.
    const auto leading = std::find_if(p.rbegin(), p.rend(), [](double c) { return c != 0.0; });
    if (leading == p.rend() || *leading > 0.0) {
        return std::numeric_limits<double>::infinity();
    }
    double high = std::max(1.0, 2.0 * low);
    while (std::isfinite(high) && evaluate(p, high) >= 0.0) {
        high *= 2.0;
    }
    return std::isfinite(high) ? std::sqrt(bisect(p, low, high)) : high;
}

double SigmoidPolynomial::largest_error() const {
    constexpr int points = 4096;
    double largest = 0.0;
    for (int i = 0; i <= points; ++i) {
        const double z = range * i / points;
        largest = std::max(largest, std::abs((*this)(z)-logistic(z)));
    }
    return largest;
}

SigmoidPolynomial fit_sigmoid(int degree, double range) {
    require(degree == 1 || degree == 3 || degree == 5 || degree == 7, ErrorCode::invalid_argument,
            "sigmoid degree {} is not available; choose 1, 3, 5 or 7", degree);
    require(range > 0.0 && range <= 64.0, ErrorCode::invalid_argument,
            "sigmoid range {} is outside (0, 64]", range);
    // At the nodes cos((i + 1/2) pi / N) the Chebyshev polynomials of degree below N are
    // orthogonal, so that each coefficient of the least-squares fit is one inner product.
    constexpr int nodes = 256;
    std::array<double, 4> b{};  // coefficients of T1, T3, T5, T7
    const std::size_t terms = static_cast<std::size_t>(degree + 1) / 2;
    for (int i = 0; i < nodes; ++i) {
        const double theta = std::numbers::pi * (i + 0.5) / nodes;
        const double value = logistic(range * std::cos(theta)) - 0.5;
        for (std::size_t k = 0; k < terms; ++k) {
            b[k] += 2.0 / nodes * value * std::cos(static_cast<double>(2 * k + 1) * theta);
        }
    }
    // T3 = 4u^3 - 3u, T5 = 16u^5 - 20u^3 + 5u, T7 = 64u^7 - 112u^5 + 56u^3 - 7u.
    const std::array<double, 4> u{b[0] - 3.0 * b[1] + 5.0 * b[2] - 7.0 * b[3],
                                  4.0 * b[1] - 20.0 * b[2] + 56.0 * b[3],
                                  16.0 * b[2] - 112.0 * b[3], 64.0 * b[3]};
    SigmoidPolynomial fit;
    fit.range = range;
    double power = range;
    for (std::size_t k = 0; k < terms; ++k) {
        fit.odd.push_back(u[k] / power);
        power *= range * range;
    }
    return fit;
}

SigmoidPolynomial chiang2023_sigmoid() {
    SigmoidPolynomial sigmoid;
    sigmoid.odd = {0.10679534503216294, -0.00038503259805075};
    sigmoid.range = sigmoid.turning_point();
    return sigmoid;
}

Expected<void> check(const SigmoidPolynomial& sigmoid) {
    if (sigmoid.odd.empty() || sigmoid.odd.size() > 4) {
        return make_error(ErrorCode::invalid_argument,
                          "a sigmoid polynomial has 1 to 4 odd coefficients, not {}",
                          sigmoid.odd.size());
    }
    for (const double c : sigmoid.odd) {
        if (!std::isfinite(c)) {
            return make_error(ErrorCode::invalid_argument,
                              "a sigmoid coefficient is {}; all must be finite", c);
        }
    }
    if (!(sigmoid.odd.front() > 0.0)) {
        return make_error(ErrorCode::invalid_argument,
                          "the sigmoid's slope at zero is {}; it must be positive",
                          sigmoid.odd.front());
    }
    if (!(sigmoid.range > 0.0 && std::isfinite(sigmoid.range))) {
        return make_error(ErrorCode::invalid_argument,
                          "the sigmoid's range is {}; it must be positive and finite",
                          sigmoid.range);
    }
    return {};
}

nlohmann::json to_json(const SigmoidPolynomial& sigmoid) {
    return {{"odd", sigmoid.odd}, {"range", sigmoid.range}};
}

Expected<SigmoidPolynomial> sigmoid_from_json(const nlohmann::json& json) {
    const auto malformed = [](const char* what) {
        return make_error(ErrorCode::corrupt_data, "the sigmoid's JSON {}", what);
    };
    if (!json.is_object()) {
        return malformed("is not an object");
    }
    const auto odd = json.find("odd");
    const auto range = json.find("range");
    if (odd == json.end() || !odd->is_array() || odd->size() > 4) {
        return malformed("has no array \"odd\" of at most 4 numbers");
    }
    if (range == json.end() || !range->is_number()) {
        return malformed("has no number \"range\"");
    }
    SigmoidPolynomial sigmoid;
    for (const auto& c : *odd) {
        if (!c.is_number()) {
            return malformed("has a coefficient that is not a number");
        }
        sigmoid.odd.push_back(c.get<double>());
    }
    sigmoid.range = range->get<double>();
    if (const auto usable = check(sigmoid); !usable) {
        return make_error(ErrorCode::corrupt_data, "{}", usable.error().message);
    }
    return sigmoid;
}

}  // namespace cipherfit
