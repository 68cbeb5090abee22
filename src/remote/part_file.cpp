#include "remote/part_file.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <fcntl.h>
#include <string>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>
#include <utility>
#include <vector>

#include <fmt/format.h>

namespace cipherfit {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t piece_bytes = std::size_t{1} << 20U;
constexpr std::string_view ending = ".part";

void require_system(bool done, const fs::path& path) {
    require(done, ErrorCode::io_failure, "{}: {}", path.string(),
            std::generic_category().message(errno));
}

std::optional<Digest> digest_from_hex(std::string_view text) {
    Digest digest{};
    if (text.size() != 2 * digest.size()) {
        return std::nullopt;
    }
    constexpr std::string_view digits = "0123456789abcdef";
    for (std::size_t i = 0; i < digest.size(); ++i) {
        const auto high = digits.find(text[2 * i]);
        const auto low = digits.find(text[2 * i + 1]);
        if (high == std::string_view::npos || low == std::string_view::npos) {
            return std::nullopt;
        }
        digest[i] = static_cast<std::uint8_t>(16 * high + low);
    }
    return digest;
}

}  // namespace

Expected<Digest> digest_of(ByteSource& source, const std::function<void()>& idle) {
    Sha256 hash;
    std::vector<std::uint8_t> piece(piece_bytes);
    for (std::uint64_t at = 0; at < source.size(); at += piece.size()) {
        const auto part = std::span(piece).first(
            static_cast<std::size_t>(std::min<std::uint64_t>(piece.size(), source.size() - at)));
        if (auto read = source.read_at(at, part); !read) {
            return tl::unexpected(read.error());
        }
        hash.update(part);
        idle();
    }
    return hash.finish();
}

PartFile::PartFile(fs::path target) : target_(std::move(target)) {
    const std::string begin = fmt::format(".{}.", target_.filename().string());
    std::vector<Digest> found;
    std::error_code none;
    for (const auto& entry : fs::directory_iterator(target_.parent_path(), none)) {
        const std::string name = entry.path().filename().string();
        if (!name.starts_with(begin) || !name.ends_with(ending) ||
            name.size() < begin.size() + ending.size()) {
            continue;
        }
        const auto digest = digest_from_hex(std::string_view(name).substr(
            begin.size(), name.size() - begin.size() - ending.size()));
        if (digest && fs::is_regular_file(entry.symlink_status())) {
            found.push_back(*digest);
        }
    }
    if (found.size() == 1) {
        digest_ = found.front();
        open();
        return;
    }
    for (const Digest& digest : found) {
        fs::remove(path(digest), none);
    }
}

fs::path PartFile::path(const Digest& digest) const {
    return target_.parent_path() /
           fmt::format(".{}.{}{}", target_.filename().string(), to_hex(digest), ending);
}

void PartFile::open() {
    const fs::path part = path(*digest_);
    descriptor_ = FileDescriptor(
        ::open(part.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600));
    require_system(descriptor_.valid(), part);
    struct stat status{};
    require_system(::fstat(descriptor_.get(), &status) == 0, part);
    size_ = static_cast<std::uint64_t>(status.st_size);
}

void PartFile::take_up(const Digest& digest) {
    digest_ = digest;
    open();
}

void PartFile::append(std::span<const std::uint8_t> bytes) {
    while (!bytes.empty()) {
        const ssize_t written = ::write(descriptor_.get(), bytes.data(), bytes.size());
        if (written < 0 && errno == EINTR) {
            continue;
        }
        require_system(written > 0, target_);
        size_ += static_cast<std::uint64_t>(written);
        bytes = bytes.subspan(static_cast<std::size_t>(written));
    }
}

bool PartFile::complete(const std::function<void()>& idle) {
    const fs::path part = path(*digest_);
    {
        const auto source = value_or_throw(FileSource::open(part));
        if (value_or_throw(digest_of(*source, idle)) != *digest_) {
            return false;
        }
    }
    require_system(::fsync(descriptor_.get()) == 0, target_);
    errno = descriptor_.close();
    require_system(errno == 0, target_);
    require_system(std::rename(part.c_str(), target_.c_str()) == 0, target_);
    const FileDescriptor directory(
        ::open(target_.parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    require_system(directory.valid() && ::fsync(directory.get()) == 0, target_);
    digest_.reset();
    size_ = 0;
    return true;
}

void PartFile::discard() {
    if (digest_) {
        std::error_code ignored;
        fs::remove(path(*digest_), ignored);
    }
    static_cast<void>(descriptor_.close());
    digest_.reset();
    size_ = 0;
}

}  // namespace cipherfit
