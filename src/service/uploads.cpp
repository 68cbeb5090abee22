#include "service/uploads.h"

#include "service/refusal.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <vector>

namespace cipherfit::service {
namespace {

namespace fs = std::filesystem;

// Files that are open at once beyond those with streams: what was hashed of others is hashed again.
constexpr std::size_t most_open = 256;

[[noreturn]] void refuse_system(const std::string& name) {
    const int error = errno;
    if (error == ENOSPC || error == EDQUOT || error == EFBIG) {
        refuse(Status::resource_exhausted, "{}: the server's disk is full", name);
    }
    refuse(Status::internal, "{}: the server cannot write it: {}", name, std::strerror(error));
}

// What the files of all uploads of that name begin with.
std::string prefix_of(const std::string& name) {
    std::string prefix = name + "~";
    std::ranges::replace(prefix, '/', '~');  // no name of a content has that
    return prefix;
}

void remove_of(const fs::path& directory, const std::string& prefix) {
    std::error_code error;
    std::vector<fs::path> earlier;
    for (auto entry = fs::directory_iterator(directory, error);
         !error && entry != fs::directory_iterator(); entry.increment(error)) {
        if (entry->path().filename().string().starts_with(prefix)) {
            earlier.push_back(entry->path());
        }
    }
    for (const fs::path& path : earlier) {
        fs::remove(path, error);
    }
}

}  // namespace

void flush_directory(const fs::path& path) {
    const FileDescriptor directory(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    static_cast<void>(directory.valid() && ::fsync(directory.get()) == 0);
}

Incoming::Incoming(fs::path path, FileRecord file)
    : path_(std::move(path)), file_(std::move(file)), name_(plain_name(file_.name)) {
    fs::create_directories(path_.parent_path());
    descriptor_ =
        FileDescriptor(::open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
    struct stat status{};
    if (!descriptor_.valid() || ::fstat(descriptor_.get(), &status) != 0) {
        refuse_system(name_);
    }
    received_ = static_cast<std::uint64_t>(status.st_size);
    if (received_ > file_.bytes) {
        drop();
    }
}

// A thread of many clients does not wait for what another stream does.
std::unique_lock<std::mutex> Incoming::hold() {
    std::unique_lock lock(mutex_, std::try_to_lock);
    if (!lock.owns_lock()) {
        refuse(Status::aborted, "{}: another stream of it is at work: try again", name_);
    }
    return lock;
}

void Incoming::require_current(std::uint64_t stream) const {
    if (stream != stream_) {
        refuse(Status::aborted, "{}: another upload of the same file has taken over", name_);
    }
}

void Incoming::append(std::uint64_t stream, std::uint64_t offset,
                      std::span<const std::uint8_t> bytes) {
    const auto lock = hold();
    require_current(stream);
    if (offset != received_) {
        refuse(Status::out_of_range, "{}: the server has {} bytes, the chunk begins at {}", name_,
               received_.load(), offset);
    }
    if (bytes.empty() || bytes.size() > file_.bytes - received_) {
        refuse(Status::out_of_range, "{}: the chunk has {} bytes, {} are missing", name_,
               bytes.size(), file_.bytes - received_.load());
    }
    hash_what_is_there();
    for (std::size_t done = 0; done < bytes.size();) {
        const ssize_t written = ::pwrite(descriptor_.get(), bytes.data() + done,
                                         bytes.size() - done, static_cast<off_t>(received_ + done));
        if (written < 0 && errno == EINTR) {
            continue;
        }
        if (written <= 0) {
            const int error = errno;
            // What was written of this chunk is not counted.
            static_cast<void>(::ftruncate(descriptor_.get(), static_cast<off_t>(received_)) == 0);
            errno = error;
            refuse_system(name_);
        }
        done += static_cast<std::size_t>(written);
    }
    hash_.update(bytes);
    received_ += bytes.size();
    hashed_ = received_;
}

// After a restart: the digest of what came before.
void Incoming::hash_what_is_there() {
    std::vector<std::uint8_t> piece;
    while (hashed_ < received_) {
        piece.resize(std::size_t{1} << 20U);
        const ssize_t got = ::pread(
            descriptor_.get(), piece.data(),
            static_cast<std::size_t>(std::min<std::uint64_t>(piece.size(), received_ - hashed_)),
            static_cast<off_t>(hashed_));
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            refuse(Status::internal, "{}: the server cannot read what it has", name_);
        }
        hash_.update(std::span(piece).first(static_cast<std::size_t>(got)));
        hashed_ += static_cast<std::uint64_t>(got);
    }
}

void Incoming::finish(std::uint64_t stream, const std::function<void()>& accept) {
    const auto lock = hold();
    if (accepted_) {
        return;
    }
    struct Finishing {
        std::atomic<bool>& flag;
        explicit Finishing(std::atomic<bool>& of) : flag(of) { flag = true; }
        ~Finishing() { flag = false; }
        Finishing(const Finishing&) = delete;
        Finishing& operator=(const Finishing&) = delete;
    };
    // Before the comparison: who takes over first, and looks at the flag then, misses nothing.
    const Finishing finishing(finishing_);
    require_current(stream);
    compare();
    try {
        accept();
    } catch (const Refusal& refusal) {
        if (refusal.status() != Status::internal) {
            drop();
        }
        throw;
    }
    accepted_ = true;
}

void Incoming::compare() {
    if (received_ < file_.bytes) {
        refuse(Status::out_of_range, "{}: {} of {} bytes came", name_, received_.load(),
               file_.bytes);
    }
    hash_what_is_there();
    const std::string digest = to_hex(hash_.finish());
    hashed_ = 0;
    if (digest != file_.sha256) {
        drop();
        refuse(Status::data_loss,
               "{}: the bytes have the digest {}, announced was {}: upload the file again", name_,
               digest.substr(0, 16), file_.sha256.substr(0, 16));
    }
    if (::fdatasync(descriptor_.get()) != 0) {
        refuse_system(name_);
    }
}

void Incoming::drop() {
    received_ = 0;
    hashed_ = 0;
    static_cast<void>(hash_.finish());
    static_cast<void>(::ftruncate(descriptor_.get(), 0) == 0);
}

IncomingFiles::IncomingFiles(fs::path directory) : directory_(std::move(directory)) {
    fs::create_directories(directory_);
}

fs::path IncomingFiles::path(const std::string& job, const FileRecord& file) const {
    return directory_ / job / (prefix_of(file.name) + file.sha256);
}

std::shared_ptr<Incoming> IncomingFiles::open(const std::string& job, const FileRecord& file,
                                              bool afresh) {
    const std::lock_guard lock(mutex_);
    const auto key = std::pair(job, file.name);
    const auto found = open_.find(key);
    if (found != open_.end() && !afresh && found->second->file().sha256 == file.sha256 &&
        found->second->file().bytes == file.bytes) {
        return found->second;
    }
    if (found != open_.end()) {
        found->second->take_over();
        if (found->second->is_finishing()) {
            refuse(Status::aborted, "{}: another upload of it is being checked: try again",
                   plain_name(file.name));
        }
        open_.erase(found);
    }
    if (afresh) {
        remove_of(directory_ / job, prefix_of(file.name));
    }
    if (open_.size() >= most_open) {
        std::erase_if(open_, [](const auto& entry) { return entry.second.use_count() == 1; });
    }
    auto made = std::make_shared<Incoming>(path(job, file), file);
    open_.emplace(key, made);
    return made;
}

std::uint64_t IncomingFiles::received(const std::string& job, const FileRecord& file) const {
    {
        const std::lock_guard lock(mutex_);
        const auto found = open_.find(std::pair(job, file.name));
        if (found != open_.end()) {
            return found->second->received();
        }
    }
    std::error_code error;
    const auto bytes = fs::file_size(path(job, file), error);
    return error ? 0 : bytes;
}

void IncomingFiles::close(const std::string& job, const std::string& name) {
    const std::lock_guard lock(mutex_);
    open_.erase(std::pair(job, name));
}

void IncomingFiles::drop_parts(const std::string& job, const std::string& name) {
    const std::lock_guard lock(mutex_);
    std::erase_if(open_, [&](const auto& entry) {
        const bool is_part = entry.first.first == job && entry.first.second != name &&
                             plain_name(entry.first.second) == name;
        if (is_part) {
            entry.second->take_over();
        }
        return is_part;
    });
    remove_of(directory_ / job, prefix_of(name));
}

void IncomingFiles::drop(const std::string& job, const FileRecord& file) {
    const std::lock_guard lock(mutex_);
    if (const auto found = open_.find(std::pair(job, file.name)); found != open_.end()) {
        found->second->take_over();
        open_.erase(found);
    }
    std::error_code ignored;
    fs::remove(path(job, file), ignored);
}

std::optional<fs::file_time_type> IncomingFiles::changed(const std::string& job,
                                                         const FileRecord& file) const {
    std::error_code error;
    const auto time = fs::last_write_time(path(job, file), error);
    return error ? std::nullopt : std::optional(time);
}

void IncomingFiles::close_all(const std::string& job) {
    const std::lock_guard lock(mutex_);
    std::erase_if(open_, [&](const auto& entry) {
        if (entry.first.first != job) {
            return false;
        }
        entry.second->take_over();
        return true;
    });
}

}  // namespace cipherfit::service
