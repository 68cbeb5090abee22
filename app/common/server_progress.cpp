#include "common/server_progress.h"

#include <fmt/format.h>

namespace cipherfit {
namespace {

double share_of(std::uint64_t done, std::uint64_t total) {
    return total == 0 ? -1.0 : static_cast<double>(done) / static_cast<double>(total);
}

}  // namespace

void ServerProgressView::begin(Progress::Phase phase, const std::string& name) {
    if (phase_ != phase) {
        phase_ = phase;
        line_.phase(name);
    }
}

void ServerProgressView::show(const Progress& progress) {
    const double share = share_of(progress.done, progress.total);
    const std::string bytes = format_bytes(static_cast<double>(progress.done));
    switch (progress.phase) {
        case Progress::Phase::load_data:
            begin(progress.phase, "server: loading ciphertexts");
            line_.update(share, bytes);
            break;
        case Progress::Phase::load_keys:
            begin(progress.phase, "server: loading evaluation keys");
            line_.update(share, bytes);
            break;
        case Progress::Phase::prepare:
            begin(progress.phase, "server: preparing the features");
            break;
        case Progress::Phase::train: {
            if (phase_ != progress.phase) {
                first_iteration_ = progress.done;
                first_work_ = progress.work_done;
            }
            begin(progress.phase, "server: training");
            const double all = 1 - first_work_;
            line_.update(all > 0 ? (progress.work_done - first_work_) / all : 1,
                         fmt::format("iteration {} of {}, level {}, {} written", progress.done,
                                     progress.total, progress.level,
                                     format_bytes(static_cast<double>(progress.bytes_written))),
                         progress.done > first_iteration_);
            break;
        }
        case Progress::Phase::write:
            begin(progress.phase, "server: writing the model");
            break;
        case Progress::Phase::score:
            begin(progress.phase, "server: scores");
            break;
        default:  // the owner's
            break;
    }
}

}  // namespace cipherfit
