#include "ckks/polynomial_plan.h"

#include "cipherfit/base/error.h"
#include "math/chebyshev.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <span>
#include <utility>

namespace cipherfit {
namespace {

constexpr std::size_t highest_degree = 1023;

// A relinearisation costs about as much as six products (bench/bench_ckks measures both).
constexpr std::size_t relinearization_weight = 6;

// ceil(log2 k), k >= 1.
std::size_t ceil_log2(std::size_t k) noexcept {
    return static_cast<std::size_t>(std::bit_width(k - 1));
}

std::size_t degree_of(std::span<const double> coefficients) noexcept {
    std::size_t size = coefficients.size();
    while (size > 1 && coefficients[size - 1] == 0) {
        --size;
    }
    return size == 0 ? 0 : size - 1;
}

void check(const Polynomial& polynomial) {
    const std::size_t degree = polynomial.degree();
    require(degree >= 1 && degree <= highest_degree, ErrorCode::invalid_argument,
            "a polynomial of a ciphertext has degree 1 to {}, got {}", highest_degree, degree);
    for (std::size_t k = 0; k <= degree; ++k) {
        require(std::isfinite(polynomial.coefficients[k]), ErrorCode::invalid_argument,
                "coefficient {} of the polynomial is {}", k, polynomial.coefficients[k]);
    }
    require(polynomial.basis == PolynomialBasis::monomial ||
                (std::isfinite(polynomial.a) && std::isfinite(polynomial.b) &&
                 polynomial.a < polynomial.b),
            ErrorCode::invalid_argument,
            "a Chebyshev polynomial needs an interval with a < b, got [{}, {}]", polynomial.a,
            polynomial.b);
}

class Planner {
  public:
    // Powers up to `babies` (a power of two) are combined directly.
    Planner(PolynomialBasis basis, std::size_t babies) : basis_(basis), babies_(babies) {}

    PolynomialPlan plan(std::span<const double> coefficients) {
        const std::size_t degree = degree_of(coefficients);
        plan_.depth = ceil_log2(degree + 1);
        plan_.sum =
            build({coefficients.begin(), coefficients.begin() + degree + 1}, plan_.depth - 1);
        for (const std::size_t k : plan_.powers) {
            if (k > 1) {
                ++plan_.products;
                ++plan_.relinearizations;
            }
        }
        return std::move(plan_);
    }

  private:
    // p as a sum that is rescaled at `depth` levels below x: only powers up to 2^depth are there.
    // Invariant: deg p < 2^(depth + 1), and so the quotient fits one level earlier.
    PolynomialSum build(std::vector<double> p, std::size_t depth) {
        PolynomialSum sum;
        std::size_t degree = degree_of(p);
        while (degree > std::min(babies_, std::size_t{1} << depth)) {
            const std::size_t giant = std::bit_floor(degree);
            if (giant == degree) {
                add_term(sum, degree, p[degree]);
                p.resize(degree);
            } else {
                p.resize(degree + 1);
                PolynomialDivision parts = divide(p, giant);
                sum.products.push_back({build(std::move(parts.quotient), depth - 1), giant});
                ++plan_.products;
                need(giant);
                p = std::move(parts.remainder);
            }
            degree = degree_of(p);
        }
        for (std::size_t k = 1; k <= degree; ++k) {
            if (p[k] != 0) {
                add_term(sum, k, p[k]);
            }
        }
        sum.constant = p[0];
        plan_.relinearizations += sum.products.empty() ? 0 : 1;
        return sum;
    }

    PolynomialDivision divide(std::span<const double> p, std::size_t g) const {
        if (basis_ == PolynomialBasis::chebyshev) {
            return divide_chebyshev(p, g);
        }
        return {.quotient = {p.begin() + g, p.end()}, .remainder = {p.begin(), p.begin() + g}};
    }

    void add_term(PolynomialSum& sum, std::size_t k, double coefficient) {
        sum.terms.push_back({k, coefficient});
        need(k);
    }

    void need(std::size_t k) {
        if (k == 0 || !plan_.powers.insert(k).second || k == 1) {
            return;
        }
        const PowerSplit split = split_power(k);
        need(split.high);
        need(split.low);
        if (basis_ == PolynomialBasis::chebyshev) {
            need(split.difference);
        }
    }

    PolynomialBasis basis_;
    std::size_t babies_;
    PolynomialPlan plan_;
};

}  // namespace

PowerSplit split_power(std::size_t k) noexcept {
    const std::size_t high = std::has_single_bit(k) ? k / 2 : std::bit_floor(k);
    return {high, k - high, 2 * high - k};
}

PolynomialPlan plan_polynomial(const Polynomial& polynomial) {
    check(polynomial);
    const auto weight = [](const PolynomialPlan& plan) {
        return relinearization_weight * plan.relinearizations + plan.products;
    };
    const auto plan_with = [&](std::size_t babies) {
        return Planner(polynomial.basis, babies).plan(polynomial.coefficients);
    };
    PolynomialPlan best = plan_with(1);
    for (std::size_t babies = 2; babies <= std::bit_ceil(polynomial.degree()); babies *= 2) {
        PolynomialPlan plan = plan_with(babies);
        if (weight(plan) < weight(best)) {
            best = std::move(plan);
        }
    }
    return best;
}

}  // namespace cipherfit
