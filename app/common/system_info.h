// What a program can say about itself and its machine.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace cipherfit {

// "0.1.0".
std::string version();

// The kernels in use, by the name of their instruction set, and those that this CPU can run, best
// first. Throws Error(invalid_argument) where CIPHERFIT_ISA names none of them.
std::string isa();
std::vector<std::string> available_isas();

// The instruction-set extensions of this CPU that kernels are written for.
std::vector<std::string> cpu_features();

// The largest resident memory that this process image had, in bytes. Memory of the process that
// started it, before exec, does not count.
std::uint64_t peak_resident_bytes();

}  // namespace cipherfit
