#include "remote/service_client.h"

#include "cipherfit/io/file.h"
#include "remote/part_file.h"

#include <algorithm>
#include <optional>
#include <random>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include <fmt/format.h>

namespace cipherfit {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;
using Seconds = std::chrono::duration<double>;

// Times that the same file may come out wrong before it is not the line's fault.
constexpr int most_losses = 3;
// Times that the server may say another offset than it said just before.
constexpr int most_offsets = 20;

std::optional<RemoteFile> find_file(const std::vector<RemoteFile>& files, const std::string& name) {
    const auto found =
        std::ranges::find_if(files, [&name](const RemoteFile& file) { return file.name == name; });
    return found == files.end() ? std::nullopt : std::optional(*found);
}

}  // namespace

// Waits longer from failure to failure, up to a bound, until nothing has moved for too long.
class ServiceClient::Patience {
  public:
    explicit Patience(const ServiceClient& client)
        : client_(client), pause_(client.limits_.first_pause_seconds) {}
    // Something moved.
    void progressed() {
        since_ = Clock::now();
        busy_since_.reset();
        pause_ = client_.limits_.first_pause_seconds;
    }
    // The server works on what was asked for before, for as long as it may.
    void heard() {
        const auto now = Clock::now();
        busy_since_ = busy_since_.value_or(now);
        if (Seconds(now - *busy_since_).count() < client_.accept_seconds_) {
            since_ = now;
        }
    }
    void wait(const CallError& error) {
        const double limit =
            client_.contacted_ ? client_.limits_.silence_seconds : client_.limits_.contact_seconds;
        if (Seconds(Clock::now() - since_).count() >= limit) {
            give_up(error, limit);
        }
        client_.observer_.on_trouble(error.info.message);
        // Clients that lost the same server come back at different times.
        std::uniform_real_distribution<double> spread(0.75, 1.25);
        const auto end = Clock::now() + Seconds(pause_ * spread(random_));
        while (Clock::now() < end) {
            client_.observer_.on_idle();
            std::this_thread::sleep_for(
                std::min<Seconds>(end - Clock::now(), std::chrono::milliseconds(100)));
        }
        pause_ = std::min(2 * pause_, client_.limits_.longest_pause_seconds);
    }

  private:
    [[noreturn]] void give_up(const CallError& error, double seconds) const {
        if (client_.contacted_) {
            throw Error(ErrorCode::io_failure,
                        fmt::format("{}: nothing was heard of the service for {:.0f} s ({}): give "
                                    "the same command again to go on",
                                    client_.address_, seconds, error.info.message));
        }
        throw Error(ErrorCode::io_failure,
                    fmt::format("{}: the service cannot be reached, or does not take the identity "
                                "in {} ({})",
                                client_.address_, client_.identity_, error.info.message));
    }

    const ServiceClient& client_;
    Clock::time_point since_ = Clock::now();
    std::optional<Clock::time_point> busy_since_;
    double pause_;
    std::minstd_rand random_{std::random_device{}()};
};

ServiceClient::ServiceClient(const std::string& address, const ServiceIdentity& identity,
                             ServiceObserver& observer, const RetryLimits& limits,
                             const CallTimes& times)
    : address_(checked_address(address)),
      identity_(identity.directory),
      observer_(observer),
      limits_(limits),
      accept_seconds_(times.accept_seconds),
      calls_(address_, identity, [&observer] { observer.on_idle(); }, times) {}

void ServiceClient::fail(const CallError& error) const {
    throw Error(error.info.code, fmt::format("{}: {}", address_, error.info.message));
}

// Any answer but a transient failure shows that the service is there.
template <class Attempt>
auto ServiceClient::persist(Attempt&& attempt) {
    Patience patience(*this);
    while (true) {
        auto result = attempt();
        if (result || result.error().kind != CallFailure::transient) {
            contacted_ = true;
            if (!result) {
                fail(result.error());
            }
            if constexpr (std::is_void_v<typename decltype(result)::value_type>) {
                return;
            } else {
                return std::move(*result);
            }
        }
        patience.wait(result.error());
    }
}

ServerFacts ServiceClient::greet() {
    const ServerFacts facts = persist([&] { return calls_.server_info(); });
    require(facts.api == "v1", ErrorCode::unsupported_version,
            "{}: the service speaks version '{}', this program v1: bring both to one version",
            address_, facts.api);
    return facts;
}

RemoteJob ServiceClient::create_job(std::span<const std::uint8_t> plan, const std::string& label,
                                    const RemoteTraining& training) {
    return persist([&] { return calls_.create_job(plan, label, training); });
}

std::optional<RemoteJob> ServiceClient::charter(const std::string& id) {
    return persist([&]() -> Called<std::optional<RemoteJob>> {
        auto found = calls_.job(Shelf::charter, id);
        if (!found && found.error().kind == CallFailure::missing) {
            return std::optional<RemoteJob>();
        }
        return std::move(found).map([](RemoteJob&& job) { return std::optional(std::move(job)); });
    });
}

RemoteJob ServiceClient::create_charter(const SentCharter& charter) {
    return persist([&] { return calls_.create_charter(charter); });
}

RemoteJob ServiceClient::job(Shelf shelf, const std::string& id) {
    return persist([&] { return calls_.job(shelf, id); });
}

std::vector<RemoteJob> ServiceClient::jobs(unsigned limit) {
    return persist([&] { return calls_.jobs(limit); });
}

std::vector<RemoteFile> ServiceClient::files(Shelf shelf, const std::string& id) {
    return persist([&] { return calls_.files(shelf, id); });
}

RemoteJob ServiceClient::start(Shelf shelf, const std::string& id) {
    return persist([&] { return calls_.start(shelf, id); });
}

bool ServiceClient::start_if_ready(const std::string& id) {
    return persist([&]() -> Called<bool> {
        const auto started = calls_.start(Shelf::charter, id);
        if (!started && started.error().kind == CallFailure::precondition) {
            return false;
        }
        return started ? Called<bool>(true) : tl::unexpected(started.error());
    });
}

RemoteJob ServiceClient::answer(const std::string& id, int iteration,
                                std::span<const std::uint8_t> answer) {
    return persist([&] { return calls_.answer(id, iteration, answer); });
}

RemoteJob ServiceClient::cancel(const std::string& id) {
    return persist([&] { return calls_.cancel(id); });
}

void ServiceClient::remove(Shelf shelf, const std::string& id) {
    persist([&]() -> Called<void> {
        auto removed = calls_.remove(shelf, id);
        if (!removed && removed.error().kind == CallFailure::missing) {
            return {};
        }
        return removed;
    });
}

void ServiceClient::upload(Shelf shelf, const std::string& id, const std::string& name,
                           const fs::path& file) {
    const auto source = value_or_throw(FileSource::open(file));
    SentFile sent{.id = id, .name = name, .bytes = source.get(), .sha256 = {}};
    const auto idle = [this] { observer_.on_idle(); };
    sent.sha256 = value_or_throw(digest_of(*source, idle));
    const std::uint64_t size = source->size();
    Patience patience(*this);
    std::uint64_t known = 0;    // what the server had when it was asked last
    std::uint64_t reached = 0;  // the end of what was sent
    int losses = 0, offsets = 0;
    while (true) {
        const auto there = find_file(files(shelf, id), name);
        require(there || shelf == Shelf::charter, ErrorCode::bad_input,
                "{}: the service takes no '{}' for this job", address_, name);
        const bool same = there && there->bytes == size && there->sha256 == sent.sha256;
        require(!there || !there->complete || same, ErrorCode::bad_input,
                "{}: the service has another '{}' for this job than {}", address_, name,
                file.string());
        if (same && there->complete) {
            observer_.on_upload(name, size, size);
            return;
        }
        const std::uint64_t offset = same ? std::min(there->received, size) : 0;
        if (offset > known) {
            patience.progressed();
        }
        known = offset;
        count_.sent_twice += reached > offset ? reached - offset : 0;
        reached = offset;
        observer_.on_upload(name, offset, size);
        const auto result = calls_.upload(shelf, sent, offset, [&](std::uint64_t end) {
            count_.sent += end - reached;
            reached = end;
            observer_.on_upload(name, end, size);
        });
        if (result) {
            contacted_ = true;
            return;
        }
        const CallFailure kind = result.error().kind;
        if ((kind == CallFailure::offset && ++offsets < most_offsets) ||
            (kind == CallFailure::data_loss && ++losses < most_losses)) {
            if (kind == CallFailure::data_loss) {  // the file may have changed in the meantime
                sent.sha256 = value_or_throw(digest_of(*source, idle));
            }
        } else if (kind != CallFailure::transient) {
            fail(result.error());
        }
        ++count_.breaks;
        if (result.error().is_at_work) {
            patience.heard();
        }
        patience.wait(result.error());
    }
}

Called<void> ServiceClient::download_once(Shelf shelf, const std::string& id,
                                          const std::string& name, const fs::path& target,
                                          std::uint64_t most_bytes) {
    PartFile part(target);
    std::uint64_t total = 0;
    bool changed = false;
    std::optional<Digest> digest = part.digest();
    WantedFile wanted{.id = id, .name = name, .offset = part.size(), .sha256 = digest};
    auto result = calls_.download(
        shelf, wanted,
        [&](const RemoteFile& file) {
            require(file.sha256.has_value(), ErrorCode::corrupt_data,
                    "{}: the service says no digest of '{}'", address_, name);
            require(file.bytes <= most_bytes, ErrorCode::corrupt_data,
                    "{}: the service's '{}' has {} bytes, where at most {} make sense", address_,
                    name, file.bytes, most_bytes);
            total = file.bytes;
            if (digest && *digest != *file.sha256) {
                part.discard();
                changed = true;
                return false;
            }
            if (!digest) {
                part.take_up(*file.sha256);
                digest = file.sha256;
            }
            observer_.on_download(name, part.size(), total);
            return true;
        },
        [&](std::span<const std::uint8_t> bytes) {
            require(bytes.size() <= total - std::min(total, part.size()), ErrorCode::corrupt_data,
                    "{}: the service sends more of '{}' than it said", address_, name);
            part.append(bytes);
            count_.downloaded += bytes.size();
            observer_.on_download(name, part.size(), total);
        });
    if (!result) {
        if (result.error().kind == CallFailure::precondition && wanted.offset > 0) {
            part.discard();  // the file is another one by now
            return tl::unexpected(CallError{CallFailure::data_loss, result.error().info});
        }
        return result;
    }
    if (changed) {
        return tl::unexpected(
            CallError{CallFailure::data_loss,
                      {ErrorCode::corrupt_data, fmt::format("'{}' changes on the service", name)}});
    }
    if (part.size() < total || !digest) {
        return tl::unexpected(CallError{
            CallFailure::transient, {ErrorCode::io_failure, "a download ended before its end"}});
    }
    if (!part.complete([this] { observer_.on_idle(); })) {
        part.discard();
        return tl::unexpected(
            CallError{CallFailure::data_loss,
                      {ErrorCode::corrupt_data,
                       fmt::format("'{}' does not have the digest that was announced", name)}});
    }
    return {};
}

void ServiceClient::download(Shelf shelf, const std::string& id, const std::string& name,
                             const fs::path& target, std::uint64_t most_bytes) {
    Patience patience(*this);
    int losses = 0;
    while (true) {
        const std::uint64_t before = count_.downloaded;
        const auto result = download_once(shelf, id, name, target, most_bytes);
        if (result) {
            contacted_ = true;
            return;
        }
        const CallFailure kind = result.error().kind;
        if (kind == CallFailure::data_loss ? ++losses >= most_losses
                                           : kind != CallFailure::transient) {
            fail(result.error());
        }
        if (count_.downloaded > before) {
            patience.progressed();
        }
        ++count_.breaks;
        patience.wait(result.error());
    }
}

RemoteJob ServiceClient::watch(Shelf shelf, const std::string& id,
                               const std::function<bool(const RemoteJob&)>& event) {
    Patience patience(*this);
    std::optional<RemoteJob> last;
    while (true) {
        const auto result = calls_.watch(shelf, id, [&](const RemoteJob& job) {
            contacted_ = true;
            patience.progressed();
            last = job;
            observer_.on_job(job);
            return event(job);
        });
        if (result && last) {
            return *last;
        }
        if (!result && result.error().kind != CallFailure::transient) {
            fail(result.error());
        }
        ++count_.breaks;
        patience.wait(
            result ? CallError{CallFailure::transient, {ErrorCode::io_failure, "no event came"}}
                   : result.error());
    }
}

}  // namespace cipherfit
