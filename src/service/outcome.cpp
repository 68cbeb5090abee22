#include "service/outcome.h"

#include "cipherfit/base/secure.h"
#include "cipherfit/io/file.h"
#include "cipherfit/protocol/job_files.h"
#include "cipherfit/protocol/prediction_files.h"
#include "service/journal.h"
#include "service/refusal.h"

#include <algorithm>
#include <charconv>
#include <csignal>
#include <cstring>
#include <span>
#include <sys/wait.h>

#include <nlohmann/json.hpp>

namespace cipherfit::service {
namespace {

namespace fs = std::filesystem;

bool is_link(const fs::path& path) {
    std::error_code error;
    return fs::is_symlink(fs::symlink_status(path, error));
}

bool has_link(const fs::path& directory, const fs::path& name) {
    fs::path path = directory;
    return std::ranges::any_of(name, [&](const fs::path& part) { return is_link(path /= part); });
}

// What is behind a link is not the job's.
bool is_regular(const fs::path& directory, const fs::path& name) {
    std::error_code error;
    return !has_link(directory, name) &&
           fs::is_regular_file(fs::symlink_status(directory / name, error));
}

// The iteration whose checkpoint waits for an answer; 0: none.
int unanswered_iteration(const ProcessEnd& end) {
    const int every = end.job.choices.review_every;
    if (end.job.kind != JobKind::training || every <= 0) {
        return 0;
    }
    int found = 0;
    for (int iteration = every; is_regular(end.directory, contents::kept_checkpoint(iteration));
         iteration += every) {
        if (!is_regular(end.directory, contents::answer(iteration))) {
            found = iteration;
        }
    }
    return found;
}

// Whether it is the name of the checkpoint of some iteration.
bool is_kept_checkpoint(const std::string& name) {
    const auto first = std::ranges::find_if(name, [](char c) { return c >= '0' && c <= '9'; });
    int iteration = 0;
    const auto [end, error] =
        std::from_chars(name.data() + (first - name.begin()), name.data() + name.size(), iteration);
    return error == std::errc() && iteration > 0 && contents::kept_checkpoint(iteration) == name;
}

// Without the paths of the server's machine.
std::string reason_of(const ProcessEnd& end) {
    std::string words = end.words;
    const std::string path = end.directory.string();
    for (auto at = words.find(path); at != std::string::npos; at = words.find(path)) {
        const bool has_slash = words.compare(at + path.size(), 1, "/") == 0;
        words.replace(at, path.size() + (has_slash ? 1 : 0), has_slash ? "" : "the job");
    }
    // They come from a process that hostile files may have taken over, and go into UTF-8 messages.
    std::ranges::replace_if(words, [](char c) { return c < ' ' || c > '~'; }, '?');
    return words;
}

std::string signal_reason(const ProcessEnd& end) {
    if (!end.killed_for.empty()) {
        return end.killed_for;
    }
    const int number = WTERMSIG(end.status);
    if (number == SIGKILL) {
        return "its process was killed by the system, which is most often for want of memory: "
               "start it again, or ask for a smaller plan";
    }
    const char* text = ::strsignal(number);
    return fmt::format("its process crashed ({}): a defect of cipherfit, or a file made to do that",
                       text != nullptr ? text : "signal");
}

// SHA-256 of a file, in hex. Throws Error.
std::string digest_of_file(const fs::path& file, const std::stop_token& stop) {
    const auto source = value_or_throw(FileSource::open(file));
    Sha256 hash;
    std::vector<std::uint8_t> piece(std::size_t{1} << 20U);
    for (std::uint64_t at = 0; at < source->size(); at += piece.size()) {
        require(!stop.stop_requested(), ErrorCode::interrupted, "it is not wanted any more");
        const auto part = std::span(piece).first(
            static_cast<std::size_t>(std::min<std::uint64_t>(piece.size(), source->size() - at)));
        value_or_throw(source->read_at(at, part));
        hash.update(part);
    }
    return to_hex(hash.finish());
}

FileRecord result_file(const fs::path& path, const std::string& name, const KnownFiles& known,
                       const std::stop_token& stop) {
    const std::uint64_t bytes = fs::file_size(path);
    const auto same = std::ranges::find_if(known.files, [&](const FileRecord& file) {
        return file.complete && file.name == name && file.bytes == bytes;
    });
    // Clocks of files tick seldom.
    if (same == known.files.end() ||
        fs::last_write_time(path) >= known.launched - std::chrono::seconds(1)) {
        return {name, bytes, digest_of_file(path, stop), true};
    }
    return *same;
}

}  // namespace

std::string result_of(JobKind kind) {
    switch (kind) {
        case JobKind::training:
            return std::string(contents::model);
        case JobKind::prediction:
            return std::string(contents::scores);
        case JobKind::charter:
            return "result.bin";
    }
    return {};
}

Outcome outcome_of(const ProcessEnd& end) {
    constexpr int interrupted = 130;
    const bool by_signal = WIFSIGNALED(end.status);
    const int status = by_signal ? 0 : WEXITSTATUS(end.status);
    if (!by_signal && status == 0) {
        if (is_regular(end.directory, result_of(end.job.kind))) {
            return {.state = JobState::succeeded, .reason = {}};
        }
        return {.state = JobState::stopped,
                .reason = "the owner ended it by an answer to a review"};
    }
    if (end.is_cancelled) {
        return {.state = JobState::cancelled, .reason = {}};
    }
    if (end.is_shutdown) {
        return {.state = JobState::queued, .reason = {}};
    }
    if (by_signal) {
        return {.state = JobState::failed, .reason = signal_reason(end)};
    }
    if (end.is_over_time) {
        return {.state = JobState::failed,
                .reason =
                    "it ran past the server's limit of time: start it again to go on from "
                    "its checkpoint, or ask for a smaller plan"};
    }
    if (status == interrupted) {
        if (const int iteration = unanswered_iteration(end); iteration > 0) {
            return {.state = JobState::awaiting_review,
                    .reason = fmt::format("waits for the answer to iteration {}", iteration),
                    .review_iteration = iteration};
        }
    }
    const std::string words = reason_of(end);
    return {
        .state = JobState::failed,
        .reason = !words.empty() ? words : fmt::format("its process ended with status {}", status)};
}

void require_no_links(const fs::path& directory, const fs::path& name) {
    if (has_link(directory, name)) {
        refuse(Status::failed_precondition,
               "{} is behind a link, which is not followed: delete the job", name.string());
    }
}

std::vector<FileRecord> result_files(const fs::path& directory, JobKind kind,
                                     const KnownFiles& known, const std::stop_token& stop) {
    std::vector<std::string> names{result_of(kind), std::string(contents::server_report)};
    std::error_code error;
    std::vector<std::string> kept;
    for (auto entry = fs::directory_iterator(directory / contents::checkpoints, error);
         !error && entry != fs::directory_iterator(); entry.increment(error)) {
        std::string name = std::string(contents::checkpoints) + entry->path().filename().string();
        if (is_kept_checkpoint(name)) {
            kept.push_back(std::move(name));
        }
    }
    std::ranges::sort(kept);
    names.insert(names.end(), kept.begin(), kept.end());
    std::vector<FileRecord> files;
    for (const std::string& name : names) {
        if (!is_regular(directory, name)) {
            continue;
        }
        try {
            files.push_back(result_file(directory / name, name, known, stop));
        } catch (const std::exception& error) {
            if (stop.stop_requested()) {
                throw;
            }
            log_warning("result_not_read", {{"file", name}, {"error", error.what()}});
        }
    }
    return files;
}

}  // namespace cipherfit::service
