// Whether a job fits the machine.
#pragma once

#include <string>

namespace cipherfit {

// Throws Error(bad_input), with the plan's name and the remedy, unless `needed` bytes are within
// `limit`; a limit of 0 is the machine's memory.
void require_memory(double needed, double limit, const std::string& plan, const char* remedy);

}  // namespace cipherfit
