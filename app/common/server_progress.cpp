#include "common/server_progress.h"

#include <sstream>

#include <fmt/format.h>

namespace cipherfit {
namespace {

constexpr std::string_view mark = "@progress";
constexpr int last_phase = static_cast<int>(ServerProgress::Phase::write);

double share_of(std::uint64_t done, std::uint64_t total) {
    return total == 0 ? -1.0 : static_cast<double>(done) / static_cast<double>(total);
}

// The cost of iterations first..last-1 of `total`: each works one step lower in the modulus chain
// than the one before, so the later ones are cheaper.
double work(std::uint64_t first, std::uint64_t last, std::uint64_t total) {
    double sum = 0;
    for (std::uint64_t i = first; i < last; ++i) {
        sum += static_cast<double>(total - i);
    }
    return sum;
}

}  // namespace

std::string encode_progress(const ServerProgress& progress) {
    return fmt::format("{} {} {} {} {} {}", mark, static_cast<int>(progress.phase), progress.done,
                       progress.total, progress.level, progress.bytes_written);
}

std::optional<ServerProgress> decode_progress(std::string_view line) {
    std::istringstream words{std::string(line)};
    std::string first;
    int phase = 0;
    ServerProgress progress;
    if (!(words >> first >> phase >> progress.done >> progress.total >> progress.level >>
          progress.bytes_written) ||
        first != mark || phase < 0 || phase > last_phase) {
        return std::nullopt;
    }
    progress.phase = static_cast<ServerProgress::Phase>(phase);
    return progress;
}

void ServerProgressView::begin(ServerProgress::Phase phase, const std::string& name) {
    if (phase_ != phase) {
        phase_ = phase;
        line_.phase(name);
    }
}

void ServerProgressView::show(const ServerProgress& progress) {
    const double share = share_of(progress.done, progress.total);
    const std::string bytes = format_bytes(static_cast<double>(progress.done));
    switch (progress.phase) {
        case ServerProgress::Phase::load_data:
            begin(progress.phase, "server: loading ciphertexts");
            line_.update(share, bytes);
            break;
        case ServerProgress::Phase::load_keys:
            begin(progress.phase, "server: loading evaluation keys");
            line_.update(share, bytes);
            break;
        case ServerProgress::Phase::prepare:
            begin(progress.phase, "server: preparing the features");
            break;
        case ServerProgress::Phase::train: {
            if (phase_ != progress.phase) {
                first_iteration_ = progress.done;
            }
            begin(progress.phase, "server: training");
            const double all = work(first_iteration_, progress.total, progress.total);
            line_.update(all > 0 ? work(first_iteration_, progress.done, progress.total) / all : 1,
                         fmt::format("iteration {} of {}, level {}, {} written", progress.done,
                                     progress.total, progress.level,
                                     format_bytes(static_cast<double>(progress.bytes_written))),
                         progress.done > first_iteration_);
            break;
        }
        case ServerProgress::Phase::write:
            begin(progress.phase, "server: writing the model");
            break;
    }
}

}  // namespace cipherfit
