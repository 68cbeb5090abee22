// What the service says, in plain C++: gRPC's headers stay in service_calls.cpp.
#pragma once

#include "cipherfit/base/error.h"
#include "cipherfit/base/secure.h"
#include "cipherfit/protocol/observer.h"

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace cipherfit {

// Where calls about files go: to a client's own job, or to a charter's board.
enum class Shelf { job, charter };

enum class RemoteState {
    uploading,
    queued,
    running,
    awaiting_review,
    succeeded,
    stopped,
    failed,
    cancelled
};
std::string_view name(RemoteState state) noexcept;

struct RemoteJob {
    std::string id;
    RemoteState state = RemoteState::uploading;
    std::string label;
    std::string reason;           // why it failed or waits: one line
    unsigned queue_position = 0;  // jobs that are served before it
    int review_iteration = 0;
    std::int64_t created_at = 0, started_at = 0, finished_at = 0;  // Unix times, 0: not yet
    std::optional<Progress> progress;                              // while it runs
    double seconds_left = -1;                                      // negative: not known
};

struct RemoteFile {
    std::string name;
    std::uint64_t bytes = 0;     // of the whole file, 0 if nothing is known of it
    std::uint64_t received = 0;  // an upload goes on from here
    bool complete = false, required = false;
    std::optional<Digest> sha256;
};

// How the server trains; as TrainingOptions of training_session.h.
struct RemoteTraining {
    unsigned keep_every = 0, checkpoint_every = 1, review_every = 0;
};

struct ServerFacts {
    std::string version, api, client;
};

// A client's certificate, its key, and the authority that the server's certificate is held to, as
// PEM.
struct ServiceIdentity {
    std::string directory;  // what messages call it
    std::string authority, certificate, key;
};
// ca.pem, cert.pem and key.pem of a directory. Throws Error: bad_input if they are not there or no
// PEM, or if others than the owner may read the key.
ServiceIdentity read_identity(const std::filesystem::path& directory);

// "HOST:PORT", as given: with a host of letters, digits, '.', '-' and '_', or an IPv6 address in
// brackets. Throws Error(bad_input).
std::string checked_address(const std::string& text);

// The longest piece of a file that one message carries here; the service takes up to 4 MiB. What a
// broken line loses are pieces that were under way.
inline constexpr std::size_t chunk_bytes = std::size_t{1} << 20U;

}  // namespace cipherfit
