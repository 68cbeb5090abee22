#include "cli/output_check.h"

#include "cipherfit/io/file.h"
#include "cli/own_files.h"
#include "common/streams.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>

namespace cipherfit {
namespace {

namespace fs = std::filesystem;

constexpr int most_links = 40;

// What the path leads to, be it there or not.
fs::path resolved(fs::path path) {
    std::error_code error;
    for (int links = 0; links < most_links && fs::is_symlink(path, error); ++links) {
        const fs::path next = fs::read_symlink(path, error);
        if (error) {
            break;
        }
        path = path.parent_path() / next;
    }
    const fs::path whole = fs::weakly_canonical(fs::absolute(path, error), error);
    return error ? path.lexically_normal() : whole;
}

bool is_within(const fs::path& path, const fs::path& directory) {
    const auto ends = std::mismatch(directory.begin(), directory.end(), path.begin(), path.end());
    return ends.first == directory.end();
}

// Throws unless the directory is there and can be written to, or can be made.
void require_directory(const std::string& option, const fs::path& path) {
    std::error_code error;
    const auto status = fs::status(path, error);
    if (fs::exists(status)) {
        require(fs::is_directory(status), ErrorCode::bad_input,
                "{}: is not a directory: choose another {}", path.string(), option);
        const int refusal = ::access(path.c_str(), W_OK | X_OK) == 0 ? 0 : errno;
        require(refusal == 0, ErrorCode::io_failure, "cannot write into {}: {}", path.string(),
                std::generic_category().message(refusal));
        return;
    }
    // The first of its names that is missing is made for a moment.
    fs::path missing = fs::absolute(path).lexically_normal();
    if (!missing.has_filename()) {
        missing = missing.parent_path();
    }
    while (missing.has_relative_path() && !fs::exists(fs::status(missing.parent_path(), error)) &&
           (!error || error == std::errc::no_such_file_or_directory)) {
        missing = missing.parent_path();
    }
    const int refusal = ::mkdir(missing.c_str(), 0700) == 0 ? 0 : errno;
    require(refusal == 0 || refusal == EEXIST, ErrorCode::io_failure,
            "cannot create the directory {}: {}", path.string(),
            std::generic_category().message(refusal));
    require(refusal == 0, ErrorCode::io_failure,
            "cannot create the directory {}: {} is a symbolic link that leads nowhere",
            path.string(), missing.string());
    static_cast<void>(::rmdir(missing.c_str()));
}

}  // namespace

OutputCheck::Place OutputCheck::place_of(const std::string& option, const fs::path& path) {
    Place place{option, path, resolved(path), {}};
    struct stat status{};
    if (::stat(path.c_str(), &status) == 0) {
        place.id = std::pair(status.st_dev, status.st_ino);
        place.is_directory = S_ISDIR(status.st_mode);
        place.is_device = !S_ISREG(status.st_mode) && !place.is_directory;
    }
    return place;
}

bool OutputCheck::are_same(const Place& a, const Place& b) {
    return a.resolved == b.resolved || (a.id && b.id && *a.id == *b.id);
}

void OutputCheck::reads(const std::string& option, const fs::path& path) {
    if (!path.empty()) {
        inputs_.push_back(place_of(option, path));
    }
}

void OutputCheck::reads(const std::string& option, const SampleOptions& samples) {
    reads(option, samples.labels);
    if (samples.file.empty()) {
        return;
    }
    const auto file = dataset_file(samples.file, samples.part);
    if (!file) {
        return;  // reading says why
    }
    reads(option, *file);
    if (const auto labels = labels_beside(*file)) {
        reads(option, *labels);
    }
    for (const char* name : {"class_names.json", "extraction.json", "thumbnails.npy"}) {
        reads(option, file->parent_path() / name);
    }
}

void OutputCheck::keeps(const std::string& option, const fs::path& directory) {
    if (!directory.empty()) {
        kept_.push_back(place_of(option, directory));
    }
}

void OutputCheck::sends(const std::string& option, const fs::path& directory) {
    if (!directory.empty()) {
        sent_.push_back(place_of(option, directory));
    }
}

void OutputCheck::keeps_owner_and_job(const fs::path& owner, const fs::path& job) {
    keeps("--owner", owner);
    keeps("--job", job);
    sends("--job", job);
}

void OutputCheck::makes(const std::string& option, const fs::path& directory) {
    if (!directory.empty()) {
        made_.push_back(place_of(option, directory));
        keeps(option, directory);
    }
}

void OutputCheck::writes(const std::string& option, const fs::path& file) {
    if (!file.empty()) {
        outputs_.push_back(place_of(option, file));
    }
}

void OutputCheck::check_file(const Place& output) const {
    const std::string name = output.given.string();
    for (const Place& input : inputs_) {
        require(output.is_device || !are_same(output, input), ErrorCode::bad_input,
                "{}: {} would write over what {} reads ({}): give another name", name,
                output.option, input.option, input.given.string());
        require(!input.is_directory || !is_within(output.resolved, input.resolved),
                ErrorCode::bad_input, "{}: lies in what {} reads ({}): give {} another name", name,
                input.option, input.given.string(), output.option);
    }
    for (const Place& directory : kept_) {
        for (const fs::path& own : own_files(directory.given)) {
            require(!are_same(output, place_of(directory.option, own)), ErrorCode::bad_input,
                    "{}: {} would write over a file of {} ({}): give another name", name,
                    output.option, directory.option, own.string());
        }
    }
    for (const Place& directory : sent_) {
        require(!is_within(output.resolved, directory.resolved), ErrorCode::bad_input,
                "{}: lies in {}, which goes to the server: give {} another name", name,
                directory.given.string(), output.option);
    }
    // Where the streams go to a file, it would be replaced under them.
    struct stat stream{};
    for (const int descriptor : {STDOUT_FILENO, STDERR_FILENO}) {
        require(!output.id || ::fstat(descriptor, &stream) != 0 || !S_ISREG(stream.st_mode) ||
                    *output.id != std::pair(stream.st_dev, stream.st_ino) ||
                    is_open_file(output.given),
                ErrorCode::bad_input,
                "{}: standard {} goes there too: give {} another name, or /dev/stdout", name,
                descriptor == STDOUT_FILENO ? "output" : "error", output.option);
    }
    std::error_code error;
    const fs::path parent = output.resolved.parent_path();
    const bool is_made = std::ranges::any_of(made_, [&](const Place& directory) {
        return parent == directory.resolved || parent == directory.resolved / "model";
    });
    if (!is_made || fs::exists(parent, error)) {
        value_or_throw(check_writable(output.given));
        remove_stale_files(parent);
    }
}

void OutputCheck::check_directories() const {
    for (const Place& directory : made_) {
        for (const Place& sent : sent_) {
            require(
                directory.option == sent.option || !is_within(directory.resolved, sent.resolved),
                ErrorCode::bad_input,
                "{}: is or lies in {}, which goes to the server: choose another {}",
                directory.given.string(), sent.given.string(), directory.option);
        }
    }
    for (const Place& directory : made_) {
        for (const Place& other : kept_) {
            require(directory.option == other.option || !are_same(directory, other),
                    ErrorCode::bad_input, "{}: is the directory of {} as well: choose another {}",
                    directory.given.string(), other.option, directory.option);
        }
        for (const Place& input : inputs_) {
            require(!input.is_directory || !is_within(directory.resolved, input.resolved),
                    ErrorCode::bad_input, "{}: lies in what {} reads ({}): choose another {}",
                    directory.given.string(), input.option, input.given.string(), directory.option);
        }
        require_directory(directory.option, directory.given);
        remove_stale_files(directory.given);
    }
}

void OutputCheck::check() const {
    check_directories();
    for (std::size_t i = 0; i < outputs_.size(); ++i) {
        for (std::size_t j = 0; j < i; ++j) {
            require(outputs_[i].is_device || !are_same(outputs_[i], outputs_[j]),
                    ErrorCode::bad_input, "{}: {} and {} are the same file: give two names",
                    outputs_[i].given.string(), outputs_[j].option, outputs_[i].option);
        }
        check_file(outputs_[i]);
    }
    if (std::ranges::any_of(outputs_,
                            [](const Place& output) { return is_standard_output(output.given); })) {
        give_away_output();
    }
}

}  // namespace cipherfit
