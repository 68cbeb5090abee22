// Every message that the service takes, from bytes that nobody vouches for: parsed as gRPC parses
// it, and carried out for a client who has one job. Nothing may come of it but an answer or a
// refusal of one line; the job stays what it is unless a call says so.
#include "service/service.h"

#include "fuzz_support.h"
#include "service/refusal.h"
#include "service/rpc/messages.h"

#include <cipherfit/v1/charters.pb.h>
#include <cipherfit/v1/jobs.pb.h>
#include <cipherfit/v1/transfer.pb.h>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>

namespace cipherfit::service {
namespace {

const std::string fuzzed_client = "alice";

// One for all inputs: files of jobs come and go, the one job of the start stays.
struct FuzzedService {
    std::filesystem::path home;
    std::unique_ptr<Service> service;
    std::string job;

    FuzzedService() {
        std::string name = (std::filesystem::temp_directory_path() / "cipherfit-XXXXXX").string();
        claim(::mkdtemp(name.data()) != nullptr);
        home = name;
        Settings settings;
        settings.data = home;
        settings.program = "/bin/false";
        settings.arguments = [](const JobLaunch&) { return std::vector<std::string>(); };
        settings.disk_reserve_bytes = 0;
        settings.tests = TestParameters::allow;
        service = std::make_unique<Service>(settings);
        std::ifstream in(CIPHERFIT_FUZZ_PLAN, std::ios::binary);
        const std::string plan{std::istreambuf_iterator<char>(in), {}};
        job =
            service->create_job(fuzzed_client, {.plan = span_of(plan), .label = {}, .choices = {}})
                .record.id;
    }
    ~FuzzedService() {
        service.reset();
        std::error_code ignored;
        std::filesystem::remove_all(home, ignored);
    }
    FuzzedService(const FuzzedService&) = delete;
    FuzzedService& operator=(const FuzzedService&) = delete;
};

FuzzedService& fuzzed() {
    static FuzzedService state;
    return state;
}

// An empty id stands for the job that is there.
std::string id_or_job(const std::string& id) {
    return id.empty() ? fuzzed().job : id;
}

template <class Message>
bool parse(Message& message, const std::uint8_t* data, std::size_t size) {
    return message.ParseFromArray(data, static_cast<int>(size));
}

void create(const v1::CreateJobRequest& request) {
    v1::Job job;
    fill(job,
         fuzzed().service->create_job(fuzzed_client, {.plan = span_of(request.plan()),
                                                      .label = request.label(),
                                                      .choices = choices_of(request.training())}));
    if (job.id() != fuzzed().job) {
        fuzzed().service->remove(fuzzed_client, job.id());
    }
}

void create_charter(const v1::CreateCharterRequest& request) {
    Service& service = *fuzzed().service;
    const JobView charter = service.create_charter(
        fuzzed_client, {.charter = span_of(request.charter()),
                        .identities = {request.identities().begin(), request.identities().end()},
                        .member = request.member(),
                        .signature = span_of(request.signature())});
    static_cast<void>(service.board(fuzzed_client, charter.record.id, {}));
    service.remove(fuzzed_client, charter.record.id);
}

// A header, and its own digest as the first chunk's bytes.
void upload(const v1::UploadRequest& request, bool is_post) {
    static std::unique_ptr<Upload> open;
    if (request.has_chunk()) {
        if (open && !open->is_done()) {
            open->append(request.chunk().offset(), span_of(request.chunk().data()));
            static_cast<void>(open->finish());
        }
        return;
    }
    const v1::UploadHeader& header = request.header();
    open = std::make_unique<Upload>(
        fuzzed().service->upload(fuzzed_client, {.id = id_or_job(header.id()),
                                                 .name = header.name(),
                                                 .bytes = header.bytes() % (1U << 20U),
                                                 .sha256 = span_of(header.sha256()),
                                                 .is_post = is_post}));
}

void download(const v1::DownloadRequest& request) {
    Download stream =
        fuzzed().service->download(fuzzed_client, id_or_job(request.id()), request.name(),
                                   request.offset(), span_of(request.sha256()));
    while (!stream.next().empty()) {
    }
}

template <class Message, class Work>
void take(const std::uint8_t* data, std::size_t size, Work work) {
    Message message;
    if (parse(message, data, size)) {
        work(message);
    }
}

void carry_out(std::uint8_t which, const std::uint8_t* data, std::size_t size) {
    Service& service = *fuzzed().service;
    const std::string& client = fuzzed_client;
    switch (which % 13) {
        case 0:
            take<v1::CreateJobRequest>(data, size, create);
            break;
        case 1:
            take<v1::CreateCharterRequest>(data, size, create_charter);
            break;
        case 2:
            take<v1::UploadRequest>(data, size, [](const auto& m) { upload(m, false); });
            break;
        case 3:
            take<v1::UploadRequest>(data, size, [](const auto& m) { upload(m, true); });
            break;
        case 4:
            take<v1::DownloadRequest>(data, size, download);
            break;
        case 5:
            take<v1::AnswerReviewRequest>(data, size, [&](const auto& m) {
                service.answer(client, id_or_job(m.id()),
                               static_cast<int>(std::min(m.iteration(), 1U << 30U)),
                               span_of(m.answer()));
            });
            break;
        case 6:
            take<v1::ListJobsRequest>(data, size, [&](const auto& m) {
                v1::Job job;
                for (const JobView& view : service.jobs(client, m.before_id(), m.limit())) {
                    fill(job, view);
                }
            });
            break;
        case 7:
            take<v1::ListFilesRequest>(data, size, [&](const auto& m) {
                v1::FileState file;
                for (const FileView& view : service.files(client, id_or_job(m.id()))) {
                    fill(file, view);
                }
            });
            break;
        case 8:
            take<v1::ListBoardRequest>(data, size, [&](const auto& m) {
                service.board(client, id_or_job(m.id()), m.round());
            });
            break;
        case 9:
            take<v1::GetJobRequest>(data, size,
                                    [&](const auto& m) { service.job(client, id_or_job(m.id())); });
            break;
        case 10:  // never of the job itself: it must stay
            take<v1::CancelJobRequest>(data, size, [&](const auto& m) {
                service.cancel(client, m.id() == fuzzed().job ? "" : m.id());
            });
            break;
        case 11:
            take<v1::DeleteJobRequest>(data, size, [&](const auto& m) {
                service.remove(client, m.id() == fuzzed().job ? "" : m.id());
            });
            break;
        default:
            take<v1::StartJobRequest>(
                data, size, [&](const auto& m) { service.start(client, id_or_job(m.id())); });
            break;
    }
}

}  // namespace
}  // namespace cipherfit::service

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace cipherfit;
    using namespace cipherfit::service;
    if (size == 0) {
        return 0;
    }
    try {
        carry_out(data[0], data + 1, size - 1);
    } catch (const Refusal& refusal) {
        const std::string text = refusal.what();
        claim(!text.empty() && text.find('\n') == std::string::npos);
        claim(refusal.status() != Status::internal);
        claim(text.find(fuzzed().home.string()) == std::string::npos);
    } catch (const Error& error) {
        claim(error.code() != ErrorCode::internal && error.code() != ErrorCode::io_failure);
    }
    claim(fuzzed().service->job(fuzzed_client, fuzzed().job).record.state == JobState::uploading);
    return 0;
}
