#include "service/audit_log.h"

#include "cipherfit/base/secure.h"
#include "service/clock.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <fstream>
#include <sys/stat.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

namespace cipherfit::service {
namespace {

constexpr std::size_t hash_characters = 64;
// A line is far shorter; the end of the file is read in one piece.
constexpr std::int64_t longest_audit_line = std::int64_t{1} << 16U;

std::string hash_of(std::string_view text) {
    return to_hex(sha256({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()}));
}

struct AuditLine {
    std::int64_t sequence = 0;
    std::string hash, previous;
};

// Nothing where the line is not what it says.
std::optional<AuditLine> parse_audit_line(std::string_view line) {
    if (line.size() < hash_characters + 2 || line[hash_characters] != ' ') {
        return {};
    }
    AuditLine parsed;
    parsed.hash = line.substr(0, hash_characters);
    const std::string_view text = line.substr(hash_characters + 1);
    const auto json = nlohmann::json::parse(text, nullptr, false);
    if (hash_of(text) != parsed.hash || !json.is_object() ||
        !json.value("sequence", nlohmann::json()).is_number_integer() ||
        !json.value("previous", nlohmann::json()).is_string()) {
        return {};
    }
    parsed.sequence = json["sequence"].get<std::int64_t>();
    parsed.previous = json["previous"].get<std::string>();
    return parsed;
}

}  // namespace

AuditLog::AuditLog(const std::filesystem::path& file)
    : file_(::open(file.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600)),
      name_(file.string()) {
    require(file_.valid(), ErrorCode::io_failure, "{}: {}", name_, std::strerror(errno));
    struct stat status{};
    require(::fstat(file_.get(), &status) == 0, ErrorCode::io_failure, "{}: {}", name_,
            std::strerror(errno));
    const std::int64_t size = status.st_size;
    const std::int64_t begin = std::max<std::int64_t>(0, size - longest_audit_line);
    std::string end(static_cast<std::size_t>(size - begin), '\0');
    require(::pread(file_.get(), end.data(), end.size(), begin) == static_cast<ssize_t>(end.size()),
            ErrorCode::io_failure, "{}: cannot be read", name_);
    const std::size_t last_end = end.rfind('\n');
    const std::size_t whole = last_end == std::string::npos ? 0 : last_end + 1;
    if (whole < end.size()) {  // a line that was cut
        require(::ftruncate(file_.get(), begin + static_cast<std::int64_t>(whole)) == 0,
                ErrorCode::io_failure, "{}: {}", name_, std::strerror(errno));
        end.resize(whole);
    }
    if (end.empty()) {
        head_.hash.assign(hash_characters, '0');
        return;
    }
    const std::size_t before = end.rfind('\n', end.size() - 2);
    const auto line = parse_audit_line(std::string_view(end).substr(
        before == std::string::npos ? 0 : before + 1,
        end.size() - 1 - (before == std::string::npos ? 0 : before + 1)));
    require(line.has_value(), ErrorCode::corrupt_data,
            "{}: its last entry was changed: verify the log, and put it aside before the service "
            "starts again",
            name_);
    head_ = {line->sequence, line->hash};
}

void AuditLog::add(const AuditEntry& entry) {
    const std::lock_guard lock(mutex_);
    nlohmann::ordered_json json{{"sequence", head_.sequence + 1},
                                {"previous", head_.hash},
                                {"time", utc_now()},
                                {"who", entry.who},
                                {"what", entry.what}};
    for (const auto& [key, value] :
         {std::pair{"job", entry.job}, {"digest", entry.digest}, {"detail", entry.detail}}) {
        if (!value.empty()) {
            json[key] = value;
        }
    }
    const std::string text = json.dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
    const std::string hash = hash_of(text);
    const std::string line = hash + " " + text + "\n";
    errno = 0;
    const ssize_t written = ::write(file_.get(), line.data(), line.size());
    if (written != static_cast<ssize_t>(line.size())) {
        const int error = errno != 0 ? errno : ENOSPC;
        if (written > 0) {  // no part of a line stays before the next one
            const off_t end = ::lseek(file_.get(), 0, SEEK_END);
            static_cast<void>(end >= written && ::ftruncate(file_.get(), end - written) == 0);
        }
        throw Error(ErrorCode::io_failure,
                    fmt::format("{}: cannot write the audit log: {}", name_, std::strerror(error)));
    }
    head_ = {head_.sequence + 1, hash};
}

AuditHead AuditLog::head() const {
    const std::lock_guard lock(mutex_);
    return head_;
}

void AuditLog::flush() const {
    require(::fdatasync(file_.get()) == 0, ErrorCode::io_failure,
            "{}: cannot be put on the disk: {}", name_, std::strerror(errno));
}

Expected<AuditHead> verify_audit_log(const std::filesystem::path& file,
                                     const std::optional<AuditHead>& known) {
    std::ifstream in(file, std::ios::binary);
    if (!in) {
        return make_error(ErrorCode::io_failure, "{}: cannot be read", file.string());
    }
    AuditHead head{0, std::string(hash_characters, '0')};
    std::string line;
    while (std::getline(in, line)) {
        const std::int64_t expected = head.sequence + 1;
        if (in.eof()) {
            return make_error(ErrorCode::corrupt_data, "{}: entry {} ends before its line does",
                              file.string(), expected);
        }
        const auto parsed = parse_audit_line(line);
        if (!parsed) {
            return make_error(ErrorCode::corrupt_data, "{}: entry {} was changed", file.string(),
                              expected);
        }
        if (parsed->sequence != expected || parsed->previous != head.hash) {
            return make_error(ErrorCode::corrupt_data,
                              "{}: entry {} does not follow the one before: an entry was changed, "
                              "removed or put in",
                              file.string(), expected);
        }
        head = {parsed->sequence, parsed->hash};
        if (known && known->sequence == head.sequence && known->hash != head.hash) {
            return make_error(ErrorCode::corrupt_data,
                              "{}: entry {} has another hash than was noted: the chain was made "
                              "anew",
                              file.string(), head.sequence);
        }
    }
    if (known && known->sequence > head.sequence) {
        return make_error(ErrorCode::corrupt_data,
                          "{}: entry {} is missing: the log ends before it", file.string(),
                          head.sequence + 1);
    }
    return head;
}

}  // namespace cipherfit::service
