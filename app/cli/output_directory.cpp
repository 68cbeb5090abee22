#include "cli/output_directory.h"

#include "cli/owner_files.h"

#include <algorithm>
#include <array>
#include <string>
#include <system_error>
#include <unistd.h>
#include <utility>

namespace cipherfit {
namespace {

namespace fs = std::filesystem;

bool has_entries(const fs::path& directory) {
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(directory, error)) {
        if (entry.path().filename() != ".lock" && !is_stale_file(entry.path())) {
            return true;
        }
    }
    return false;
}

void remove_entries(const fs::path& directory) {
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(directory, error)) {
        if (entry.path().filename() != ".lock") {
            fs::remove_all(entry.path(), error);
            require(!error, ErrorCode::io_failure, "cannot remove {}: {}", entry.path().string(),
                    error.message());
        }
    }
}

}  // namespace

OutputDirectory::OutputDirectory(fs::path root, std::vector<fs::path> known)
    : root_(std::move(root)), known_(std::move(known)) {}

bool OutputDirectory::holds_foreign_files() const {
    const auto normal = [](const fs::path& path) {
        return path.empty() ? path : fs::absolute(path).lexically_normal();
    };
    const auto is_known = [&](const fs::path& path) {
        return path == report() ||
               std::any_of(known_.begin(), known_.end(),
                           [&](const fs::path& known) { return normal(known) == normal(path); });
    };
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(root_, error)) {
        const fs::path name = entry.path().filename();
        if (name != "owner" && name != "job" && name != "model" && !is_known(entry.path()) &&
            !is_stale_file(entry.path())) {
            return true;
        }
    }
    return false;
}

void OutputDirectory::check(bool force, bool simulated) const {
    std::error_code error;
    const auto status = fs::status(root_, error);
    if (!fs::exists(status)) {
        return;
    }
    require(fs::is_directory(status), ErrorCode::bad_input,
            "{}: is not a directory: choose another --out", root_.string());
    require(!holds_foreign_files(), ErrorCode::bad_input,
            "{}: is not empty and not of an earlier run: choose another --out", root_.string());
    if (force) {
        return;
    }
    const bool resumable = fs::exists(OwnerFiles{owner()}.plan());
    const bool occupied = has_entries(owner()) || has_entries(job()) || has_entries(model());
    require(!occupied || (resumable && !simulated), ErrorCode::bad_input,
            "{}: holds another run{}: choose another --out, or give --force to remove it",
            root_.string(), simulated ? "" : " that cannot be gone on with");
}

void OutputDirectory::clear() const {
    std::vector<DirectoryLock> locks;
    for (const fs::path& directory : {owner(), job()}) {
        if (fs::is_directory(directory)) {
            locks.push_back(value_or_throw(DirectoryLock::acquire(directory)));
        }
    }
    for (const fs::path& directory : {owner(), job(), model()}) {
        remove_entries(directory);
    }
    std::error_code error;
    fs::remove(report(), error);  // it would tell of another run
    require(!error, ErrorCode::io_failure, "cannot remove {}: {}", report().string(),
            error.message());
}

DirectoryLock OutputDirectory::claim() const {
    make_directory(root_);
    make_owner_directory(owner());
    auto lock = value_or_throw(DirectoryLock::acquire(owner()));
    make_directory(job());
    // A server that still works there must not lose its temporary files.
    const auto of_server = value_or_throw(DirectoryLock::acquire(job()));
    for (const fs::path& directory : {root_, owner(), job()}) {
        remove_stale_files(directory);
    }
    return lock;
}

void OutputDirectory::claim_for_model() const {
    make_directory(root_);
    if (fs::exists(model())) {
        remove_entries(model());
    }
}

}  // namespace cipherfit
