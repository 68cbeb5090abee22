// Who did what, to which job, with which digest, and when: a file that only grows, each line of
// which holds the hash of the line before.
//
// A line is "HASH JSON": the JSON has "sequence" (1, 2, ...), "previous" (the hash of the line
// before, zeros in the first), "time", "who", "what", and "job" and "digest" where there are any;
// HASH is the SHA-256 of the JSON's bytes in hex. Whoever can write the file can make a new chain,
// and cut its end off: keep the last hash elsewhere from time to time (the log has it too), and
// compare it with the line of that number.
#pragma once

#include "cipherfit/base/error.h"
#include "cipherfit/io/file.h"

#include <cstdint>
#include <filesystem>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace cipherfit::service {

struct AuditEntry {
    std::string_view who = {}, what = {}, job = {}, digest = {}, detail = {};
};

struct AuditHead {
    std::int64_t sequence = 0;  // 0: no entry
    std::string hash;
    friend bool operator==(const AuditHead&, const AuditHead&) = default;
};

class AuditLog {
  public:
    // Opens or begins the file. A last line that a sudden end has cut is removed; what stands
    // before it is not read again. Throws Error(io_failure, corrupt_data).
    explicit AuditLog(const std::filesystem::path& file);

    // Throws Error(io_failure), after which the log is as before.
    void add(const AuditEntry& entry);
    AuditHead head() const;
    // Puts what was added on the disk. Throws Error(io_failure).
    void flush() const;

  private:
    mutable std::mutex mutex_;
    FileDescriptor file_;
    std::string name_;
    AuditHead head_;
};

// Reads all of it. Errors name the entry: corrupt_data for a changed, missing or moved one, or
// where the entry of `known` has another hash or is missing; io_failure.
Expected<AuditHead> verify_audit_log(const std::filesystem::path& file,
                                     const std::optional<AuditHead>& known = {});

}  // namespace cipherfit::service
