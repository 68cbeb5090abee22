#include "common/progress_line.h"

#include "common/streams.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <string_view>
#include <sys/ioctl.h>
#include <unistd.h>
#include <utility>

#include <fmt/format.h>

namespace cipherfit {
namespace {

using namespace std::chrono_literals;

double seconds(std::chrono::steady_clock::duration duration) {
    return std::chrono::duration<double>(duration).count();
}

std::size_t terminal_width() {
    winsize size{};
    return ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 20 ? size.ws_col : 80;
}

}  // namespace

std::string format_bytes(double bytes) {
    constexpr std::array<std::string_view, 5> units{"B", "kB", "MB", "GB", "TB"};
    std::size_t unit = 0;
    while (bytes >= 999.95 && unit + 1 < units.size()) {
        bytes /= 1000;
        ++unit;
    }
    return unit == 0 ? fmt::format("{:.0f} B", bytes)
                     : fmt::format("{:.1f} {}", bytes, units[unit]);
}

std::string format_seconds(double value) {
    if (value < 10) {
        return fmt::format("{:.1f} s", value);
    }
    const long long whole = std::llround(value);
    if (whole < 100) {
        return fmt::format("{} s", whole);
    }
    if (whole < 3600) {
        return fmt::format("{} min {} s", whole / 60, whole % 60);
    }
    return fmt::format("{} h {} min", whole / 3600, whole % 3600 / 60);
}

std::string format_count(std::uint64_t count) {
    const std::string digits = std::to_string(count);
    std::string text;
    for (std::size_t i = 0; i < digits.size(); ++i) {
        if (i > 0 && (digits.size() - i) % 3 == 0) {
            text += ',';
        }
        text += digits[i];
    }
    return text;
}

ProgressLine::ProgressLine(bool quiet) : quiet_(quiet), terminal_(::isatty(STDERR_FILENO) == 1) {}

// An unfinished phase failed: its line must not stand before the error's.
ProgressLine::~ProgressLine() {
    if (!phase_.empty()) {
        clear_line();
    }
}

void ProgressLine::phase(const std::string& name) {
    finish();
    phase_ = name;
    detail_.clear();
    share_ = -1;
    started_ = share_at_ = printed_ = Clock::now();
    tick();
}

void ProgressLine::update(double share, const std::string& detail, bool milestone) {
    if (phase_.empty() || quiet_) {
        return;
    }
    const auto now = Clock::now();
    if (share != share_) {
        share_ = std::min(share, 1.0);
        share_at_ = now;
    }
    detail_ = detail;
    if (terminal_) {
        if (milestone || now - printed_ >= 100ms) {
            tick();
        }
    } else if (milestone || now - printed_ >= 10s) {
        print_error("{}\n", line());
        printed_ = now;
    }
}

void ProgressLine::tick() {
    if (quiet_ || !terminal_ || phase_.empty()) {
        return;
    }
    printed_ = Clock::now();
    print_error("\r\x1b[2K{}", line().substr(0, terminal_width() - 1));
}

void ProgressLine::finish() {
    if (phase_.empty()) {
        return;
    }
    clear_line();
    if (!quiet_) {
        print_error("{}: {}{}{}\n", phase_, format_seconds(seconds(Clock::now() - started_)),
                    detail_.empty() ? "" : ", ", detail_);
    }
    phase_.clear();
}

std::string ProgressLine::line() const {
    const auto now = Clock::now();
    std::string text = phase_;
    if (share_ >= 0) {
        text += fmt::format(": {:.0f} %", 100 * share_);
    }
    if (!detail_.empty()) {
        text += (share_ >= 0 ? ", " : ": ") + detail_;
    }
    if (share_ > 0 && share_ < 1) {
        const double all = seconds(share_at_ - started_) / share_;
        text += fmt::format(", about {} left",
                            format_seconds(std::max(0.0, all - seconds(now - started_))));
    }
    return text;
}

void ProgressLine::clear_line() const {
    if (terminal_ && !quiet_) {
        print_error("\r\x1b[2K");
    }
}

}  // namespace cipherfit
