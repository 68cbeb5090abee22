#include "cipherfit/rlwe/parameters.h"

#include "math/primes.h"
#include "rlwe/ring.h"

#include <algorithm>
#include <cmath>
#include <set>

namespace cipherfit {
namespace {

constexpr unsigned smallest_log_n = 12;
constexpr unsigned smallest_test_log_n = 5;
constexpr unsigned largest_log_n = 17;
constexpr std::size_t most_primes = 128;
constexpr std::size_t most_conversion_sources = 64;  // the bound of KernelTable::convert_base

double log2_product(std::span<const std::uint64_t> primes) {
    double sum = 0;
    for (const std::uint64_t prime : primes) {
        sum += std::log2(static_cast<double>(prime));
    }
    return sum;
}

// Every rule that does not need the primes' arithmetic.
void check_sizes(unsigned log_n, std::size_t q_count, std::size_t p_count, unsigned digits,
                 bool insecure) {
    const unsigned smallest = insecure ? smallest_test_log_n : smallest_log_n;
    require(log_n >= smallest && log_n <= largest_log_n, ErrorCode::invalid_argument,
            "log_n must be {} to {}, got {}", smallest, largest_log_n, log_n);
    require(q_count >= 1 && p_count >= 1 && q_count + p_count <= most_primes,
            ErrorCode::invalid_argument,
            "need at least one q and one special prime and at most {} in all, got {} and {}",
            most_primes, q_count, p_count);
    require(digits >= 1 && digits <= q_count, ErrorCode::invalid_argument,
            "digits must be 1 to the number of q's ({}), got {}", q_count, digits);
    const std::size_t digit_size = (q_count + digits - 1) / digits;
    require(digit_size <= most_conversion_sources && p_count < most_conversion_sources,
            ErrorCode::invalid_argument,
            "a digit and the special primes may have at most {} primes, got {} and {}",
            most_conversion_sources - 1, digit_size, p_count);
}

void check_primes(const ParametersPrimes& primes, std::size_t digit_size) {
    std::set<std::uint64_t> seen;
    for (const auto* list : {&primes.q, &primes.p}) {
        for (const std::uint64_t prime : *list) {
            const bool fits = prime < (std::uint64_t{1} << max_modulus_bits) &&
                              (prime & ((std::uint64_t{2} << primes.log_n) - 1)) == 1;
            require(fits && is_prime(prime) && seen.insert(prime).second,
                    ErrorCode::invalid_argument,
                    "{} must be a prime below 2^{}, equal to 1 modulo 2^{}, and given once", prime,
                    max_modulus_bits, primes.log_n + 1);
        }
    }
    const double log_p = log2_product(primes.p);
    for (std::size_t first = 0; first < primes.q.size(); first += digit_size) {
        const std::size_t count = std::min(digit_size, primes.q.size() - first);
        const double log_digit = log2_product(std::span(primes.q).subspan(first, count));
        require(log_p >= log_digit, ErrorCode::invalid_argument,
                "the special primes' product (2^{:.2f}) must cover the largest digit (2^{:.2f}): "
                "add special primes or use more digits",
                log_p, log_digit);
    }
}

void append(std::vector<std::uint8_t>& bytes, std::uint64_t value) {
    for (unsigned i = 0; i < 8; ++i) {
        bytes.push_back(static_cast<std::uint8_t>(value >> (8U * i)));
    }
}

}  // namespace

struct Parameters::Data {
    ParametersPrimes primes;
    std::size_t digit_size;
    Digest fingerprint;
};

Parameters::Parameters(std::shared_ptr<const Data> data, std::shared_ptr<const Ring> ring)
    : data_(std::move(data)), ring_(std::move(ring)) {}

Parameters Parameters::create(const ParametersLiteral& literal) {
    check_sizes(literal.log_n, literal.q_bits.size(), literal.p_bits.size(), literal.digits,
                literal.insecure_for_tests_only);
    ParametersPrimes primes{.log_n = literal.log_n,
                            .q = {},
                            .p = {},
                            .digits = literal.digits,
                            .insecure_for_tests_only = literal.insecure_for_tests_only};
    std::vector<std::uint64_t> taken;
    // Primes of one size are drawn together, so that the ones nearest to the power of two are used.
    const auto draw = [&](const std::vector<unsigned>& bits, std::vector<std::uint64_t>& out) {
        out.resize(bits.size());
        for (const unsigned size : std::set<unsigned>(bits.begin(), bits.end())) {
            const auto count = static_cast<std::size_t>(std::count(bits.begin(), bits.end(), size));
            const auto drawn = ntt_primes(literal.log_n, size, count, taken);
            taken.insert(taken.end(), drawn.begin(), drawn.end());
            auto next = drawn.begin();
            for (std::size_t i = 0; i < bits.size(); ++i) {
                if (bits[i] == size) {
                    out[i] = *next++;
                }
            }
        }
    };
    draw(literal.q_bits, primes.q);
    draw(literal.p_bits, primes.p);
    return create(primes);
}

Parameters Parameters::create(const ParametersPrimes& primes) {
    check_sizes(primes.log_n, primes.q.size(), primes.p.size(), primes.digits,
                primes.insecure_for_tests_only);
    const std::size_t digit_size = (primes.q.size() + primes.digits - 1) / primes.digits;
    check_primes(primes, digit_size);
    if (!primes.insecure_for_tests_only) {
        const double log_qp = log2_product(primes.q) + log2_product(primes.p);
        const double largest = largest_secure_log_qp(primes.log_n);
        require(log_qp <= largest, ErrorCode::insecure_parameters,
                "log2(QP) = {:.2f} is above {:.0f}, the limit for 128-bit security at log_n = {} "
                "(ePrint 2024/463): use fewer or smaller primes, or a larger ring",
                log_qp, largest, primes.log_n);
    }
    auto data = std::make_shared<Data>(Data{primes, digit_size, {}});
    auto ring = Ring::create(primes.log_n, primes.q, primes.p, digit_size);
    Parameters result(data, std::move(ring));
    data->fingerprint = sha256(result.to_bytes());
    return result;
}

Expected<Parameters> Parameters::from_bytes(std::span<const std::uint8_t> bytes) {
    const auto malformed = [](const char* why) {
        return make_error(ErrorCode::corrupt_data,
                          "the parameters are damaged ({}): ask for the file again", why);
    };
    if (bytes.size() % 8 != 0 || bytes.size() < 40) {
        return malformed("wrong length");
    }
    std::vector<std::uint64_t> words(bytes.size() / 8);
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        words[i / 8] |= std::uint64_t{bytes[i]} << (8U * (i % 8));
    }
    const std::size_t q_count = words[3];
    const std::size_t p_count = words[4];
    if (words[0] > largest_log_n || words[1] > most_primes || words[2] > 1 ||
        q_count > most_primes || p_count > most_primes || words.size() != 5 + q_count + p_count) {
        return malformed("sizes out of range");
    }
    ParametersPrimes primes{.log_n = static_cast<unsigned>(words[0]),
                            .q = {words.begin() + 5, words.begin() + 5 + std::ptrdiff_t(q_count)},
                            .p = {words.begin() + 5 + std::ptrdiff_t(q_count), words.end()},
                            .digits = static_cast<unsigned>(words[1]),
                            .insecure_for_tests_only = words[2] == 1};
    try {
        return create(primes);
    } catch (const Error& error) {
        return tl::unexpected<ErrorInfo>(error.info());
    }
}

std::vector<std::uint8_t> Parameters::to_bytes() const {
    const ParametersPrimes& primes = data_->primes;
    std::vector<std::uint8_t> bytes;
    append(bytes, primes.log_n);
    append(bytes, primes.digits);
    append(bytes, primes.insecure_for_tests_only ? 1 : 0);
    append(bytes, primes.q.size());
    append(bytes, primes.p.size());
    for (const auto* list : {&primes.q, &primes.p}) {
        for (const std::uint64_t prime : *list) {
            append(bytes, prime);
        }
    }
    return bytes;
}

unsigned Parameters::log_n() const noexcept {
    return data_->primes.log_n;
}

std::size_t Parameters::n() const noexcept {
    return std::size_t{1} << data_->primes.log_n;
}

std::size_t Parameters::max_level() const noexcept {
    return data_->primes.q.size() - 1;
}

std::size_t Parameters::special_primes() const noexcept {
    return data_->primes.p.size();
}

std::uint64_t Parameters::q(std::size_t i) const noexcept {
    return data_->primes.q[i];
}

std::uint64_t Parameters::p(std::size_t i) const noexcept {
    return data_->primes.p[i];
}

std::size_t Parameters::digits() const noexcept {
    return data_->primes.digits;
}

std::size_t Parameters::digit_size() const noexcept {
    return data_->digit_size;
}

std::size_t Parameters::digits_at(std::size_t level) const noexcept {
    return ring_->digits_at(level);
}

double Parameters::log_q(std::size_t level) const noexcept {
    return log2_product(std::span(data_->primes.q).first(level + 1));
}

double Parameters::log_qp() const noexcept {
    return log2_product(data_->primes.q) + log2_product(data_->primes.p);
}

unsigned Parameters::security_bits() const noexcept {
    return insecure_for_tests_only() ? 0 : 128;
}

bool Parameters::insecure_for_tests_only() const noexcept {
    return data_->primes.insecure_for_tests_only;
}

const Digest& Parameters::fingerprint() const noexcept {
    return data_->fingerprint;
}

}  // namespace cipherfit
