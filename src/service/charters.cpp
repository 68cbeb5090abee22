// Charters of several owners: made known by a member, and their boards.
#include "cipherfit/io/file.h"
#include "cipherfit/parties/charter_files.h"
#include "service/clock.h"
#include "service/pki.h"
#include "service/service.h"

#include <algorithm>

namespace cipherfit::service {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t most_identities = 256;
constexpr std::size_t most_known_charters = 16;

// Whoever has seen a charter could make it known first, and say who may take part: a member's
// signature is wanted.
void require_member(const Charter& charter, std::uint32_t member,
                    std::span<const std::uint8_t> given) {
    Signature signature{};
    if (given.size() != signature.size() || member >= charter.members.size()) {
        refuse(Status::invalid_argument,
               "a charter is made known by one of its members, with its signature: sign it first");
    }
    std::ranges::copy(given, signature.begin());
    if (const auto added = SignedCharter(charter).add(member, signature); !added) {
        throw refusal_of(added.error());
    }
}

}  // namespace

std::shared_ptr<const Charter> Service::charter_of(const std::string& id) const {
    {
        const std::lock_guard lock(charters_mutex_);
        if (const auto found = charters_.find(id); found != charters_.end()) {
            return found->second;
        }
    }
    const auto bytes =
        value_or_throw(read_file(directory(id) / "charter.bin", largest_charter_bytes));
    auto charter = std::make_shared<const Charter>(value_or_throw(charter_from_bytes(bytes)));
    // Its job's process could have replaced it.
    require(to_hex(charter_digest(*charter)) == id, ErrorCode::corrupt_data,
            "the charter in the service's directory is another one: delete it and make it known "
            "again");
    const std::lock_guard lock(charters_mutex_);
    if (charters_.size() >= most_known_charters) {
        charters_.clear();
    }
    charters_.insert_or_assign(id, charter);
    return charter;
}

JobView Service::create_charter(const std::string& client, const CreateCharter& request) {
    const auto& [bytes, identities, member, given] = request;
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
    require_member(*charter, member, given);
    Outline outline;
    try {
        const std::lock_guard lock(outline_mutex_);
        outline = outline_of_charter(*charter, settings_.tests);
    } catch (const Error& error) {
        throw refusal_of(error.info());
    }
    job.cost = outline.cost;
    outline.files.push_back({"charter.bin", bytes.size(), job.plan_digest, true});
    const std::lock_guard lock(admission_mutex_);
    if (store_.job(job.id)) {
        return view(visible_job(client, job.id));  // made known a moment ago
    }
    admit(client, job.cost);
    try {
        value_or_throw(write_charter(CharterFiles{directory(job.id)}, *charter));
        flush_directory(settings_.data / "jobs");
        audited({.who = client, .what = "create charter", .job = job.id, .digest = job.plan_digest},
                [&] { return store_.add_job(job, outline.files, identities); });
    } catch (...) {
        std::error_code ignored;
        fs::remove_all(directory(job.id), ignored);
        throw;
    }
    return view(job);
}

// What was posted, with what this client is about to post, is bounded by what the charter was
// admitted with. What others are about to post is not counted: it would keep this one out.
void Service::require_board_room(const JobRecord& job, const std::string& part,
                                 std::uint64_t bytes) const {
    const std::string client = part.substr(plain_name(part).size());
    std::uint64_t posted = bytes;
    for (const FileRecord& file : store_.files(job.id)) {
        const bool counts = !is_part(file.name) || file.name.ends_with(client);
        posted += file.name != part && counts ? file.bytes : 0;
    }
    if (posted > job.cost.disk_bytes) {
        refuse(Status::resource_exhausted,
               "{}: its {} bytes are more than messages of this charter take", plain_name(part),
               bytes);
    }
}

std::vector<FileView> Service::views_of(const JobRecord& job, const std::string& client) const {
    std::vector<FileView> views;
    for (const FileRecord& file : store_.files(job.id)) {
        FileView one = view(job, file);
        if (is_part(file.name)) {
            one.record.name = plain_name(file.name);
            if (file.name != part_name(one.record.name, client)) {
                continue;
            }
        }
        views.push_back(std::move(one));
    }
    return views;
}

std::vector<FileView> Service::board(const std::string& client, const std::string& id,
                                     std::optional<std::uint32_t> round) const {
    const std::string prefix = round ? fmt::format("messages/{:02}-", *round) : std::string();
    std::vector<FileView> views = views_of(visible_job(client, id), client);
    std::erase_if(views, [&](const FileView& one) { return !one.record.name.starts_with(prefix); });
    return views;
}

std::uint32_t Service::board_entries(const std::string& id) const {
    const auto files = store_.files(id);
    return static_cast<std::uint32_t>(
        std::ranges::count_if(files, [](const FileRecord& file) { return file.complete; }));
}

}  // namespace cipherfit::service
