// The service as an owner uses it: calls that are repeated until they succeed or the service has
// not answered for too long, uploads and downloads that go on where a broken line left them.
#pragma once

#include "remote/service_calls.h"

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>

namespace cipherfit {

struct RetryLimits {
    double contact_seconds = 15;   // until the service has answered once
    double silence_seconds = 300;  // since it answered last
    double first_pause_seconds = 0.1, longest_pause_seconds = 5;
};

// What a client tells while it works.
class ServiceObserver {
  public:
    ServiceObserver() = default;
    virtual ~ServiceObserver() = default;
    ServiceObserver(const ServiceObserver&) = delete;
    ServiceObserver& operator=(const ServiceObserver&) = delete;
    // Several times a second, whatever happens. An exception ends the work.
    virtual void on_idle() {}
    virtual void on_upload(const std::string& /*name*/, std::uint64_t /*done*/,
                           std::uint64_t /*total*/) {}
    virtual void on_download(const std::string& /*name*/, std::uint64_t /*done*/,
                             std::uint64_t /*total*/) {}
    virtual void on_job(const RemoteJob& /*job*/) {}
    // A line broke and is tried again.
    virtual void on_trouble(const std::string& /*reason*/) {}
};

struct TransferCount {
    std::uint64_t sent = 0;        // bytes of files that were handed to the connection
    std::uint64_t sent_twice = 0;  // of these, bytes that the server did not have after a break
    std::uint64_t downloaded = 0;
    unsigned breaks = 0;
};

// Throws Error for what trying again does not help: the server's reason, after its address.
class ServiceClient {
  public:
    // `observer` must outlive the client. Nothing is sent yet.
    ServiceClient(const std::string& address, const ServiceIdentity& identity,
                  ServiceObserver& observer, const RetryLimits& limits = {},
                  const CallTimes& times = {});

    // Whether the server is there, takes this identity and speaks this version.
    ServerFacts greet();
    RemoteJob create_job(std::span<const std::uint8_t> plan, const std::string& label,
                         const RemoteTraining& training);
    // None if there is no such charter for this client.
    std::optional<RemoteJob> charter(const std::string& id);
    RemoteJob create_charter(const SentCharter& charter);
    RemoteJob job(Shelf shelf, const std::string& id);
    std::vector<RemoteJob> jobs(unsigned limit);
    std::vector<RemoteFile> files(Shelf shelf, const std::string& id);
    RemoteJob start(Shelf shelf, const std::string& id);
    // Starts a charter's training unless messages are missing still; whether it did.
    bool start_if_ready(const std::string& id);
    RemoteJob answer(const std::string& id, int iteration, std::span<const std::uint8_t> answer);
    RemoteJob cancel(const std::string& id);
    // Removes a job or a charter. One that is not there any more is no error.
    void remove(Shelf shelf, const std::string& id);

    // Sends the file, from where the server has it.
    void upload(Shelf shelf, const std::string& id, const std::string& name,
                const std::filesystem::path& file);
    // Gets the file under `target`, whole or not at all and only for its owner to read. What came
    // before a break, or before this process, lies beside it until then. A file of more than
    // `most_bytes` is refused before anything of it is written.
    void download(Shelf shelf, const std::string& id, const std::string& name,
                  const std::filesystem::path& target, std::uint64_t most_bytes);
    // Follows the job until it is in a state that needs somebody else, and returns it. `event`
    // returns whether to go on.
    RemoteJob watch(Shelf shelf, const std::string& id,
                    const std::function<bool(const RemoteJob&)>& event);

    const TransferCount& count() const noexcept { return count_; }
    const std::string& address() const noexcept { return address_; }

  private:
    // How long to go on with a call that fails.
    class Patience;
    template <class Attempt>
    auto persist(Attempt&& attempt);
    Called<void> download_once(Shelf shelf, const std::string& id, const std::string& name,
                               const std::filesystem::path& target, std::uint64_t most_bytes);
    [[noreturn]] void fail(const CallError& error) const;

    std::string address_, identity_;
    ServiceObserver& observer_;
    RetryLimits limits_;
    double accept_seconds_;
    bool contacted_ = false;
    TransferCount count_;
    ServiceCalls calls_;
};

}  // namespace cipherfit
