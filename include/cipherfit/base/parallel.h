// Threads. One process-wide limit; loops over independent items (limbs, digits, ciphertexts).
// Every loop body writes only its own outputs, so results do not depend on the number of threads.
#pragma once

#include <cstddef>
#include <functional>

namespace cipherfit {

// Threads that parallel loops use from now on; 0 means all that the machine offers. Thread-safe.
void set_thread_count(std::size_t threads);
std::size_t thread_count() noexcept;

// body(i) for every i in [begin, end), in any order, possibly at the same time. Nested loops share
// the same threads. An exception of a body is rethrown here.
void parallel_for(std::size_t begin, std::size_t end, const std::function<void(std::size_t)>& body);

}  // namespace cipherfit
