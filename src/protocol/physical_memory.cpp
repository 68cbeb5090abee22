#include "protocol/physical_memory.h"

#include "cipherfit/base/error.h"

#include <unistd.h>

namespace cipherfit {

void require_memory(double needed, double limit, const std::string& plan, const char* remedy) {
    const double most = limit > 0 ? limit
                                  : static_cast<double>(sysconf(_SC_PHYS_PAGES)) *
                                        static_cast<double>(sysconf(_SC_PAGE_SIZE));
    require(needed <= most, ErrorCode::bad_input,
            "{}: the job needs {:.3g} GB of memory, the limit is {:.3g} GB: {}", plan, needed / 1e9,
            most / 1e9, remedy);
}

}  // namespace cipherfit
