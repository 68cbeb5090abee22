// The calls with a stream: upload, download, watching.
#include "remote/rpc.h"
#include "remote/service_calls.h"

#include <algorithm>
#include <vector>

namespace cipherfit {
namespace {

// Reads a stream of the server's to its end, or until `take` returns false.
template <class Response, class Reader, class Take>
Called<void> read_all(PendingCall& pending, Reader& reader, double stall_seconds, Take&& take) {
    grpc::Status status;
    Response response;
    const DrainedCall drain(pending);  // before what the operations refer to goes
    bool open = pending.wait(stall_seconds);
    while (open) {
        reader.Read(&response, PendingCall::tag());
        open = pending.wait(stall_seconds);
        if (open && !take(response)) {
            return {};
        }
    }
    reader.Finish(&status, PendingCall::tag());
    static_cast<void>(pending.wait(stall_seconds));
    if (!status.ok() || pending.timed_out()) {
        return tl::unexpected(call_error_of(pending, status));
    }
    return {};
}

}  // namespace

Called<RemoteFile> ServiceCalls::upload(Shelf shelf, const SentFile& file, std::uint64_t offset,
                                        const std::function<void(std::uint64_t)>& sent) {
    PendingCall pending(rpc_->idle());
    const CallTimes& times = rpc_->times();
    grpc::Status status;
    v1::FileState response;
    v1::UploadRequest request;
    const auto writer = shelf == Shelf::charter
                            ? rpc_->charters().AsyncPost(&pending.context, &response,
                                                         &pending.queue, PendingCall::tag())
                            : rpc_->jobs().AsyncUpload(&pending.context, &response, &pending.queue,
                                                       PendingCall::tag());
    const DrainedCall drain(pending);
    bool open = pending.wait(times.answer_seconds);
    if (open) {
        auto& header = *request.mutable_header();
        header.set_id(file.id);
        header.set_name(file.name);
        header.set_bytes(file.bytes->size());
        header.set_sha256(as_bytes(file.sha256));
        writer->Write(request, PendingCall::tag());
        open = pending.wait(times.stall_seconds);
    }
    std::vector<std::uint8_t> piece(chunk_bytes);
    while (open && offset < file.bytes->size()) {
        const auto part = std::span(piece).first(static_cast<std::size_t>(
            std::min<std::uint64_t>(piece.size(), file.bytes->size() - offset)));
        value_or_throw(file.bytes->read_at(offset, part));
        auto& chunk = *request.mutable_chunk();
        chunk.set_offset(offset);
        chunk.set_data(part.data(), part.size());
        writer->Write(request, PendingCall::tag());
        offset += part.size();
        sent(offset);
        open = pending.wait(times.stall_seconds);
    }
    if (open) {
        writer->WritesDone(PendingCall::tag());
        open = pending.wait(times.stall_seconds);
    }
    // The server may have ended the call before it got everything: its status says why.
    writer->Finish(&status, PendingCall::tag());
    static_cast<void>(pending.wait(open ? times.accept_seconds : times.answer_seconds));
    if (!status.ok() || pending.timed_out()) {
        return tl::unexpected(call_error_of(pending, status));
    }
    return remote_file(response);
}

Called<void> ServiceCalls::download(
    Shelf shelf, const WantedFile& wanted, const std::function<bool(const RemoteFile&)>& begin,
    const std::function<void(std::span<const std::uint8_t>)>& piece) {
    v1::DownloadRequest request;
    request.set_id(wanted.id);
    request.set_name(wanted.name);
    request.set_offset(wanted.offset);
    if (wanted.sha256) {
        request.set_sha256(as_bytes(*wanted.sha256));
    }
    PendingCall pending(rpc_->idle());
    const auto reader = shelf == Shelf::charter
                            ? rpc_->charters().AsyncFetch(&pending.context, request, &pending.queue,
                                                          PendingCall::tag())
                            : rpc_->jobs().AsyncDownload(&pending.context, request, &pending.queue,
                                                         PendingCall::tag());
    bool told = false;
    std::uint64_t offset = wanted.offset;
    return read_all<v1::DownloadResponse>(
        pending, *reader, rpc_->times().stall_seconds, [&](const v1::DownloadResponse& response) {
            if (response.has_file()) {
                require(!told, ErrorCode::corrupt_data, "the service begins '{}' a second time",
                        wanted.name);
                told = true;
                return begin(remote_file(response.file()));
            }
            const v1::Chunk& chunk = response.chunk();
            require(told && chunk.offset() == offset, ErrorCode::corrupt_data,
                    "the service sends '{}' with a gap at byte {}", wanted.name, offset);
            offset += chunk.data().size();
            piece(
                {reinterpret_cast<const std::uint8_t*>(chunk.data().data()), chunk.data().size()});
            return true;
        });
}

Called<void> ServiceCalls::watch(Shelf shelf, const std::string& id,
                                 const std::function<bool(const RemoteJob&)>& event) {
    PendingCall pending(rpc_->idle());
    const double stall = rpc_->times().stall_seconds;
    if (shelf == Shelf::charter) {
        v1::WatchCharterRequest request;
        request.set_id(id);
        const auto reader = rpc_->charters().AsyncWatchCharter(&pending.context, request,
                                                               &pending.queue, PendingCall::tag());
        return read_all<v1::CharterEvent>(
            pending, *reader, stall,
            [&](const v1::CharterEvent& told) { return event(remote_job(told.job())); });
    }
    v1::WatchJobRequest request;
    request.set_id(id);
    const auto reader =
        rpc_->jobs().AsyncWatchJob(&pending.context, request, &pending.queue, PendingCall::tag());
    return read_all<v1::JobEvent>(pending, *reader, stall, [&](const v1::JobEvent& told) {
        return event(remote_job(told.job()));
    });
}

}  // namespace cipherfit
