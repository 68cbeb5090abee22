// What was decrypted under a key, and what came of it: a file beside the secret key.
//
// Whoever may hand in one changed model after the other and sees each time whether it was accepted
// has an oracle for decryptions (SECURITY.md). So the first model that is decrypted for an
// iteration of a job is the only one: its digest is written down before it is decrypted, and the
// outcome before it is shown. One refusal uses up the key: nothing else is decrypted under it.
// Decrypting again what was decrypted before goes on working, since it answers nothing new.
#pragma once

#include "cipherfit/base/secure.h"
#include "cipherfit/ckks/ciphertext.h"
#include "cipherfit/io/container.h"

#include <filesystem>
#include <memory>
#include <mutex>
#include <span>
#include <string_view>
#include <vector>

namespace cipherfit {

// SHA-256 of levels, scales and residues.
Digest digest_of(std::span<const Ciphertext> ciphertexts);

// The one answer to every refusal, whatever its reason: it says nothing of the decrypted values.
// ErrorCode::corrupt_data.
[[noreturn]] void refuse_decrypted();

class DecryptionRecord {
  public:
    // Keeps nothing: for a key that lives as long as the process and decrypts once. Several of them
    // for one key would be the oracle that this class is against.
    static DecryptionRecord that_keeps_nothing() { return {}; }
    // Keeps everything as long as it or a copy of it lives: for a key that goes with the process.
    static DecryptionRecord in_memory();
    // `file` need not exist yet; its directory must.
    explicit DecryptionRecord(std::filesystem::path file);

    // Throws refuse_decrypted() where the key is used up.
    void require_usable(const Digest& key) const;

    // To be called before that is decrypted: iteration 1.. of a job, or 0 for scores. Throws
    // refuse_decrypted() where another digest was recorded for it, where this one was refused, or
    // where the key is used up and this one was not accepted before; Error(corrupt_data) for a
    // damaged record, Error(io_failure).
    void begin(const ContainerIdentity& job, int iteration, const Digest& digest);
    // Writes down that all that was begun with this object is accepted, to be called before it is
    // shown. Throws refuse_decrypted() if another process was refused under that key since
    // begin(): what was not accepted before is refused then.
    void accept();
    // Writes down that what was begun with this object is refused, but for what was accepted
    // before. Throws refuse_decrypted() when that is written down.
    [[noreturn]] void refuse();
    // The same for what was accepted before, of that iteration.
    [[noreturn]] void revoke(const ContainerIdentity& job, int iteration);

  private:
    DecryptionRecord() = default;
    struct Entry {
        Digest key{};
        Nonce job{};
        int iteration = 0;
        Digest digest{};
        bool decided = false, accepted = false;
        bool is_about(const Entry& other) const {
            return key == other.key && job == other.job && iteration == other.iteration;
        }
    };
    std::vector<Entry> read() const;
    void write(const std::vector<Entry>& entries) const;
    enum class Outcome { accepted, refused, revoked };
    // Whether all that was begun is accepted.
    bool finish(Outcome outcome);
    static bool is_used_up(const std::vector<Entry>& entries, const Digest& key);

    // Held while entries are read and written.
    struct Memory {
        std::mutex mutex;
        std::vector<Entry> entries;
    };
    struct Held;
    bool keeps() const noexcept { return memory_ != nullptr || !file_.empty(); }
    Held hold() const;

    std::filesystem::path file_;
    std::shared_ptr<Memory> memory_;
    std::vector<Entry> begun_;
};

}  // namespace cipherfit
