#include "cipherfit/protocol/owner/job_owner.h"

#include "cipherfit/ckks/owner/encryptor.h"
#include "cipherfit/io/bytes.h"
#include "cipherfit/solver/owner/training_messages.h"
#include "cipherfit/train/cost.h"
#include "protocol/ciphertext_sections.h"
#include "protocol/content_io.h"
#include "protocol/owner/unchecked_access.h"
#include "protocol/owner/wipe_blocks.h"

#include <string>
#include <utility>

namespace cipherfit {
namespace {

void require_key(const Job& job, const SecretKey& key) {
    require(key.parameters() == job.plan.parameters() && key.id() == job.identity.key,
            ErrorCode::fingerprint_mismatch,
            "the secret key is not the one of this job: use the key that was made for its plan");
}

}  // namespace

bool is_complete(const JobStore& store, std::string_view name, ContainerKind kind,
                 const ContainerIdentity& identity, std::initializer_list<IdentityPart> parts) {
    if (!store.exists(name)) {
        return false;
    }
    const auto whole = read_content(store.get(name), kind, [&](ContainerReader& reader) {
        value_or_throw(reader.expect(identity, parts));
        while (const auto next = value_or_throw(reader.peek())) {
            value_or_throw(reader.section(next->tag, next->index, next->length));
        }
        return true;
    });
    if (!whole && whole.error().code != ErrorCode::corrupt_data) {
        throw Error(whole.error());
    }
    return whole.has_value();
}

Expected<std::uint64_t> write_evaluation_keys(ContentSink to, const Job& job, const SecretKey& key,
                                              const ByteProgress& progress) {
    ContainerIdentity identity = job.identity;
    identity.nonce = {};
    const auto write = [&](ContainerWriter& writer) {
        require_key(job, key);
        const KeyGenerator generator(key);
        const auto total = static_cast<std::uint64_t>(plan_cost(job.plan).evaluation_key_bytes);
        const KeyRequest request = job.plan.keys();
        std::uint32_t index = 0;
        for (const auto& [id, level] : request.levels()) {
            write_key_section(writer, job.plan.parameters(), index++,
                              generator.switching_key(id, level));
            if (progress) {
                progress(writer.bytes_written(), total);
            }
        }
    };
    return write_content(std::move(to), ContainerKind::evaluation_keys, identity, write);
}

namespace {

// Encrypts a batch's messages into the sections 0.. of the writer. `written`: of the contents
// before.
void write_data(ContainerWriter& writer, const TrainingPlan& plan, const SecretKey& key,
                const PreparedData& data, std::size_t batch, std::uint64_t written,
                const ByteProgress& progress) {
    const auto total = static_cast<std::uint64_t>(plan_cost(plan).upload_bytes);
    const Encoder encoder(plan.parameters());
    std::uint32_t index = 0;
    for_each_message(plan, data, batch, [&](TrainingMessage message) {
        const SeededCiphertext sealed =
            encrypt_seeded(key, encoder.encode(message.slots, message.level, message.scale));
        secure_wipe(message.slots.data(), message.slots.size() * sizeof(double));
        write_seeded_section(writer, plan.parameters(), index++, sealed);
        if (progress) {
            progress(written + writer.bytes_written(), total);
        }
    });
}

// Contents that were swapped hold another batch than their names say.
bool is_batch_complete(const JobStore& store, const std::string& name, const Job& job,
                       std::size_t batch) {
    if (!is_complete(store, name, ContainerKind::training_batch, job.identity, all_of_the_job)) {
        return false;
    }
    auto reader = value_or_throw(
        ContainerReader::open(value_or_throw(store.get(name)), ContainerKind::training_batch));
    ByteReader in(value_or_throw(reader.section(tag_list, 0, sizeof(std::uint32_t))));
    return in.u32() == batch && in.ok();
}

}  // namespace

Expected<std::uint64_t> write_training_data(ContentSink to, const Job& job, const SecretKey& key,
                                            const PreparedData& data,
                                            const ByteProgress& progress) {
    const auto write = [&](ContainerWriter& writer) {
        require_key(job, key);
        write_data(writer, job.plan, key, data, 0, 0, progress);
    };
    return write_content(std::move(to), ContainerKind::training_data, job.identity, write);
}

Expected<std::uint64_t> write_training_batches(JobStore& store, const Job& job,
                                               const SecretKey& key, const PreparedData& data,
                                               const ByteProgress& progress) {
    return expected([&] {
        require_key(job, key);
        std::uint64_t written = 0;
        for (std::size_t batch = 0; batch < job.plan.row_files(); ++batch) {
            const std::string name = contents::batch(batch);
            if (is_batch_complete(store, name, job, batch)) {  // of a run that was stopped
                written += value_or_throw(content_bytes(store, name));
                continue;
            }
            const auto write = [&](ContainerWriter& writer) {
                ByteWriter header;
                header.u32(static_cast<std::uint32_t>(batch));
                value_or_throw(writer.section(tag_list, 0, header.view()));
                write_data(writer, job.plan, key, data, batch, written, progress);
            };
            written += value_or_throw(
                write_content(store.put(name), ContainerKind::training_batch, job.identity, write));
        }
        return written;
    });
}

UncheckedModel decrypt_model(const Job& job, const SecretKey& key,
                             const std::vector<Ciphertext>& model, const RowMatrix& xs) {
    const auto reader = owner_solver(job.plan).reader(job.plan, xs);
    return decrypt_model(job, key, model, job.plan.recipe().iterations, *reader);
}

UncheckedModel decrypt_model(const Job& job, const SecretKey& key,
                             const std::vector<Ciphertext>& blocks, int iteration,
                             ModelReader& reader) {
    require_key(job, key);
    const Encoder encoder(job.plan.parameters());
    SlotBlocks slots;
    slots.reserve(blocks.size());
    for (const Ciphertext& block : blocks) {
        slots.push_back(encoder.decode(decrypt(key, block)));
    }
    RowMatrix state = reader.model(iteration, slots);
    wipe(slots);
    return UncheckedModel(std::move(state));
}

}  // namespace cipherfit
