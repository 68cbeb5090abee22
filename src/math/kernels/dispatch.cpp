// The choice of a kernel table: the best one that the CPU and the operating system support, unless
// the environment variable CIPHERFIT_ISA names another.
#include "cipherfit/base/error.h"
#include "math/kernels/kernel_table.h"
#include "math/kernels/scalar/kernels.h"
#if defined(__x86_64__)
#include "math/kernels/avx2/kernels.h"
#include "math/kernels/ifma/kernels.h"
#endif

#include <array>
#include <cstdlib>
#include <string>

namespace cipherfit {
namespace {

#if defined(__x86_64__)
// Best first. The compiler's runtime asks the CPU for the instructions and the operating system
// (XGETBV) for the registers.
constexpr std::array all_tables = {&ifma::table, &avx2::table, &scalar::table};

bool is_supported(const KernelTable& table) noexcept {
    if (&table == &ifma::table) {
        return __builtin_cpu_supports("avx512f") != 0 && __builtin_cpu_supports("avx512dq") != 0 &&
               __builtin_cpu_supports("avx512vl") != 0 && __builtin_cpu_supports("avx512ifma") != 0;
    }
    if (&table == &avx2::table) {
        return __builtin_cpu_supports("avx2") != 0 && __builtin_cpu_supports("fma") != 0;
    }
    return true;
}
#else
constexpr std::array all_tables = {&scalar::table};

bool is_supported(const KernelTable&) noexcept {
    return true;
}
#endif

const KernelTable& choose() {
    const char* forced = std::getenv("CIPHERFIT_ISA");
    if (forced == nullptr || *forced == '\0') {
        return *supported_kernels().front();
    }
    if (const KernelTable* table = find_kernels(forced); table != nullptr) {
        return *table;
    }
    std::string names;
    for (const KernelTable* table : supported_kernels()) {
        names += names.empty() ? "" : ", ";
        names += table->name;
    }
    throw Error(ErrorCode::invalid_argument,
                fmt::format("CIPHERFIT_ISA={} names no kernels that this CPU can run; unset it or "
                            "choose one of: {}",
                            forced, names));
}

}  // namespace

const KernelTable& kernels() {
    static const KernelTable& table = choose();
    return table;
}

std::vector<const KernelTable*> supported_kernels() {
    std::vector<const KernelTable*> supported;
    for (const KernelTable* table : all_tables) {
        if (is_supported(*table)) {
            supported.push_back(table);
        }
    }
    return supported;
}

const KernelTable* find_kernels(std::string_view name) noexcept {
    for (const KernelTable* table : all_tables) {
        if (table->name == name) {
            return is_supported(*table) ? table : nullptr;
        }
    }
    return nullptr;
}

}  // namespace cipherfit
