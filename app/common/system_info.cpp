#include "common/system_info.h"

#include "math/kernels/kernel_table.h"

#include <fstream>
#include <sstream>
#include <sys/resource.h>

namespace cipherfit {

std::string version() {
    return CIPHERFIT_VERSION;
}

std::string isa() {
    return kernels().name;
}

std::vector<std::string> available_isas() {
    std::vector<std::string> names;
    for (const KernelTable* table : supported_kernels()) {
        names.emplace_back(table->name);
    }
    return names;
}

std::vector<std::string> cpu_features() {
    std::vector<std::string> found;
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx2") != 0) {
        found.emplace_back("avx2");
    }
    if (__builtin_cpu_supports("fma") != 0) {
        found.emplace_back("fma");
    }
    if (__builtin_cpu_supports("avx512f") != 0) {
        found.emplace_back("avx512f");
    }
    if (__builtin_cpu_supports("avx512dq") != 0) {
        found.emplace_back("avx512dq");
    }
    if (__builtin_cpu_supports("avx512ifma") != 0) {
        found.emplace_back("avx512ifma");
    }
#endif
    return found;
}

std::uint64_t peak_resident_bytes() {
    // getrusage() remembers the memory of the parent from before exec; VmHWM does not.
    std::ifstream status("/proc/self/status");
    for (std::string line; std::getline(status, line);) {
        std::istringstream words(line);
        std::string key;
        std::uint64_t kilobytes = 0;
        if (words >> key >> kilobytes && key == "VmHWM:") {
            return kilobytes * 1024;
        }
    }
    rusage usage{};
    static_cast<void>(::getrusage(RUSAGE_SELF, &usage));
    return static_cast<std::uint64_t>(usage.ru_maxrss) * 1024;
}

}  // namespace cipherfit
