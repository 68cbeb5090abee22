// What the calls of service_calls.h are made of: the connection, and one call under way. Only files
// that implement them include it.
#pragma once

#include "remote/service_calls.h"
#include "remote/service_messages.h"

#include <chrono>
#include <cipherfit/v1/charters.grpc.pb.h>
#include <cipherfit/v1/jobs.grpc.pb.h>
#include <functional>
#include <grpcpp/grpcpp.h>
#include <memory>
#include <span>
#include <string>
#include <utility>

namespace cipherfit {

inline constexpr std::chrono::milliseconds call_tick{200};

// A call with one operation under way at a time, whose tags are all the same.
class PendingCall {
  public:
    explicit PendingCall(const std::function<void()>& idle) : idle_(idle) {}
    PendingCall(const PendingCall&) = delete;
    PendingCall& operator=(const PendingCall&) = delete;

    grpc::ClientContext context;
    grpc::CompletionQueue queue;

    static void* tag() noexcept { return nullptr; }

    // Whether the operation under way succeeded. After `seconds` the call is cancelled.
    bool wait(double seconds) {
        const auto end = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds);
        while (true) {
            void* which = nullptr;
            bool ok = false;
            const auto next =
                queue.AsyncNext(&which, &ok, std::chrono::system_clock::now() + call_tick);
            if (std::chrono::steady_clock::now() - idled_ >= call_tick) {
                idled_ = std::chrono::steady_clock::now();
                idle_();
            }
            if (next != grpc::CompletionQueue::TIMEOUT) {
                return ok && next == grpc::CompletionQueue::GOT_EVENT;
            }
            if (!timed_out_ && std::chrono::steady_clock::now() >= end) {
                timed_out_ = true;
                context.TryCancel();
            }
        }
    }
    bool timed_out() const noexcept { return timed_out_; }

    // Ends what is still under way, so that all it refers to may go.
    void drain() noexcept {
        context.TryCancel();
        queue.Shutdown();
        void* which = nullptr;
        bool ok = false;
        while (queue.Next(&which, &ok)) {
        }
    }

  private:
    const std::function<void()>& idle_;
    std::chrono::steady_clock::time_point idled_ = std::chrono::steady_clock::now();
    bool timed_out_ = false;
};

class DrainedCall {
  public:
    explicit DrainedCall(PendingCall& pending) noexcept : pending_(pending) {}
    ~DrainedCall() { pending_.drain(); }
    DrainedCall(const DrainedCall&) = delete;
    DrainedCall& operator=(const DrainedCall&) = delete;

  private:
    PendingCall& pending_;
};

// Why a call has failed.
CallError call_error_of(const PendingCall& pending, const grpc::Status& status);
std::shared_ptr<grpc::Channel> service_channel(const std::string& address,
                                               const ServiceIdentity& identity);

inline std::string as_bytes(std::span<const std::uint8_t> bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

class ServiceCalls::Rpc {
  public:
    Rpc(const std::string& address, const ServiceIdentity& identity, std::function<void()> idle,
        const CallTimes& times)
        : idle_(std::move(idle)),
          times_(times),
          channel_(service_channel(address, identity)),
          jobs_(v1::Jobs::NewStub(channel_)),
          charters_(v1::Charters::NewStub(channel_)) {}

    const CallTimes& times() const noexcept { return times_; }
    const std::function<void()>& idle() const noexcept { return idle_; }
    v1::Jobs::Stub& jobs() noexcept { return *jobs_; }
    v1::Charters::Stub& charters() noexcept { return *charters_; }

    // `begin(context, queue)` starts the call.
    template <class Response, class Begin>
    Called<Response> ask(Begin&& begin) {
        PendingCall pending(idle_);
        grpc::Status status;
        Response response;
        const auto reader = begin(&pending.context, &pending.queue);
        const DrainedCall drain(pending);
        reader->Finish(&response, &status, PendingCall::tag());
        static_cast<void>(pending.wait(times_.answer_seconds));
        if (!status.ok() || pending.timed_out()) {
            return tl::unexpected(call_error_of(pending, status));
        }
        return response;
    }
    template <class Begin>
    Called<RemoteJob> ask_job(Begin&& begin) {
        return ask<v1::Job>(std::forward<Begin>(begin)).map([](const v1::Job& job) {
            return remote_job(job);
        });
    }

  private:
    std::function<void()> idle_;
    CallTimes times_;
    std::shared_ptr<grpc::Channel> channel_;
    std::unique_ptr<v1::Jobs::Stub> jobs_;
    std::unique_ptr<v1::Charters::Stub> charters_;
};

}  // namespace cipherfit
