#include "cipherfit/ckks/polynomial.h"

#include "cipherfit/base/error.h"
#include "ckks/polynomial_plan.h"
#include "math/chebyshev.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <utility>

namespace cipherfit {
namespace {

// How far, in bits, the scale of a power may drift from that of x.
constexpr double largest_drift = 6.0;

// Size 3 is relinearised on the way.
Ciphertext rescale_any(const Evaluator& evaluator, const Ciphertext& a) {
    return a.size() == 3 ? evaluator.relinearize_rescale(a) : evaluator.rescale(a);
}

class PolynomialEvaluation {
  public:
    PolynomialEvaluation(const Evaluator& evaluator, const Polynomial& polynomial,
                         const PolynomialPlan& plan, const Ciphertext& x)
        : evaluator_(evaluator), chebyshev_(polynomial.basis == PolynomialBasis::chebyshev) {
        powers_.emplace(1, variable(evaluator, polynomial, x));
        for (const std::size_t k : plan.powers) {
            if (k > 1) {
                powers_.emplace(k, make_power(k));
            }
        }
    }

    // The sum at exactly that level and scale, to be rescaled; size 3 where it has products.
    Ciphertext evaluate(const PolynomialSum& sum, std::size_t level, double scale) const {
        std::vector<Ciphertext> quotients;
        std::vector<Product> products;
        quotients.reserve(sum.products.size());
        for (const auto& [quotient, giant] : sum.products) {
            const Ciphertext& power = powers_.at(giant);
            // The scale after the quotient's rescaling is what completes `scale`.
            const double before = scale / power.scale() * evaluator_.rescale_divisor(level + 1);
            quotients.push_back(rescale_any(evaluator_, evaluate(quotient, level + 1, before)));
            products.push_back({&quotients.back(), &power});
        }
        std::vector<ScaledTerm> terms;
        terms.reserve(sum.terms.size());
        for (const auto& [power, coefficient] : sum.terms) {
            terms.push_back({&powers_.at(power), coefficient});
        }
        if (products.empty()) {
            return evaluator_.combination(terms, sum.constant, scale, level);
        }
        Ciphertext result = evaluator_.sum_of_products(products);
        evaluator_.add_combination_inplace(result, terms, sum.constant);
        return result;
    }

  private:
    // x, or y = 2 / (b - a) x - (a + b) / (b - a): the factor goes into the scale.
    static Ciphertext variable(const Evaluator& evaluator, const Polynomial& polynomial,
                               const Ciphertext& x) {
        if (polynomial.basis == PolynomialBasis::monomial) {
            return x.copy();
        }
        const double width = polynomial.b - polynomial.a;
        return evaluator.add_scalar(x.copy().with_factor(2.0 / width),
                                    -(polynomial.a + polynomial.b) / width);
    }

    Ciphertext make_power(std::size_t k) const {
        const PowerSplit split = split_power(k);
        const Ciphertext& high = powers_.at(split.high);
        const Ciphertext& low = powers_.at(split.low);
        Ciphertext product;
        if (chebyshev_) {
            // The same product twice: 2 T_high T_low in one pass.
            const std::array<Product, 2> twice{Product{&high, &low}, Product{&high, &low}};
            product = evaluator_.sum_of_products(twice);
            // T_0 = 1.
            std::vector<ScaledTerm> subtracted;
            if (split.difference != 0) {
                subtracted.push_back({&powers_.at(split.difference), -1.0});
            }
            evaluator_.add_combination_inplace(product, subtracted,
                                               split.difference == 0 ? -1.0 : 0.0);
        } else {
            product = evaluator_.multiply(high, low);
        }
        Ciphertext power = evaluator_.relinearize_rescale(product);
        const double drift = std::log2(power.scale() / powers_.at(1).scale());
        require(std::abs(drift) <= largest_drift, ErrorCode::scale_mismatch,
                "the scale drifts from 2^{:.3f} to 2^{:.3f} at power {} of the polynomial's "
                "variable, since it is not near the primes: bring x to natural_scale() with "
                "with_scale(), or encrypt it there",
                std::log2(powers_.at(1).scale()), std::log2(power.scale()), k);
        return power;
    }

    const Evaluator& evaluator_;
    bool chebyshev_;
    std::map<std::size_t, Ciphertext> powers_;
};

// (b - a) / 2 in the Chebyshev basis, else 1: what divides x.
double half_width(const Polynomial& polynomial) {
    return polynomial.basis == PolynomialBasis::chebyshev ? 0.5 * (polynomial.b - polynomial.a)
                                                          : 1.0;
}

void check_levels(std::size_t degree, std::size_t depth, std::size_t level) {
    require(level >= depth, ErrorCode::level_exhausted,
            "a polynomial of degree {} needs {} levels, {} are left: lower the degree or plan for "
            "more levels",
            degree, depth, level);
}

}  // namespace

std::size_t Polynomial::degree() const noexcept {
    std::size_t size = coefficients.size();
    while (size > 1 && coefficients[size - 1] == 0) {
        --size;
    }
    return size == 0 ? 0 : size - 1;
}

double Polynomial::operator()(double x) const noexcept {
    if (basis == PolynomialBasis::chebyshev) {
        return evaluate_chebyshev(coefficients, (2.0 * x - a - b) / (b - a));
    }
    double sum = 0;
    for (std::size_t k = coefficients.size(); k-- > 0;) {
        sum = sum * x + coefficients[k];
    }
    return sum;
}

Polynomial chebyshev_fit(const std::function<double(double)>& function, double a, double b,
                         std::size_t degree) {
    require(degree >= 1 && degree <= 1023, ErrorCode::invalid_argument,
            "a polynomial of a ciphertext has degree 1 to 1023, got {}", degree);
    return {.basis = PolynomialBasis::chebyshev,
            .coefficients = chebyshev_coefficients(function, a, b, degree),
            .a = a,
            .b = b};
}

std::size_t polynomial_depth(const Polynomial& polynomial) {
    return plan_polynomial(polynomial).depth;
}

std::size_t polynomial_relinearizations(const Polynomial& polynomial) {
    return plan_polynomial(polynomial).relinearizations;
}

KeyRequest polynomial_keys(const Polynomial& polynomial, std::size_t level) {
    const PolynomialPlan plan = plan_polynomial(polynomial);
    check_levels(polynomial.degree(), plan.depth, level);
    KeyRequest request;
    if (plan.relinearizations > 0) {
        request.relinearization(level);
    }
    return request;
}

double natural_scale(const Parameters& parameters, const Polynomial& polynomial,
                     std::size_t level) {
    const std::size_t depth = plan_polynomial(polynomial).depth;
    check_levels(polynomial.degree(), depth, level);
    require(level <= parameters.max_level(), ErrorCode::invalid_argument,
            "there is no level {}: the highest is {}", level, parameters.max_level());
    // Squaring at a level maps the scale s to s^2 / q. Going backwards from the last square halves
    // every deviation, where going forwards would double it.
    const std::size_t last = level - depth + 1;
    auto scale = static_cast<double>(parameters.q(last));
    for (std::size_t l = last + 1; l <= level; ++l) {
        scale = std::sqrt(scale * static_cast<double>(parameters.q(l)));
    }
    return scale / half_width(polynomial);
}

Ciphertext with_scale(const Evaluator& evaluator, const Ciphertext& x, double scale) {
    const double before = scale * evaluator.rescale_divisor(x.level());
    return evaluator.rescale(evaluator.multiply_scalar(x, 1.0, before, x.level()));
}

Ciphertext evaluate_polynomial(const Evaluator& evaluator, const Polynomial& polynomial,
                               const Ciphertext& x, double target) {
    const PolynomialPlan plan = plan_polynomial(polynomial);
    check_levels(polynomial.degree(), plan.depth, x.level());
    require(std::isfinite(target) && target > 0, ErrorCode::invalid_argument,
            "a scale must be positive and finite, got {}", target);
    const std::size_t last = x.level() - plan.depth + 1;
    const PolynomialEvaluation evaluation(evaluator, polynomial, plan, x);
    return rescale_any(
        evaluator, evaluation.evaluate(plan.sum, last, target * evaluator.rescale_divisor(last)));
}

}  // namespace cipherfit
