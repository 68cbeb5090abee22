// A service whose jobs are in its database from the start and whose processes are a shell's.
#pragma once

#include "cipherfit/base/secure.h"
#include "service/refusal.h"
#include "service/service.h"
#include "service/temporary_home.h"

#include <atomic>
#include <chrono>
#include <filesystem>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace cipherfit::service {

class ShellJobs : public service_test::TemporaryHome {
  protected:
    static constexpr std::uint64_t megabyte = 1'000'000;

    void SetUp() override {
        TemporaryHome::SetUp();
        settings.data = home / "data";
        settings.program = "/bin/sh";
        settings.arguments = [this](const JobLaunch& launch) {
            return std::vector<std::string>{
                "-c", "cd '" + launch.directory.string() + "' || exit 2; " + script};
        };
        settings.disk_reserve_bytes = megabyte;
        settings.free_bytes = [this] { return free.load(); };
        settings.retry_seconds = 0.01;
    }

    // A training of that client, whose files may have that size in all.
    void add_job(const std::string& id, const std::string& owner, std::uint64_t most,
                 JobState state = JobState::uploading) {
        std::filesystem::create_directories(settings.data / "jobs" / id);
        Store store(settings.data / "service.sqlite");
        JobRecord job;
        job.id = id;
        job.owner = owner;
        job.plan_digest = "plan of " + id;
        job.created = 1;
        store.add_job(job, {{.name = "training_data.cft", .max_bytes = most}});
        if (state == JobState::queued) {
            store.put_file(id, {.name = "training_data.cft", .bytes = 1, .complete = true});
            store.enqueue(id, {JobState::uploading});
        }
    }

    static Upload begin(Service& service, const std::string& client, const std::string& job,
                        std::uint64_t bytes) {
        static const Digest digest{};
        return service.upload(
            client, {.id = job, .name = "training_data.cft", .bytes = bytes, .sha256 = digest});
    }

    static Status status_of_call(const std::function<void()>& call) {
        try {
            call();
        } catch (const Refusal& refusal) {
            return refusal.status();
        }
        return Status{};
    }

    static JobRecord wait_for_end(Service& service, const std::string& id) {
        for (int tries = 0; tries < 1000; ++tries) {
            const JobRecord job = service.job("alice", id).record;
            if (is_final(job.state)) {
                return job;
            }
            std::this_thread::sleep_for(std::chrono::milliseconds(20));
        }
        ADD_FAILURE() << "the job did not end in time";
        return {};
    }

    static void wait_until(const std::function<bool()>& holds) {
        for (int tries = 0; tries < 1000; ++tries) {
            if (holds()) {
                return;
            }
            std::this_thread::sleep_for(std::chrono::milliseconds(20));
        }
        ADD_FAILURE() << "it did not happen in time";
    }
    static void wait_for_state(Service& service, const std::string& id, JobState state) {
        wait_until([&] { return service.job("alice", id).record.state == state; });
    }

    Settings settings;
    std::string script = "echo model > model.cft";
    std::atomic<std::uint64_t> free{100 * megabyte};
};

}  // namespace cipherfit::service
