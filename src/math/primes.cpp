#include "math/primes.h"

#include "cipherfit/base/error.h"
#include "math/wide.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace cipherfit {
namespace {

std::uint64_t multiply(std::uint64_t a, std::uint64_t b, std::uint64_t n) noexcept {
    return static_cast<std::uint64_t>(Wide{a} * b % n);
}

std::uint64_t power(std::uint64_t base, std::uint64_t exponent, std::uint64_t n) noexcept {
    std::uint64_t result = 1;
    for (; exponent != 0; exponent >>= 1U) {
        if ((exponent & 1U) != 0) {
            result = multiply(result, base, n);
        }
        base = multiply(base, base, n);
    }
    return result;
}

// The first twelve primes as Miller-Rabin witnesses decide every n below 3.3 * 10^24
// (Sorenson and Webster, Math. Comp. 86, 2017).
constexpr std::array<std::uint64_t, 12> witnesses = {2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37};

// The candidates on one side of 2^bits, nearest first.
class Side {
  public:
    Side(std::uint64_t first, std::int64_t step, std::uint64_t lowest, std::uint64_t highest)
        : candidate_(first), step_(step), lowest_(lowest), highest_(highest) {}

    // The next prime that is not in `taken`, or 0 when the side is exhausted.
    std::uint64_t next(const std::vector<std::uint64_t>& taken) {
        while (candidate_ >= lowest_ && candidate_ <= highest_) {
            const std::uint64_t candidate = candidate_;
            candidate_ += static_cast<std::uint64_t>(step_);
            if (is_prime(candidate) && std::ranges::find(taken, candidate) == taken.end()) {
                return candidate;
            }
        }
        return 0;
    }

  private:
    std::uint64_t candidate_;
    std::int64_t step_;
    std::uint64_t lowest_, highest_;
};

}  // namespace

bool is_prime(std::uint64_t n) noexcept {
    if (n < 2) {
        return false;
    }
    for (const std::uint64_t p : witnesses) {
        if (n % p == 0) {
            return n == p;
        }
    }
    std::uint64_t odd = n - 1;
    unsigned twos = 0;
    for (; (odd & 1U) == 0; odd >>= 1U) {
        ++twos;
    }
    return std::ranges::all_of(witnesses, [&](std::uint64_t witness) {
        std::uint64_t x = power(witness, odd, n);
        if (x == 1 || x == n - 1) {
            return true;
        }
        for (unsigned i = 1; i < twos; ++i) {
            x = multiply(x, x, n);
            if (x == n - 1) {
                return true;
            }
        }
        return false;
    });
}

std::vector<std::uint64_t> ntt_primes(unsigned log_n, unsigned bits, std::size_t count,
                                      const std::vector<std::uint64_t>& taken) {
    require(log_n >= 1 && log_n <= 17, ErrorCode::invalid_argument,
            "ntt_primes: log_n = {} is outside [1, 17]", log_n);
    require(bits >= 20 && bits <= 50, ErrorCode::invalid_argument,
            "ntt_primes: {} bits are outside [20, 50]", bits);
    const std::uint64_t centre = std::uint64_t{1} << bits;
    const std::uint64_t step = std::uint64_t{2} << log_n;
    const auto lowest = static_cast<std::uint64_t>(std::ceil(std::exp2(bits - 0.5)));
    const std::uint64_t highest =
        bits == 50 ? 0 : static_cast<std::uint64_t>(std::floor(std::exp2(bits + 0.5)));
    Side above(centre + 1, static_cast<std::int64_t>(step), 1, highest);
    Side below(centre + 1 - step, -static_cast<std::int64_t>(step), lowest, centre);

    std::vector<std::uint64_t> primes;
    primes.reserve(count);
    bool from_above = true;
    while (primes.size() < count) {
        std::uint64_t prime = from_above ? above.next(taken) : below.next(taken);
        if (prime == 0) {  // one side is exhausted: all others come from the other
            prime = from_above ? below.next(taken) : above.next(taken);
        }
        require(prime != 0, ErrorCode::invalid_argument,
                "ntt_primes: only {} of {} primes = 1 mod {} are within a factor of sqrt(2) of "
                "2^{}; use more bits or a smaller ring",
                primes.size(), count, step, bits);
        primes.push_back(prime);
        from_above = !from_above;
    }
    return primes;
}

}  // namespace cipherfit
