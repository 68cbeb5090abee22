#include "remote/job_exchange.h"

#include "cipherfit/io/file.h"
#include "cipherfit/protocol/prediction_files.h"
#include "remote/part_file.h"

#include <algorithm>
#include <charconv>
#include <system_error>
#include <utility>
#include <vector>

#include <fmt/format.h>

namespace cipherfit {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t largest_plan = std::size_t{4} << 20U;
constexpr std::size_t largest_answer = std::size_t{4} << 10U;

bool is_upload(const std::string& name) {
    return is_content_name(name) &&
           (name == contents::evaluation_keys || name == contents::training_data ||
            name == contents::prediction_rows || name == contents::prediction_model ||
            name.starts_with(contents::batches));
}

bool is_there(const fs::path& path, const RemoteFile& file) {
    std::error_code none;
    if (!file.sha256 || fs::file_size(path, none) != file.bytes || none) {
        return false;
    }
    const auto source = FileSource::open(path);
    const auto digest = source ? digest_of(**source, [] {}) : Expected<Digest>(Digest{});
    return source && digest && *digest == *file.sha256;
}

void make_private_folder(const fs::path& folder) {
    if (fs::create_directories(folder)) {
        fs::permissions(folder, fs::perms::owner_all);
    }
}

}  // namespace

bool is_result(const std::string& name, int iterations) {
    if (name == contents::model || name == contents::server_report || name == contents::scores) {
        return true;
    }
    const auto first = std::ranges::find_if(name, [](char c) { return c >= '0' && c <= '9'; });
    int iteration = 0;
    const auto [end, error] =
        std::from_chars(name.data() + (first - name.begin()), name.data() + name.size(), iteration);
    return error == std::errc() && iteration >= 1 && iteration <= iterations &&
           contents::kept_checkpoint(iteration) == name;
}

JobExchange::JobExchange(ServiceClient& client, fs::path directory)
    : client_(client), directory_(std::move(directory)) {
    require(fs::exists(plan_file()), ErrorCode::bad_input,
            "{}: there is no job in it: encrypt the rows first", directory_.string());
}

fs::path JobExchange::plan_file() const {
    const fs::path prediction = directory_ / contents::prediction_plan;
    return fs::exists(prediction) ? prediction : directory_ / contents::plan;
}

RemoteJob JobExchange::create(const RemoteTraining& training) {
    const auto plan = value_or_throw(read_file(plan_file(), largest_plan));
    job_ = client_.create_job(plan, "", training);
    value_or_throw(
        write_file(note(), {reinterpret_cast<const std::uint8_t*>(job_.id.data()), job_.id.size()},
                   {.mode = 0600}));
    return job_;
}

RemoteJob JobExchange::find() {
    constexpr std::size_t longest_id = 128;
    const auto id =
        fs::exists(note()) ? read_file(note(), longest_id) : Expected<std::vector<std::uint8_t>>();
    require(id && !id->empty(), ErrorCode::bad_input,
            "{}: this job was not sent to a service yet: have it trained first",
            directory_.string());
    job_ = client_.job(Shelf::job, std::string(id->begin(), id->end()));
    return job_;
}

void JobExchange::send(const RemoteFile& file) {
    require(is_upload(file.name), ErrorCode::corrupt_data,
            "{}: the service asks for '{}', which is no file of a job", client_.address(),
            file.name);
    const fs::path path = directory_ / file.name;
    require(fs::exists(path), ErrorCode::bad_input,
            "{}: is missing, and the service does not have it either: encrypt again",
            path.string());
    client_.upload(Shelf::job, job_.id, file.name, path);
}

RemoteJob JobExchange::submit() {
    const bool begins = job_.state == RemoteState::uploading || job_.state == RemoteState::failed ||
                        job_.state == RemoteState::cancelled;
    if (!begins) {
        return job_;
    }
    if (job_.state != RemoteState::failed) {
        for (const RemoteFile& file : client_.files(Shelf::job, job_.id)) {
            if (file.required && !file.complete) {
                send(file);
            }
        }
    }
    job_ = client_.start(Shelf::job, job_.id);
    return job_;
}

RemoteJob JobExchange::follow(const std::function<bool(const RemoteJob&)>& event) {
    job_ = client_.watch(Shelf::job, job_.id, event);
    return job_;
}

// What comes back are the server's states, of the kind that was sent: no result is larger than what
// was sent together, twice over.
std::uint64_t JobExchange::most_bytes_of_a_result() const {
    constexpr std::uint64_t room = std::uint64_t{64} << 20U;
    std::uint64_t sent = 0;
    for (const auto& entry : fs::recursive_directory_iterator(directory_)) {
        const std::string name = fs::relative(entry.path(), directory_).generic_string();
        if (entry.is_regular_file() && is_upload(name)) {
            sent += entry.file_size();
        }
    }
    return 2 * sent + room;
}

// How many a training has, by the plan that the owner has made.
int JobExchange::iterations() const {
    const fs::path plan = directory_ / contents::plan;
    return fs::exists(plan)
               ? value_or_throw(read_plan(plan, TestParameters::allow)).plan.recipe().iterations
               : 0;
}

void JobExchange::fetch() {
    // Each kept checkpoint is about as large as the model, which is far smaller than what was sent.
    constexpr std::uint64_t results = 16;
    const std::uint64_t most_bytes = most_bytes_of_a_result();
    const int most_iterations = iterations();
    std::uint64_t left = results * most_bytes;
    for (const RemoteFile& file : client_.files(Shelf::job, job_.id)) {
        if (!file.complete || file.required || !is_result(file.name, most_iterations)) {
            continue;
        }
        const fs::path path = directory_ / file.name;
        if (is_there(path, file)) {
            continue;
        }
        make_private_folder(path.parent_path());
        const std::uint64_t most = std::min(most_bytes, left);
        client_.download(Shelf::job, job_.id, file.name, path, most);
        left -= std::min(left, fs::file_size(path));
    }
}

RemoteJob JobExchange::post_answer(int iteration) {
    const auto answer =
        value_or_throw(read_file(directory_ / contents::answer(iteration), largest_answer));
    job_ = client_.answer(job_.id, iteration, answer);
    return job_;
}

void JobExchange::remove() {
    client_.remove(Shelf::job, job_.id);
}

void require_success(const ServiceClient& client, const RemoteJob& job) {
    switch (job.state) {
        case RemoteState::succeeded:
            return;
        case RemoteState::failed:
            throw Error(ErrorCode::bad_input,
                        fmt::format("{}: the job has failed: {}", client.address(),
                                    job.reason.empty() ? "without a reason" : job.reason));
        case RemoteState::uploading:
            throw Error(ErrorCode::bad_input,
                        fmt::format("{}: the service waits for files of the job again: give the "
                                    "same command again",
                                    client.address()));
        default:
            throw Error(ErrorCode::bad_input, fmt::format("{}: the job is {}: there is no result",
                                                          client.address(), name(job.state)));
    }
}

}  // namespace cipherfit
