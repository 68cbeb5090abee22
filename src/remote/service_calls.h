// The calls of the service, one attempt each: no retries, which are service_client.h's. The bytes
// of a failure's message come from the other side and are made one printable line.
#pragma once

#include "cipherfit/io/byte_stream.h"
#include "remote/service_types.h"

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace cipherfit {

// What a caller can do about a failed call.
enum class CallFailure {
    transient,     // try again
    offset,        // ask where the server's copy ends, and go on there
    data_loss,     // the server has dropped what it had of the file
    precondition,  // not in this state
    missing,       // there is no such job or file
    final_failure
};
struct CallError {
    CallFailure kind = CallFailure::final_failure;
    ErrorInfo info;
    bool is_at_work = false;  // the server has heard the call, and is busy with what it is about
};
template <class T>
using Called = tl::expected<T, CallError>;

struct CallTimes {
    double answer_seconds = 60;   // for a call of one message
    double stall_seconds = 60;    // for a piece of a file, or an event
    double accept_seconds = 600;  // for the server's check of a whole file
};

struct SentFile {
    std::string id, name;
    ByteSource* bytes = nullptr;
    Digest sha256{};
};
struct SentCharter {
    std::span<const std::uint8_t> charter;
    std::vector<std::string> clients;  // who may take part
    std::uint32_t member = 0;          // who has signed it
    std::span<const std::uint8_t> signature;
};
struct WantedFile {
    std::string id, name;
    std::uint64_t offset = 0;
    std::optional<Digest> sha256;  // of the file whose first bytes are there already
};

// One connection, which is made again by itself. `idle` is called several times a second while a
// call waits; an exception of it, or of another function that is given, ends the call and reaches
// the caller.
class ServiceCalls {
  public:
    ServiceCalls(const std::string& address, const ServiceIdentity& identity,
                 std::function<void()> idle, const CallTimes& times = {});
    ~ServiceCalls();
    ServiceCalls(const ServiceCalls&) = delete;
    ServiceCalls& operator=(const ServiceCalls&) = delete;

    Called<ServerFacts> server_info();
    Called<RemoteJob> create_job(std::span<const std::uint8_t> plan, const std::string& label,
                                 const RemoteTraining& training);
    Called<RemoteJob> create_charter(const SentCharter& charter);
    Called<RemoteJob> job(Shelf shelf, const std::string& id);
    Called<std::vector<RemoteJob>> jobs(unsigned limit);
    Called<std::vector<RemoteFile>> files(Shelf shelf, const std::string& id);
    Called<RemoteJob> start(Shelf shelf, const std::string& id);
    Called<RemoteJob> answer(const std::string& id, int iteration,
                             std::span<const std::uint8_t> answer);
    Called<RemoteJob> cancel(const std::string& id);
    Called<void> remove(Shelf shelf, const std::string& id);
    // From `offset` on. `sent` gets the end of each piece that was handed to the connection.
    Called<RemoteFile> upload(Shelf shelf, const SentFile& file, std::uint64_t offset,
                              const std::function<void(std::uint64_t)>& sent);
    // `begin` is told of the file and returns whether to go on; `piece` gets what follows, without
    // gaps from the offset on.
    Called<void> download(Shelf shelf, const WantedFile& wanted,
                          const std::function<bool(const RemoteFile&)>& begin,
                          const std::function<void(std::span<const std::uint8_t>)>& piece);
    // Until the server ends it or `event` returns false.
    Called<void> watch(Shelf shelf, const std::string& id,
                       const std::function<bool(const RemoteJob&)>& event);

  private:
    class Rpc;
    std::unique_ptr<Rpc> rpc_;
};

}  // namespace cipherfit
