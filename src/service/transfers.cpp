// The service's uploads and downloads.
#include "cipherfit/io/file.h"
#include "service/outcome.h"
#include "service/service.h"

#include <algorithm>

namespace cipherfit::service {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t sent_at_once = std::size_t{1} << 20U;
// Bytes of an upload after which its job counts as changed.
constexpr std::uint64_t noted_every = std::uint64_t{16} << 20U;

}  // namespace

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
    const std::uint64_t most_of_post =
        start.is_post ? largest_post(*charter_of(start.id), start.name) : 0;
    const std::string place = start.is_post ? part_name(start.name, client) : start.name;
    // What is known of the file stays so until the upload has its place.
    const std::lock_guard lock(place_mutex_);
    if (!store_.job(start.id)) {
        refuse(Status::not_found, "there is no such job or charter of '{}'", client);
    }
    auto known = store_.file(start.id, start.name);
    if (start.is_post && !(known && known->complete)) {
        known = store_.file(start.id, place);
    }
    upload.file_ = {place, start.bytes, to_hex(start.sha256), false, known ? known->max_bytes : 0};
    const std::uint64_t most = start.is_post ? most_of_post : upload.file_.max_bytes;
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
    // One that was cancelled while files were missing can go on.
    if (!start.is_post && upload.job_.state != JobState::uploading &&
        upload.job_.state != JobState::cancelled) {
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
        // Parts of posts are not counted.
        const std::uint64_t before = known && !start.is_post ? known->bytes : 0;
        const std::lock_guard admission(admission_mutex_);
        require_quota(upload.job_, start.bytes - std::min(before, start.bytes));
        if (start.is_post) {
            require_board_room(upload.job_, place, start.bytes);
        }
        require_room(start.id, place, start.bytes);
        upload.incoming_ = incoming_.open(start.id, upload.file_, true);
        store_.put_file(start.id, upload.file_);
    } else {
        upload.incoming_ = incoming_.open(start.id, upload.file_, false);
        store_.touch(start.id);
    }
    upload.stream_ = upload.incoming_->take_over();
    return upload;
}

void Upload::append(std::uint64_t offset, std::span<const std::uint8_t> bytes) {
    if (bytes.size() > largest_chunk) {
        refuse(Status::resource_exhausted, "a chunk has at most {} bytes", largest_chunk);
    }
    service_->require_reserve(plain_name(file_.name), offset, bytes.size());
    incoming_->append(stream_, offset, bytes);
    service_->metrics_.count_uploaded(bytes.size());
    if (offset / noted_every != (offset + bytes.size()) / noted_every) {
        service_->store_.touch(job_.id);
    }
}

FileView Upload::finish() {
    if (!done_) {
        incoming_->finish(stream_, [this] { service_->accept(*this); });
        file_.complete = true;
        file_.name = plain_name(file_.name);
    }
    return {file_, file_.bytes};
}

// Into its place, once its form is right.
void Service::accept(Upload& upload) {
    const std::string& id = upload.job_.id;
    const std::string file = plain_name(upload.file_.name);
    const fs::path& path = upload.incoming_->path();
    try {
        if (upload.is_post_) {
            check_post(*charter_of(id), file, path);
        } else {
            check_upload(directory(id), upload.job_.kind, file, path);
        }
    } catch (const Error& error) {
        throw refusal_of(error.info());
    }
    FileRecord accepted = upload.file_;
    accepted.complete = true;
    accepted.name = file;
    {
        const std::lock_guard lock(place_mutex_);
        const auto known = store_.file(id, upload.file_.name);
        if (!known || known->complete || known->bytes != accepted.bytes ||
            known->sha256 != accepted.sha256) {
            refuse(Status::aborted, "{}: another upload of it has taken over, or the job is gone",
                   file);
        }
        require_no_links(directory(id), file);
        const fs::path place = directory(id) / file;
        const std::string what = (upload.is_post_ ? "post " : "upload ") + file;
        audited({.who = upload.client_, .what = what, .job = id, .digest = accepted.sha256}, [&] {
            if (fs::create_directories(place.parent_path())) {
                flush_directory(directory(id));
            }
            fs::rename(path, place);
            flush_directory(place.parent_path());
            try {
                if (upload.is_post_) {
                    store_.put_post(id, accepted);
                } else {
                    store_.put_file(id, accepted);
                }
            } catch (...) {  // the next try finds it where it was
                std::error_code ignored;
                fs::rename(place, path, ignored);
                throw;
            }
            return true;
        });
        incoming_.close(id, upload.file_.name);
        if (upload.is_post_) {
            incoming_.drop_parts(id, file);
        }
    }
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

}  // namespace cipherfit::service
