#include "cli/output_directory.h"

#include "cli/own_files.h"
#include "cli/owner_files.h"
#include "cli/owner_steps.h"

#include <algorithm>
#include <string>
#include <system_error>
#include <utility>

namespace cipherfit {
namespace {

namespace fs = std::filesystem;

}  // namespace

OutputDirectory::OutputDirectory(fs::path root, std::vector<fs::path> known)
    : root_(std::move(root)), known_(std::move(known)) {}

bool OutputDirectory::is_known(const fs::path& path) const {
    const auto normal = [](const fs::path& name) {
        return name.empty() ? name : fs::absolute(name).lexically_normal();
    };
    return path == report() || std::ranges::any_of(known_, [&](const fs::path& known) {
               return normal(known) == normal(path);
           });
}

bool OutputDirectory::is_foreign() const {
    std::error_code error;
    auto entry = fs::directory_iterator(root_, error);
    for (; !error && entry != fs::directory_iterator(); entry.increment(error)) {
        const fs::path& path = entry->path();
        const fs::path name = path.filename();
        if (name != "owner" && name != "job" && name != "model" && !is_known(path) &&
            !is_stale_file(path)) {
            return true;
        }
    }
    require(!error, ErrorCode::io_failure, "cannot read the directory {}: {}", root_.string(),
            error.message());
    return false;
}

bool OutputDirectory::can_go_on(bool simulated_now) const {
    const OwnerFiles files{owner()};
    if (simulated_now) {
        // Nothing yet, or a simulated run alone, which is held to its inputs before it is replaced.
        return !has_entries(owner()) && !has_entries(job()) &&
               (!has_entries(model()) || fs::exists(simulated()));
    }
    if (fs::exists(files.plan())) {
        return !fs::exists(simulated());
    }
    // A run writes its plan last of all that comes before the key.
    return !fs::exists(files.secret_key()) && !fs::exists(files.job()) &&
           !holds_foreign_files(owner()) && !has_entries(job()) && !has_entries(model());
}

void OutputDirectory::check(bool force, bool simulated_now) const {
    std::error_code error;
    const auto status = fs::status(root_, error);
    if (!fs::exists(status)) {
        return;
    }
    require(fs::is_directory(status), ErrorCode::bad_input,
            "{}: is not a directory: choose another --out", root_.string());
    require(!is_foreign(), ErrorCode::bad_input,
            "{}: is not empty and not of an earlier run: choose another --out", root_.string());
    if (force) {
        require_no_links(root_, "--force");
        require(!fs::is_symlink(fs::symlink_status(report(), error)), ErrorCode::bad_input,
                "{}: is a symbolic link, behind which --force removes nothing: remove it, or "
                "choose another directory",
                report().string());
        for (const fs::path& directory : {owner(), job(), model()}) {
            require_no_links(directory, "--force");
        }
        return;
    }
    require(can_go_on(simulated_now), ErrorCode::bad_input,
            "{}: holds another run{}: choose another --out, or give --force to remove it",
            root_.string(), simulated_now ? "" : " that cannot be gone on with");
}

void OutputDirectory::clear() const {
    std::vector<DirectoryLock> locks;
    for (const fs::path& directory : {owner(), job()}) {
        if (fs::is_directory(directory)) {
            locks.push_back(value_or_throw(DirectoryLock::acquire(directory)));
        }
    }
    for (const fs::path& directory : {owner(), job(), model()}) {
        remove_own_files(directory);
    }
    // The locks too where nothing else is left: a simulated run leaves its model alone.
    std::error_code error;
    for (const fs::path& directory : {owner(), job(), model()}) {
        if (fs::is_directory(directory, error) && !has_entries(directory)) {
            fs::remove(directory / ".lock", error);
            fs::remove(directory, error);
        }
    }
    remove_stale_files(root_);
    fs::remove(report(), error);  // it would tell of another run
    require(!error, ErrorCode::io_failure, "cannot remove {}: {}", report().string(),
            error.message());
}

DirectoryLock OutputDirectory::claim() const {
    make_directory(root_);
    make_owner_directory(owner());
    auto lock = value_or_throw(DirectoryLock::acquire(owner()));
    make_directory(job());
    // A server that still works there must not be joined by another.
    const auto of_server = value_or_throw(DirectoryLock::acquire(job()));
    for (const fs::path& directory : {root_, owner(), job(), model(), job() / "checkpoints"}) {
        remove_stale_files(directory);
    }
    return lock;
}

void OutputDirectory::claim_for_model(const nlohmann::json& inputs) const {
    make_directory(root_);
    make_owner_directory(model());
    remove_stale_files(root_);
    remove_stale_files(model());
    if (fs::exists(simulated())) {
        require_same_inputs(simulated(), inputs);
    }
    write_json(simulated(), inputs);
}

}  // namespace cipherfit
