#include "cipherfit/rlwe/security.h"

#include <array>
#include <cmath>
#include <cstddef>

namespace cipherfit {
namespace {

constexpr unsigned first_log_n = 12;
constexpr std::size_t rings = 6;
constexpr unsigned least_sparse_log_n = 16;
constexpr double largest_sparse_log_q = 100;

struct Row {
    SecurityLevel level;
    std::string_view name;
    unsigned bits;
    const char* description;
    std::array<double, rings> log_qp;
};

// The sources are named at largest_secure_log_qp().
constexpr std::array<Row, 4> table{
    {{SecurityLevel::classical_128, "128", 128, "128-bit", {106, 214, 430, 868, 1747, 3523}},
     {SecurityLevel::classical_192, "192", 192, "192-bit", {73, 147, 297, 597, 1199, 2411}},
     {SecurityLevel::classical_256, "256", 256, "256-bit", {56, 114, 230, 462, 929, 1866}},
     {SecurityLevel::quantum_128,
      "128q",
      128,
      "128-bit quantum",
      {80, 161, 322, 644, 1289, 2578}}}};

const Row& row(SecurityLevel level) noexcept {
    return table[static_cast<std::size_t>(level)];
}

}  // namespace

std::string_view name(SecurityLevel level) noexcept {
    return row(level).name;
}

Expected<SecurityLevel> security_level_from_name(std::string_view name) {
    for (const Row& row : table) {
        if (row.name == name) {
            return row.level;
        }
    }
    return make_error(ErrorCode::bad_input,
                      "no security level '{}': choose 128, 192 or 256, or 128q against quantum "
                      "computers",
                      name);
}

unsigned bits(SecurityLevel level) noexcept {
    return row(level).bits;
}

std::string describe(SecurityLevel level) {
    return row(level).description;
}

double largest_secure_log_qp(unsigned log_n, SecurityLevel level) {
    require(log_n >= first_log_n && log_n < first_log_n + rings, ErrorCode::invalid_argument,
            "the security table covers log_n {} to {}, not {}", first_log_n,
            first_log_n + rings - 1, log_n);
    return row(level).log_qp[log_n - first_log_n];
}

double largest_secure_log_qp(unsigned log_n) {
    return largest_secure_log_qp(log_n, SecurityLevel::classical_128);
}

void require_secure_encapsulation(unsigned log_n, double log_q0_p0) {
    require(log_n >= least_sparse_log_n && log_q0_p0 <= largest_sparse_log_q,
            ErrorCode::insecure_parameters,
            "bootstrapping's sparse secret would have 2^{} coefficients and a sample modulo "
            "2^{:.2f}; it needs 2^{} or more, and at most 2^{:.0f}",
            log_n, log_q0_p0, least_sparse_log_n, largest_sparse_log_q);
}

void require_secure_encapsulation(const Parameters& parameters) {
    if (!parameters.insecure_for_tests_only()) {
        require_secure_encapsulation(
            parameters.log_n(),
            parameters.log_q(0) + std::log2(static_cast<double>(parameters.p(0))));
    }
}

}  // namespace cipherfit
