// The service's uploads and downloads, and the charters' boards.
#include "cipherfit/io/file.h"
#include "cipherfit/parties/charter_files.h"
#include "service/clock.h"
#include "service/outcome.h"
#include "service/pki.h"
#include "service/service.h"

#include <algorithm>
#include <fcntl.h>
#include <unistd.h>

namespace cipherfit::service {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t sent_at_once = std::size_t{1} << 20U;
constexpr std::size_t most_identities = 256;

// A file that was moved there is found there after a power cut.
void flush_directory(const fs::path& path) {
    const FileDescriptor directory(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    static_cast<void>(directory.valid() && ::fsync(directory.get()) == 0);
}

}  // namespace

Charter Service::charter_of(const std::string& id) const {
    const auto bytes =
        value_or_throw(read_file(directory(id) / "charter.bin", largest_charter_bytes));
    return value_or_throw(charter_from_bytes(bytes));
}

Upload Service::upload(const std::string& client, const UploadStart& start) {
    Upload upload;
    upload.service_ = this;
    upload.client_ = client;
    upload.is_post_ = start.is_post;
    upload.job_ = start.is_post ? visible_job(client, start.id) : own_job(client, start.id);
    if (start.is_post != (upload.job_.kind == JobKind::charter)) {
        refuse(Status::failed_precondition,
               "messages of charters are posted, files of jobs are uploaded");
    }
    if (start.bytes == 0 || start.sha256.size() != 32) {
        refuse(Status::invalid_argument,
               "an upload begins with the file's size, of 1 byte or more, and its SHA-256");
    }
    // What is known of the file stays so until the upload has its place.
    const std::lock_guard lock(place_mutex_);
    const auto known = store_.file(start.id, start.name);
    upload.file_ = {start.name, start.bytes, to_hex(start.sha256), false,
                    known ? known->max_bytes : 0};
    const std::uint64_t most =
        start.is_post ? largest_post(charter_of(start.id), start.name) : upload.file_.max_bytes;
    if (most == 0 && !(known && known->complete)) {
        refuse(Status::invalid_argument, "the job takes no file of that name");
    }
    if (known && known->complete) {
        if (known->bytes != start.bytes || known->sha256 != upload.file_.sha256) {
            refuse(Status::already_exists, "{} is there already, with other bytes", start.name);
        }
        upload.file_ = *known;
        upload.done_ = true;
        return upload;
    }
    if (!start.is_post && upload.job_.state != JobState::uploading) {
        refuse(Status::failed_precondition, "the job is {} and takes no more files",
               name(upload.job_.state));
    }
    if (start.bytes > most) {
        refuse(Status::resource_exhausted, "{} has {} bytes, at most {} are taken", start.name,
               start.bytes, most);
    }
    const bool is_same =
        known && known->bytes == start.bytes && known->sha256 == upload.file_.sha256;
    if (!is_same) {
        const Usage usage = store_.usage(upload.job_.owner, 0);
        const std::uint64_t before = known ? known->bytes : 0;
        if (settings_.quota_bytes != 0 &&
            usage.bytes - before + start.bytes > settings_.quota_bytes) {
            refuse(Status::resource_exhausted, "{}: its {} bytes are more than '{}' has left",
                   start.name, start.bytes, upload.job_.owner);
        }
        if (start.bytes + settings_.disk_reserve_bytes > fs::space(settings_.data).available) {
            refuse(Status::resource_exhausted, "{}: the server's disk is full", start.name);
        }
        upload.incoming_ = incoming_.open(start.id, upload.file_, true);
        store_.put_file(start.id, upload.file_);
    } else {
        upload.incoming_ = incoming_.open(start.id, upload.file_, false);
    }
    upload.stream_ = upload.incoming_->take_over();
    return upload;
}

void Upload::append(std::uint64_t offset, std::span<const std::uint8_t> bytes) {
    if (bytes.size() > largest_chunk) {
        refuse(Status::resource_exhausted, "a chunk has at most {} bytes", largest_chunk);
    }
    incoming_->append(stream_, offset, bytes);
    service_->metrics_.count_uploaded(bytes.size());
}

FileView Upload::finish() {
    if (!done_) {
        incoming_->finish(stream_, [this] { service_->accept(*this); });
        file_.complete = true;
    }
    return {file_, file_.bytes};
}

// Into its place, once its form is right.
void Service::accept(Upload& upload) {
    const std::string& id = upload.job_.id;
    const std::string& file = upload.file_.name;
    const fs::path& path = upload.incoming_->path();
    try {
        if (upload.is_post_) {
            check_post(charter_of(id), file, path);
        } else {
            check_upload(directory(id), upload.job_.kind, file, path);
        }
    } catch (const Error& error) {
        throw refusal_of(error.info());
    }
    FileRecord accepted = upload.file_;
    accepted.complete = true;
    {
        const std::lock_guard lock(place_mutex_);
        const auto known = store_.file(id, file);
        if (!known || known->complete || known->bytes != accepted.bytes ||
            known->sha256 != accepted.sha256) {
            refuse(Status::aborted, "{}: another upload of it has taken over, or the job is gone",
                   file);
        }
        require_no_links(directory(id), file);
        const fs::path place = directory(id) / file;
        fs::create_directories(place.parent_path());
        fs::rename(path, place);
        flush_directory(place.parent_path());
        store_.put_file(id, accepted);
        incoming_.close(id, file);
    }
    audit_.add({.who = upload.client_,
                .what = (upload.is_post_ ? "post " : "upload ") + file,
                .job = id,
                .digest = upload.file_.sha256});
    watchers_.notify(id);
}

Download Service::download(const std::string& client, const std::string& id,
                           const std::string& name, std::uint64_t offset,
                           std::span<const std::uint8_t> sha256) {
    const JobRecord job = visible_job(client, id);
    const auto file = store_.file(id, name);
    if (!file || !file->complete) {
        refuse(Status::not_found, "the job has no file of that name");
    }
    if (!sha256.empty() && to_hex(sha256) != file->sha256) {
        refuse(Status::failed_precondition, "{} is another file by now: begin at its start", name);
    }
    if (offset > file->bytes) {
        refuse(Status::out_of_range, "{} has {} bytes", name, file->bytes);
    }
    Download download;
    download.metrics_ = &metrics_;
    download.file_ = *file;
    require_no_links(directory(id), name);
    auto source = FileSource::open(directory(id) / name);
    if (!source || (*source)->size() != file->bytes) {
        refuse(Status::internal, "{} cannot be read", name);
    }
    download.source_ = std::move(*source);
    download.offset_ = offset;
    audit_.add({.who = client, .what = "download " + name, .job = id, .digest = file->sha256});
    return download;
}

std::vector<std::uint8_t> Download::next() {
    std::vector<std::uint8_t> bytes(
        static_cast<std::size_t>(std::min<std::uint64_t>(sent_at_once, file_.bytes - offset_)));
    if (!bytes.empty()) {
        value_or_throw(source_->read_at(offset_, bytes));
        offset_ += bytes.size();
        metrics_->count_downloaded(bytes.size());
    }
    return bytes;
}

JobView Service::create_charter(const std::string& client, std::span<const std::uint8_t> bytes,
                                const std::vector<std::string>& identities) {
    if (bytes.empty() || bytes.size() > largest_plan_bytes) {
        refuse(Status::invalid_argument, "the charter has {} bytes, it must have 1 to {}",
               bytes.size(), largest_plan_bytes);
    }
    if (identities.size() > most_identities ||
        !std::ranges::all_of(identities, [](const auto& name) { return is_client_name(name); })) {
        refuse(Status::invalid_argument,
               "the identities are not names of up to {} clients, as their certificates have them",
               most_identities);
    }
    const auto charter = charter_from_bytes(bytes);
    if (!charter) {
        throw refusal_of(charter.error());
    }
    JobRecord job;
    job.id = to_hex(charter_digest(*charter));
    job.owner = client;
    job.kind = JobKind::charter;
    job.plan_digest = to_hex(sha256(bytes));
    job.created = unix_now();
    if (store_.job(job.id)) {
        return view(visible_job(client, job.id));
    }
    Outline outline;
    try {
        const std::lock_guard lock(outline_mutex_);
        outline = outline_of_charter(*charter, settings_.tests);
    } catch (const Error& error) {
        throw refusal_of(error.info());
    }
    job.cost = outline.cost;
    admit(client, job.cost);
    const CharterFiles files{directory(job.id)};
    value_or_throw(write_charter(files, *charter));
    outline.files.push_back({"charter.bin", bytes.size(), job.plan_digest, true});
    if (!store_.add_job(job, outline.files, identities)) {
        return view(visible_job(client, job.id));
    }
    audit_.add({.who = client, .what = "create charter", .job = job.id, .digest = job.plan_digest});
    return view(job);
}

std::vector<FileView> Service::board(const std::string& client, const std::string& id,
                                     std::optional<std::uint32_t> round) const {
    const JobRecord job = visible_job(client, id);
    const std::string prefix = round ? fmt::format("messages/{:02}-", *round) : std::string();
    std::vector<FileView> views;
    for (const FileRecord& file : store_.files(id)) {
        if (file.name.starts_with(prefix)) {
            views.push_back(view(job, file));
        }
    }
    return views;
}

std::uint32_t Service::board_entries(const std::string& id) const {
    const auto files = store_.files(id);
    return static_cast<std::uint32_t>(
        std::ranges::count_if(files, [](const FileRecord& file) { return file.complete; }));
}

}  // namespace cipherfit::service
