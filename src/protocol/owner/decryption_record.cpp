#include "cipherfit/protocol/owner/decryption_record.h"

#include "base/hex.h"
#include "cipherfit/io/bytes.h"
#include "cipherfit/io/file.h"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <string>
#include <sys/file.h>
#include <utility>

#include <nlohmann/json.hpp>

namespace cipherfit {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t largest_record = std::size_t{1} << 26U;
constexpr const char* accepted_name = "accepted";
constexpr const char* refused_name = "refused";
constexpr const char* pending_name = "pending";

// Two commands in one directory must not both be the first. Waits: it is held for moments.
FileDescriptor lock_directory_of(const fs::path& file) {
    const fs::path parent = file.parent_path();
    const fs::path directory = parent.empty() ? fs::path(".") : parent;
    FileDescriptor descriptor(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    int locked = descriptor.valid() ? 0 : -1;
    while (locked == 0 && (locked = ::flock(descriptor.get(), LOCK_EX)) != 0 && errno == EINTR) {
        locked = 0;
    }
    require(locked == 0, ErrorCode::io_failure,
            "{}: cannot be locked: nothing is decrypted without its record", directory.string());
    return descriptor;
}

[[noreturn]] void damaged(const fs::path& file) {
    throw Error(ErrorCode::corrupt_data,
                fmt::format("{}: the record of what was decrypted is damaged: restore it, or make "
                            "a new plan and new keys in a new directory",
                            file.string()));
}

}  // namespace

Digest digest_of(std::span<const Ciphertext> ciphertexts) {
    Sha256 hash;
    for (const Ciphertext& ciphertext : ciphertexts) {
        ByteWriter header;
        header.u64(ciphertext.size());
        header.u64(ciphertext.level());
        header.f64(ciphertext.scale());
        hash.update(header.view());
        for (std::size_t part = 0; part < ciphertext.size(); ++part) {
            const RnsPoly& poly = ciphertext.part(part);
            for (std::size_t limb = 0; limb <= ciphertext.level(); ++limb) {
                hash.update({reinterpret_cast<const std::uint8_t*>(poly.limb(limb)),
                             poly.n() * sizeof(std::uint64_t)});
            }
        }
    }
    return hash.finish();
}

void refuse_decrypted() {
    throw Error(ErrorCode::corrupt_data,
                "what came back is refused: it is not the plaintext twin's result within the noise "
                "that was predicted, or something else was decrypted under this key before; do "
                "not use the key again: begin anew, with new keys in a new directory");
}

DecryptionRecord::DecryptionRecord(fs::path file) : file_(std::move(file)) {
    // What a writer that was killed has left.
    remove_stale_files(file_.has_parent_path() ? file_.parent_path() : fs::path("."));
}

DecryptionRecord DecryptionRecord::in_memory() {
    DecryptionRecord record;
    record.memory_ = std::make_shared<Memory>();
    return record;
}

struct DecryptionRecord::Held {
    FileDescriptor directory;
    std::unique_lock<std::mutex> memory;
};

DecryptionRecord::Held DecryptionRecord::hold() const {
    return memory_ ? Held{FileDescriptor(), std::unique_lock(memory_->mutex)}
                   : Held{lock_directory_of(file_), {}};
}

std::vector<DecryptionRecord::Entry> DecryptionRecord::read() const {
    if (memory_) {
        return memory_->entries;
    }
    std::vector<Entry> entries;
    if (file_.empty() || !fs::exists(file_)) {
        return entries;
    }
    const auto bytes = value_or_throw(read_file(file_, largest_record));
    const auto json = nlohmann::json::parse(bytes.begin(), bytes.end(), nullptr, false);
    try {
        if (json.is_discarded() || json.at("format") != 1) {
            damaged(file_);
        }
        for (const auto& member : json.at("decryptions")) {
            Entry entry;
            if (!from_hex(member.at("key").get<std::string>(), entry.key) ||
                !from_hex(member.at("job").get<std::string>(), entry.job) ||
                !from_hex(member.at("sha256").get<std::string>(), entry.digest)) {
                damaged(file_);
            }
            entry.iteration = member.at("iteration").get<int>();
            const auto outcome = member.at("outcome").get<std::string>();
            entry.accepted = outcome == accepted_name;
            entry.decided = outcome != pending_name;
            if (entry.decided && !entry.accepted && outcome != refused_name) {
                damaged(file_);
            }
            entries.push_back(entry);
        }
    } catch (const nlohmann::json::exception&) {
        damaged(file_);
    }
    return entries;
}

void DecryptionRecord::write(const std::vector<Entry>& entries) const {
    if (memory_) {
        memory_->entries = entries;
        return;
    }
    auto list = nlohmann::json::array();
    for (const Entry& entry : entries) {
        list.push_back({{"key", to_hex(entry.key)},
                        {"job", to_hex(entry.job)},
                        {"iteration", entry.iteration},
                        {"sha256", to_hex(entry.digest)},
                        {"outcome", !entry.decided   ? pending_name
                                    : entry.accepted ? accepted_name
                                                     : refused_name}});
    }
    const std::string text =
        nlohmann::json{{"format", 1}, {"decryptions", std::move(list)}}.dump(2) + "\n";
    value_or_throw(write_file(file_,
                              {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()},
                              {.exclusive = false, .mode = 0600}));
}

bool DecryptionRecord::is_used_up(const std::vector<Entry>& entries, const Digest& key) {
    return std::ranges::any_of(entries, [&](const Entry& entry) {
        return entry.key == key && entry.decided && !entry.accepted;
    });
}

void DecryptionRecord::require_usable(const Digest& key) const {
    if (!keeps()) {
        return;
    }
    const Held held = hold();
    if (is_used_up(read(), key)) {
        refuse_decrypted();
    }
}

void DecryptionRecord::begin(const ContainerIdentity& job, int iteration, const Digest& digest) {
    const Entry asked{job.key, job.nonce, iteration, digest, false, false};
    if (keeps()) {
        const Held held = hold();
        std::vector<Entry> entries = read();
        const auto found = std::ranges::find_if(
            entries, [&](const Entry& entry) { return entry.is_about(asked); });
        if (found != entries.end() && found->digest != digest) {
            refuse_decrypted();
        }
        const bool accepted = found != entries.end() && found->accepted;
        if (is_used_up(entries, asked.key) && !accepted) {
            refuse_decrypted();
        }
        if (found == entries.end()) {
            entries.push_back(asked);
            write(entries);
        }
    }
    begun_.push_back(asked);
}

bool DecryptionRecord::finish(Outcome outcome) {
    bool all_accepted = outcome == Outcome::accepted;
    if (keeps() && !begun_.empty()) {
        const Held held = hold();
        std::vector<Entry> entries = read();
        bool changed = false;
        // Another process may have been refused since begin(). Nothing new is accepted then.
        const bool used_up = is_used_up(entries, begun_.front().key);
        for (const Entry& done : begun_) {
            const auto found = std::ranges::find_if(
                entries, [&](const Entry& entry) { return entry.is_about(done); });
            Entry& entry = found != entries.end() ? *found : entries.emplace_back(done);
            bool result = false;
            if (outcome == Outcome::accepted) {
                // A refusal stays one, whoever finishes later.
                result = entry.decided ? entry.accepted : !used_up;
            } else if (outcome == Outcome::refused) {
                // What was accepted before has been answered, and was not what failed.
                result = entry.decided && entry.accepted;
            }
            changed = changed || !entry.decided || entry.accepted != result;
            all_accepted = all_accepted && result;
            entry.decided = true;
            entry.accepted = result;
        }
        if (changed) {
            write(entries);
        }
    }
    begun_.clear();
    return all_accepted;
}

void DecryptionRecord::accept() {
    if (!finish(Outcome::accepted)) {
        refuse_decrypted();
    }
}

void DecryptionRecord::revoke(const ContainerIdentity& job, int iteration) {
    // Recorded as refused even where no record of it is left: the key must not be used again.
    begun_.push_back({job.key, job.nonce, iteration, {}, false, false});
    finish(Outcome::revoked);
    refuse_decrypted();
}

void DecryptionRecord::refuse() {
    finish(Outcome::refused);
    refuse_decrypted();
}

}  // namespace cipherfit
