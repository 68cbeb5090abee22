#include "cipherfit/protocol/job_store.h"

#include "cipherfit/io/file.h"

#include <algorithm>
#include <system_error>
#include <utility>

namespace cipherfit {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t longest_name = 128;

bool is_part(std::string_view part) noexcept {
    const auto is_allowed = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '.';
    };
    return !part.empty() && part.front() != '.' && std::ranges::all_of(part, is_allowed);
}

Expected<void> system(const std::error_code& error, const char* what, const fs::path& path) {
    if (error) {
        return make_error(ErrorCode::io_failure, "{}: cannot {}: {}", path.string(), what,
                          error.message());
    }
    return {};
}

// For a message of one line.
std::string printable(std::string_view name) {
    std::string text(name.substr(0, longest_name));
    std::ranges::replace_if(text, [](char c) { return c < ' ' || c > '~'; }, '?');
    return text;
}

class DirectoryHold final : public JobHold {
  public:
    explicit DirectoryHold(DirectoryLock lock) : lock_(std::move(lock)) {}

  private:
    DirectoryLock lock_;
};

// Appends the contents in a folder of the store, or in the store itself, that begin with `prefix`.
Expected<void> list_folder(const fs::path& directory, const std::string& folder,
                           std::string_view prefix, std::vector<std::string>& names) {
    std::error_code error;
    auto entry = fs::directory_iterator(directory, error);
    for (; !error && entry != fs::directory_iterator(); entry.increment(error)) {
        const std::string name = folder + entry->path().filename().string();
        if (name.starts_with(prefix) && is_content_name(name) && entry->is_regular_file(error)) {
            names.push_back(name);
        }
    }
    return system(error, "list", directory);
}

}  // namespace

bool is_content_name(std::string_view name) noexcept {
    const std::size_t slash = name.find('/');
    return name.size() <= longest_name && is_part(name.substr(0, slash)) &&
           (slash == std::string_view::npos || is_part(name.substr(slash + 1)));
}

Expected<std::uint64_t> content_bytes(const JobStore& store, std::string_view name) {
    return store.get(name).map([](const auto& source) { return source->size(); });
}

DirectoryStore::DirectoryStore(fs::path directory) : directory_(std::move(directory)) {}

fs::path DirectoryStore::path(std::string_view name) const {
    require(is_content_name(name), ErrorCode::invalid_argument,
            "'{}' is not the name of a job's content", printable(name));
    return directory_ / name;
}

std::string DirectoryStore::label(std::string_view name) const {
    return path(name).string();
}

bool DirectoryStore::exists(std::string_view name) const {
    std::error_code error;
    return fs::exists(path(name), error);
}

Expected<std::unique_ptr<ByteSource>> DirectoryStore::get(std::string_view name) const {
    return FileSource::open(path(name));
}

Expected<std::unique_ptr<ByteSink>> DirectoryStore::put(std::string_view name) {
    const fs::path file = path(name);
    std::error_code error;
    if (file.parent_path() != directory_) {
        fs::create_directories(file.parent_path(), error);
    }
    if (auto made = system(error, "make the directory", file.parent_path()); !made) {
        return tl::unexpected<ErrorInfo>(made.error());
    }
    return ContentSink(file).take();
}

Expected<void> DirectoryStore::remove(std::string_view name) {
    const fs::path file = path(name);
    std::error_code error;
    fs::remove(file, error);
    return system(error, "remove the file", file);
}

Expected<void> DirectoryStore::copy(std::string_view from, std::string_view to) {
    const fs::path source = path(from);
    const fs::path target = path(to);
    std::error_code error;
    fs::create_directories(target.parent_path(), error);
    if (!error) {
        fs::remove(target, error);
    }
    if (!error) {
        fs::create_hard_link(source, target, error);
        if (error) {  // a file system without links
            fs::copy_file(source, target, error);
        }
    }
    return system(error, "copy to it", target);
}

Expected<std::vector<std::string>> DirectoryStore::list(std::string_view prefix) const {
    std::vector<std::string> names;
    std::error_code error;
    auto listed = list_folder(directory_, {}, prefix, names);
    auto entry = fs::directory_iterator(directory_, error);
    for (; listed && !error && entry != fs::directory_iterator(); entry.increment(error)) {
        const std::string folder = entry->path().filename().string();
        if (is_part(folder) && entry->is_directory(error)) {
            listed = list_folder(entry->path(), folder + '/', prefix, names);
        }
    }
    if (listed) {
        listed = system(error, "list", directory_);
    }
    if (!listed) {
        return tl::unexpected<ErrorInfo>(listed.error());
    }
    std::ranges::sort(names);
    return names;
}

Expected<std::unique_ptr<JobHold>> DirectoryStore::hold() {
    auto lock = DirectoryLock::acquire(directory_);
    if (!lock) {
        return tl::unexpected<ErrorInfo>(lock.error());
    }
    std::error_code error;
    remove_stale_files(directory_);
    for (auto entry = fs::directory_iterator(directory_, error);
         !error && entry != fs::directory_iterator(); entry.increment(error)) {
        std::error_code ignored;
        if (is_part(entry->path().filename().string()) && !entry->is_symlink(ignored) &&
            entry->is_directory(ignored)) {
            remove_stale_files(entry->path());
        }
    }
    return std::make_unique<DirectoryHold>(std::move(*lock));
}

ContentSource::ContentSource(const fs::path& file) : opened_(FileSource::open(file)) {}

ContentSink::ContentSink(const fs::path& file)
    : begun_(AtomicFile::create(file).map([](AtomicFile&& made) -> std::unique_ptr<ByteSink> {
          return std::make_unique<AtomicFile>(std::move(made));
      })) {}

}  // namespace cipherfit
