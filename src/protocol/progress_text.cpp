#include "cipherfit/protocol/progress_text.h"

#include <sstream>

#include <fmt/format.h>

namespace cipherfit {
namespace {

constexpr std::string_view mark = "@progress";
constexpr int last_phase = static_cast<int>(Progress::Phase::write);

}  // namespace

std::string encode_progress(const Progress& progress) {
    return fmt::format("{} {} {} {} {} {} {}", mark, static_cast<int>(progress.phase),
                       progress.done, progress.total, progress.level, progress.bytes_written,
                       progress.work_done);
}

std::optional<Progress> decode_progress(std::string_view line) {
    std::istringstream words{std::string(line)};
    std::string first;
    int phase = 0;
    Progress progress;
    if (!(words >> first >> phase >> progress.done >> progress.total >> progress.level >>
          progress.bytes_written >> progress.work_done) ||
        first != mark || phase < 0 || phase > last_phase) {
        return std::nullopt;
    }
    progress.phase = static_cast<Progress::Phase>(phase);
    return progress;
}

}  // namespace cipherfit
