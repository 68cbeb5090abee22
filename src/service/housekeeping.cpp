// What the service does by itself: after a sudden end, and from time to time. A job that is deleted
// goes to removed/ first, under a name that no other has; a directory that no record knows goes to
// lost/, where an operator looks at it.
#include "service/admission.h"
#include "service/clock.h"
#include "service/journal.h"
#include "service/outcome.h"
#include "service/service.h"

#include <array>
#include <fcntl.h>
#include <sys/stat.h>
#include <utility>

#include <nlohmann/json.hpp>

namespace cipherfit::service {
namespace {

namespace fs = std::filesystem;

constexpr int deepest = 8;
constexpr auto seldom = std::chrono::hours(1);

std::string unused_name(std::string_view of) {
    std::array<std::uint8_t, 8> bytes{};
    random_bytes(bytes);
    return fmt::format("{}.{}", of, to_hex(bytes));
}

std::vector<fs::path> entries_of(const fs::path& directory) {
    std::vector<fs::path> entries;
    for (const auto& entry : fs::directory_iterator(directory)) {
        entries.push_back(entry.path());
    }
    return entries;
}

// A job can take away the right to read its own directories. Returns whether `path` is a directory.
bool make_readable(const fs::path& path) {
    const FileDescriptor directory(
        ::open(path.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!directory.valid()) {
        return false;
    }
    // The way by the descriptor follows no link.
    const std::string self = fmt::format("/proc/self/fd/{}", directory.get());
    static_cast<void>(::chmod(self.c_str(), 0700) == 0);
    return true;
}

// Makes all of a directory readable. What lies deep in it is moved to the top, and listed.
void open_up(const fs::path& path, int depth, const fs::path& top, std::vector<fs::path>& deep) {
    if (!make_readable(path)) {
        return;
    }
    std::error_code error;
    if (depth > deepest) {
        fs::path place = top / unused_name("deep");
        fs::rename(path, place, error);
        if (!error) {
            deep.push_back(std::move(place));
        }
        return;
    }
    for (auto entry = fs::directory_iterator(path, error);
         !error && entry != fs::directory_iterator(); entry.increment(error)) {
        open_up(entry->path(), depth + 1, top, deep);
    }
}

// A tree of any depth: at each level a descriptor is taken, and a path cannot be long.
void remove_tree(const fs::path& path) {
    std::vector<fs::path> trees{path};
    while (!trees.empty()) {
        const fs::path tree = std::move(trees.back());
        trees.pop_back();
        open_up(tree, 0, path, trees);
    }
    std::error_code error;
    fs::remove_all(path, error);
    if (error) {
        log_warning("not_removed", {{"path", path.string()}, {"error", error.message()}});
    }
}

// False if there is nothing.
bool rename_if_there(const fs::path& from, const fs::path& to) {
    std::error_code error;
    fs::rename(from, to, error);
    if (error == std::errc::permission_denied) {
        make_readable(from);
        fs::rename(from, to, error);
    }
    if (error && error != std::errc::no_such_file_or_directory) {
        throw fs::filesystem_error("cannot be moved", from, to, error);
    }
    return !error;
}

// False if it failed.
bool attempt(const char* what, const std::function<void()>& work) {
    try {
        work();
        return true;
    } catch (const std::exception& error) {
        log_warning("housekeeping", {{"what", what}, {"error", error.what()}});
        return false;
    }
}

}  // namespace

void Service::recover() {
    const auto exists = [this](const std::string& id) { return store_.job(id).has_value(); };
    // A deletion that had begun is finished.
    for (const fs::path& path : entries_of(settings_.data / "removed")) {
        attempt("removal", [&] {
            const std::string id = path.stem().string();
            if (exists(id) && !fs::exists(directory(id))) {
                store_.remove_job(id);
            }
            remove_tree(path);
        });
    }
    const fs::path lost = settings_.data / "lost";
    for (const char* part : {"jobs", "incoming"}) {
        for (const fs::path& path : entries_of(settings_.data / part)) {
            const std::string id = path.filename().string();
            if (exists(id)) {
                continue;
            }
            attempt("unknown", [&] {
                fs::create_directories(lost);
                const fs::path place = lost / unused_name(fmt::format("{}-{}", part, id));
                rename_if_there(path, place);
                log_warning("unknown_directory", {{"moved_to", place.string()}});
            });
        }
    }
    for (const fs::path& path : entries_of(settings_.data / "jobs")) {
        // A file that was moved into its place, and not noted yet, is checked again.
        const std::string id = path.filename().string();
        for (const FileRecord& file : store_.files(id)) {
            const fs::path came = incoming_.path(id, file);
            const fs::path place = path / plain_name(file.name);
            std::error_code error;
            if (!file.complete && file.bytes > 0 && fs::exists(place, error) &&
                !fs::exists(came, error)) {
                fs::create_directories(came.parent_path(), error);
                fs::rename(place, came, error);
            }
        }
    }
}

// Names in removed/ that a deletion is at work on.
class Service::Removing {
  public:
    Removing(Service& service, std::vector<std::string> names)
        : service_(service), names_(std::move(names)) {
        const std::lock_guard lock(service_.removing_mutex_);
        service_.removing_.insert(names_.begin(), names_.end());
    }
    ~Removing() {
        const std::lock_guard lock(service_.removing_mutex_);
        for (const std::string& name : names_) {
            service_.removing_.erase(name);
        }
    }
    Removing(const Removing&) = delete;
    Removing& operator=(const Removing&) = delete;
    const std::vector<std::string>& names() const noexcept { return names_; }

  private:
    Service& service_;
    std::vector<std::string> names_;
};

void Service::remove_job(const JobRecord& job, const std::string& who,
                         std::optional<std::int64_t> unchanged_since) {
    ballast_.release_if(free_bytes(settings_));  // a deletion writes too
    std::vector<std::pair<fs::path, fs::path>> moved;
    const Removing removing(*this, {unused_name(job.id), unused_name(job.id)});
    const auto move_back = [&] {
        for (const auto& [from, to] : moved) {
            std::error_code ignored;
            fs::rename(to, from, ignored);
        }
    };
    const bool is_removed = audited({.who = who, .what = "delete", .job = job.id}, [&] {
        if (!unchanged_since) {
            store_.move(job.id, {JobState::queued}, JobState::cancelled);
            scheduler_->remove(job);
            scheduler_->stop(job.id, true);
            scheduler_->wait_for_end(job.id);
        }
        const std::lock_guard lock(place_mutex_);
        try {
            return store_.remove_job(job.id, unchanged_since, [&] {
                incoming_.close_all(job.id);
                // A job of the same id may be made as soon as the record is gone.
                auto name = removing.names().begin();
                for (const fs::path& path : {directory(job.id), incoming_.directory(job.id)}) {
                    const fs::path place = settings_.data / "removed" / *name++;
                    if (rename_if_there(path, place)) {
                        moved.emplace_back(path, place);
                    }
                }
            });
        } catch (...) {
            move_back();
            throw;
        }
    });
    if (is_removed) {
        for (const auto& [from, to] : moved) {
            remove_tree(to);
        }
        watchers_.notify(job.id);
    }
}

void Service::keep_house() {
    if (settings_.retention_hours > 0) {
        attempt("retention", [this] {
            const std::int64_t oldest =
                unix_now() - static_cast<std::int64_t>(settings_.retention_hours * 3600);
            const auto now = std::chrono::steady_clock::now();
            std::erase_if(not_removed_, [&](const auto& one) { return now - one.second > seldom; });
            for (const JobRecord& job : store_.expired(oldest)) {
                // What fails leaves lines in the audit log: it is tried again seldom.
                if (!not_removed_.contains(job.id) &&
                    !attempt("retention", [&] { remove_job(job, "server: retention", oldest); })) {
                    not_removed_.emplace(job.id, now);
                }
            }
        });
    }
    attempt("audit log", [this] {
        // The head of what is on the disk for sure: a later one could be lost, and miss at a start.
        const AuditHead head = audit_.head();
        audit_.flush();
        if (head.sequence != store_.audit_head().first) {
            store_.put_audit_head(head.sequence, head.hash);
        }
    });
    attempt("room", [this] { keep_ballast(); });
    attempt("removal", [this] { sweep(); });
}

void Service::keep_ballast() {
    if (free_bytes(settings_) > settings_.disk_reserve_bytes + 2 * Ballast::bytes) {
        ballast_.take();
    }
}

// Removals that failed, and parts of posts.
void Service::sweep() {
    const auto now = std::chrono::steady_clock::now();
    if (swept_ && now - *swept_ < seldom) {
        return;
    }
    swept_ = now;
    for (const fs::path& path : entries_of(settings_.data / "removed")) {
        bool is_being_removed = false;
        {
            const std::lock_guard lock(removing_mutex_);
            is_being_removed = removing_.contains(path.filename().string());
        }
        if (!is_being_removed) {
            remove_tree(path);
        }
    }
    drop_old_parts();
}

// What members of a charter have begun to post and not gone on with.
void Service::drop_old_parts() {
    constexpr auto old = std::chrono::hours(24);
    const auto now = fs::file_time_type::clock::now();
    for (const auto& [job, file] : store_.open_uploads()) {
        if (!is_part(file.name)) {
            continue;
        }
        const std::lock_guard lock(place_mutex_);
        // Its client may have begun another one in its place since the list was read.
        if (const auto known = store_.file(job, file.name);
            !known || known->sha256 != file.sha256) {
            continue;
        }
        const auto changed = incoming_.changed(job, file);
        if (!changed || now - *changed > old) {
            incoming_.drop(job, file);
            store_.remove_file(job, file.name);
        }
    }
}

}  // namespace cipherfit::service
