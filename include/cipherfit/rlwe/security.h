// The security levels that parameters can be held to, and their tables.
#pragma once

#include "cipherfit/base/error.h"
#include "cipherfit/rlwe/parameters.h"

#include <string>
#include <string_view>

namespace cipherfit {

// Bits of security, and against whom.
enum class SecurityLevel {
    classical_128,  // the default; all parameters have at least this one
    classical_192,
    classical_256,
    quantum_128,  // against attackers with a quantum computer
};

// "128", "192", "256", "128q".
std::string_view name(SecurityLevel level) noexcept;
// The level of that name. ErrorCode::bad_input, listing the names there are.
Expected<SecurityLevel> security_level_from_name(std::string_view name);
// 128, 192 or 256; and "128-bit", "128-bit quantum": for messages.
unsigned bits(SecurityLevel level) noexcept;
std::string describe(SecurityLevel level);

// Largest log2(QP) of a ring of 2^log_n coefficients for a uniform ternary secret and sigma = 3.2.
// Classical levels: Bossuat et al., "Security Guidelines for Implementing Homomorphic Encryption",
// ePrint 2024/463, Table 5.2. Quantum: what the scripts of that paper give with its later cost
// model, below all that its versions state (SECURITY.md has the sources). Throws
// Error(invalid_argument) outside 12 <= log_n <= 17.
double largest_secure_log_qp(unsigned log_n, SecurityLevel level);

// The sparse secret of bootstrapping withstands one sample modulo q_0 p_0 only. The tables do not
// cover it: it must have at least 2^16 coefficients and q_0 p_0 must be at most 2^100, for which
// docs/design/bootstrapping.md has the estimates. Throws Error(insecure_parameters) otherwise;
// the second form does not if the parameters are for tests only.
void require_secure_encapsulation(unsigned log_n, double log_q0_p0);
void require_secure_encapsulation(const Parameters& parameters);

}  // namespace cipherfit
