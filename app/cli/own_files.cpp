#include "cli/own_files.h"

#include "cipherfit/base/error.h"
#include "cipherfit/io/file.h"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <system_error>

namespace cipherfit {
namespace {

namespace fs = std::filesystem;

// plan.json is first: without it nothing is gone on with that was removed in part. The key goes
// before the record of what was decrypted under it: a removal that is interrupted must not leave a
// key that has forgotten its refusal.
constexpr std::array<std::string_view, 32> names{
    "plan.json",       "secret.key",      "decryptions.json",    "card.json",
    "inputs.json",     "job.json",        "column_weights.npy",  "twin_weights.npy",
    "scaled_rows.npy", "timings.json",    "test.json",           "features.json",
    "prediction.json", "unfinished.json", "expected_scores.npy", "plan.cft",
    "model.cft",       "checkpoint.cft",  "evaluation_keys.cft", "training_data.cft",
    "rows.cft",        "scores.cft",      "encrypted_model.cft", "prediction_plan.cft",
    "model.json",      "simulated.json",  "server_report.json",  "weights.npy",
    "features.npy",    "labels.npy",      "thumbnails.npy",      "extraction.json"};

struct Folder {
    std::string_view name, prefix;
    std::array<std::string_view, 2> suffixes;
};
constexpr std::array<Folder, 2> folders{{{"batches", "batch_", {".cft", ".cft"}},
                                         {"checkpoints", "iteration_", {".cft", ".answer.json"}}}};

bool is_of(const Folder& folder, const std::string& name) {
    return name.starts_with(folder.prefix) &&
           std::ranges::any_of(folder.suffixes,
                               [&](std::string_view suffix) { return name.ends_with(suffix); });
}

bool is_passing(const fs::path& path) {
    return path.filename() == ".lock" || is_stale_file(path);
}

std::vector<fs::path> entries(const fs::path& directory) {
    std::vector<fs::path> found;
    std::error_code error;
    auto entry = fs::directory_iterator(directory, error);
    for (; !error && entry != fs::directory_iterator(); entry.increment(error)) {
        found.push_back(entry->path());
    }
    return found;
}

bool is_link(const fs::path& path) {
    std::error_code error;
    return fs::is_symlink(fs::symlink_status(path, error));
}

}  // namespace

std::vector<fs::path> own_files(const fs::path& directory) {
    std::vector<fs::path> found;
    found.reserve(names.size() + 1);
    for (const std::string_view name : names) {
        found.push_back(directory / name);
    }
    found.push_back(directory / "class_names.json");
    for (const Folder& folder : folders) {
        for (const fs::path& path : entries(directory / folder.name)) {
            if (is_of(folder, path.filename().string())) {
                found.push_back(path);
            }
        }
    }
    return found;
}

bool has_entries(const fs::path& directory) {
    return !std::ranges::all_of(entries(directory), is_passing);
}

bool holds_foreign_files(const fs::path& directory) {
    const std::vector<fs::path> own = own_files(directory);
    return std::ranges::any_of(entries(directory), [&own](const fs::path& path) {
        return !is_passing(path) && std::ranges::find(own, path) == own.end() &&
               std::ranges::none_of(folders, [&path](const Folder& folder) {
                   return path.filename() == folder.name;
               });
    });
}

void require_no_links(const fs::path& directory, const char* option) {
    std::vector<fs::path> all = own_files(directory);
    all.push_back(directory);
    for (const Folder& folder : folders) {
        all.push_back(directory / folder.name);
    }
    for (const fs::path& path : all) {
        require(!is_link(path), ErrorCode::bad_input,
                "{}: is a symbolic link, behind which {} removes nothing: remove it, or choose "
                "another directory",
                path.string(), option);
    }
}

void remove_own_files(const fs::path& directory) {
    std::error_code error;
    for (const fs::path& path : own_files(directory)) {
        if (!is_link(path)) {
            fs::remove(path, error);
            require(!error, ErrorCode::io_failure, "cannot remove {}: {}", path.string(),
                    error.message());
        }
    }
    remove_stale_files(directory);
    for (const Folder& folder : folders) {
        const fs::path inner = directory / folder.name;
        if (!is_link(inner)) {
            remove_stale_files(inner);
            fs::remove(inner, error);  // stays where something is left in it
        }
    }
}

}  // namespace cipherfit
