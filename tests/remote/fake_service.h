// A service in this process with the bytes of its files in memory, that can be told to break calls.
#pragma once

#include "cipherfit/base/secure.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cipherfit/v1/charters.grpc.pb.h>
#include <cipherfit/v1/jobs.grpc.pb.h>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <grpc/grpc.h>
#include <grpcpp/grpcpp.h>
#include <iterator>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace cipherfit::remote_test {

// gRPC cleans up behind the back of whoever gave up its last object. Here the last is this one's,
// and it waits, so that a leak checker sees nothing of gRPC's at the end.
class GrpcEnvironment final : public testing::Environment {
  public:
    void SetUp() override { grpc_init(); }
    void TearDown() override { grpc_shutdown_blocking(); }
};
inline testing::Environment* const grpc_environment =
    testing::AddGlobalTestEnvironment(new GrpcEnvironment);

inline std::filesystem::path pki() {
    return std::filesystem::path(CIPHERFIT_TEST_SOURCES) / "remote/fixtures/pki";
}

inline std::string text_of(const std::filesystem::path& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

inline std::string digest_of_text(const std::string& text) {
    const Digest digest = sha256({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
    return {digest.begin(), digest.end()};
}

struct FakeFile {
    std::string bytes, announced;  // what came; the digest that its upload announced
    std::uint64_t size = 0;
    bool complete = false, required = false;
};

// What the next calls of a kind do.
struct Faults {
    // Uploads end after so many bytes of the stream, the first of them first.
    std::vector<std::uint64_t> cut_uploads, cut_downloads;
    int lose_uploads = 0;  // whole files that are said to have another digest
    int unavailable = 0;   // calls of one message
    int silent_watches = 0;
    std::chrono::steady_clock::time_point busy_until;  // with another stream of any upload
    bool changed_bytes = false;                        // in downloads, against the digest
    bool gap = false;
};

class FakeService final : public v1::Jobs::Service {
  public:
    grpc::Status GetServerInfo(grpc::ServerContext*, const v1::GetServerInfoRequest*,
                               v1::ServerInfo* info) override {
        info->set_version("0");
        info->set_api(api);
        info->set_client("tester");
        return fate();
    }

    grpc::Status CreateJob(grpc::ServerContext* context, const v1::CreateJobRequest* request,
                           v1::Job* job) override {
        if (request->plan() == "refused") {
            context->AddTrailingMetadata("cipherfit-code", "bad_input");
            return {grpc::StatusCode::INVALID_ARGUMENT, "the plan needs\n8 GB"};
        }
        ++created;
        *job = present();
        return fate();
    }

    grpc::Status ListFiles(grpc::ServerContext*, const v1::ListFilesRequest*,
                           v1::ListFilesResponse* response) override {
        const std::lock_guard lock(mutex);
        for (const auto& [name, file] : files) {
            describe(name, file, *response->add_files());
        }
        return {};
    }

    grpc::Status StartJob(grpc::ServerContext*, const v1::StartJobRequest*, v1::Job* job) override {
        ++started;
        state = v1::JOB_STATE_QUEUED;
        *job = present();
        return fate();
    }

    grpc::Status Upload(grpc::ServerContext*, grpc::ServerReader<v1::UploadRequest>* reader,
                        v1::FileState* answer) override {
        v1::UploadRequest request;
        if (!reader->Read(&request)) {
            return {grpc::StatusCode::INVALID_ARGUMENT, "no header"};
        }
        const v1::UploadHeader header = request.header();
        if (std::chrono::steady_clock::now() < faults.busy_until) {
            return {grpc::StatusCode::ABORTED, "another stream of it is at work"};
        }
        const std::lock_guard lock(mutex);
        FakeFile& file = files[header.name()];
        if (file.announced != header.sha256() || file.size != header.bytes()) {
            file.bytes.clear();
        }
        file.announced = header.sha256();
        file.size = header.bytes();
        const std::uint64_t cut = take(faults.cut_uploads);
        std::uint64_t came = 0;
        while (reader->Read(&request)) {
            const v1::Chunk& chunk = request.chunk();
            largest_chunk = std::max<std::uint64_t>(largest_chunk, chunk.data().size());
            if (chunk.offset() != file.bytes.size()) {
                return {grpc::StatusCode::OUT_OF_RANGE, "another offset"};
            }
            came += chunk.data().size();
            if (came > cut) {
                return {grpc::StatusCode::UNAVAILABLE, "cut"};
            }
            file.bytes += chunk.data();
            received += chunk.data().size();
        }
        if (file.bytes.size() < file.size) {
            return {grpc::StatusCode::OUT_OF_RANGE, "incomplete"};
        }
        if (faults.lose_uploads > 0 || digest_of_text(file.bytes) != file.announced) {
            --faults.lose_uploads;
            file.bytes.clear();
            return {grpc::StatusCode::DATA_LOSS, "another digest"};
        }
        file.complete = true;
        describe(header.name(), file, *answer);
        return {};
    }

    grpc::Status Download(grpc::ServerContext*, const v1::DownloadRequest* request,
                          grpc::ServerWriter<v1::DownloadResponse>* writer) override {
        const std::lock_guard lock(mutex);
        if (!files.contains(request->name())) {
            return {grpc::StatusCode::NOT_FOUND, "the job has no file of that name"};
        }
        const FakeFile& file = files.at(request->name());
        if (!request->sha256().empty() && request->sha256() != file.announced) {
            return {grpc::StatusCode::FAILED_PRECONDITION, "another file by now"};
        }
        v1::DownloadResponse response;
        describe(request->name(), file, *response.mutable_file());
        writer->Write(response);
        const std::uint64_t cut = take(faults.cut_downloads);
        constexpr std::uint64_t piece = 50'000;
        offsets.push_back(request->offset());
        for (std::uint64_t at = request->offset(); at < file.bytes.size(); at += piece) {
            if (at - request->offset() >= cut) {
                return {grpc::StatusCode::UNAVAILABLE, "cut"};
            }
            auto& chunk = *response.mutable_chunk();
            chunk.set_offset(at + (faults.gap ? 1 : 0));
            chunk.set_data(file.bytes.substr(at, piece));
            if (faults.changed_bytes) {
                (*chunk.mutable_data())[0] ^= 1;
            }
            writer->Write(response);
        }
        return {};
    }

    grpc::Status WatchJob(grpc::ServerContext* context, const v1::WatchJobRequest*,
                          grpc::ServerWriter<v1::JobEvent>* writer) override {
        ++watched;
        if (faults.silent_watches > 0) {
            --faults.silent_watches;
            while (!context->IsCancelled()) {
                std::this_thread::sleep_for(std::chrono::milliseconds(20));
            }
            return grpc::Status::CANCELLED;
        }
        v1::JobEvent event;
        *event.mutable_job() = present();
        writer->Write(event);
        if (watched == 1) {
            return {grpc::StatusCode::UNAVAILABLE, "the server ends"};
        }
        state = v1::JOB_STATE_SUCCEEDED;
        *event.mutable_job() = present();
        writer->Write(event);
        return {};
    }

    grpc::Status DeleteJob(grpc::ServerContext*, const v1::DeleteJobRequest*,
                           v1::DeleteJobResponse*) override {
        return {grpc::StatusCode::NOT_FOUND, "there is no such job"};
    }

    v1::Job present() {
        v1::Job job;
        job.set_id("42");
        job.set_state(state);
        job.set_reason(reason);
        return job;
    }

    void offer(const std::string& name, const std::string& bytes) {
        files[name] = {bytes, digest_of_text(bytes), bytes.size(), true, false};
    }

    std::mutex mutex;
    std::map<std::string, FakeFile> files;
    Faults faults;
    std::string api = "v1", reason;
    std::atomic<v1::JobState> state = v1::JOB_STATE_UPLOADING;
    std::atomic<int> created = 0, started = 0, watched = 0;
    std::uint64_t received = 0, largest_chunk = 0;
    std::vector<std::uint64_t> offsets;  // that downloads began at

  private:
    static std::uint64_t take(std::vector<std::uint64_t>& cuts) {
        if (cuts.empty()) {
            return UINT64_MAX;
        }
        const std::uint64_t first = cuts.front();
        cuts.erase(cuts.begin());
        return first;
    }
    grpc::Status fate() {
        if (faults.unavailable > 0) {
            --faults.unavailable;
            return {grpc::StatusCode::UNAVAILABLE, "try again"};
        }
        return {};
    }
    static void describe(const std::string& name, const FakeFile& file, v1::FileState& state) {
        state.set_name(name);
        state.set_bytes(file.size);
        state.set_received(file.bytes.size());
        state.set_complete(file.complete);
        state.set_required(file.required);
        state.set_sha256(file.announced);
    }
};

// Listens on a port of the loopback, with mutual TLS.
class FakeServer {
  public:
    explicit FakeServer(FakeService& service) {
        grpc::SslServerCredentialsOptions options(
            GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);
        options.pem_root_certs = text_of(pki() / "ca.pem");
        options.pem_key_cert_pairs.push_back(
            {text_of(pki() / "server.key.pem"), text_of(pki() / "server.cert.pem")});
        grpc::ServerBuilder builder;
        builder.SetMaxReceiveMessageSize((4 << 20) + (64 << 10));
        builder.AddListeningPort("127.0.0.1:0", grpc::SslServerCredentials(options), &port_);
        builder.RegisterService(&service);
        server_ = builder.BuildAndStart();
    }
    ~FakeServer() { server_->Shutdown(std::chrono::system_clock::now()); }
    FakeServer(const FakeServer&) = delete;
    FakeServer& operator=(const FakeServer&) = delete;
    std::string address() const { return "localhost:" + std::to_string(port_); }

  private:
    int port_ = 0;
    std::unique_ptr<grpc::Server> server_;
};

}  // namespace cipherfit::remote_test
