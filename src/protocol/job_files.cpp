#include "cipherfit/protocol/job_files.h"

#include "cipherfit/io/bytes.h"
#include "protocol/ciphertext_sections.h"
#include "protocol/content_io.h"
#include "protocol/section_tags.h"

#include <algorithm>
#include <optional>
#include <utility>

#include <nlohmann/json.hpp>

namespace cipherfit {
namespace contents {

std::string batch(std::size_t index) {
    return fmt::format("{}batch_{:05}.cft", batches, index);
}

std::string kept_checkpoint(int iteration) {
    return fmt::format("{}iteration_{:04}.cft", checkpoints, iteration);
}

std::string answer(int iteration) {
    return fmt::format("{}iteration_{:04}.answer.json", checkpoints, iteration);
}

}  // namespace contents

namespace {

constexpr std::size_t largest_plan = std::size_t{1} << 22U;

void report(const ByteProgress& progress, const ContainerReader& reader) {
    if (progress) {
        progress(reader.position(), reader.size());
    }
}

}  // namespace

ContainerIdentity job_identity(const TrainingPlan& plan, const Digest& key_id, const Nonce& nonce) {
    return {plan.parameters().fingerprint(), key_id, plan.hash(), nonce,
            plan.parameters().insecure_for_tests_only() ? flag_insecure_parameters : 0};
}

void refuse_test_parameters(const Parameters& parameters, TestParameters tests,
                            const std::string& file) {
    require(
        tests == TestParameters::allow || !parameters.insecure_for_tests_only(),
        ErrorCode::insecure_parameters,
        "{}: made under insecure parameters that are for tests only: make it again without them",
        file);
}

bool is_of_training(std::string_view name) noexcept {
    return name == contents::plan || name == contents::evaluation_keys ||
           name == contents::training_data || name == contents::checkpoint ||
           name == contents::model || name == contents::server_report ||
           name.starts_with(contents::batches) || name.starts_with(contents::checkpoints);
}

Expected<Job> read_plan(ContentSource from, TestParameters tests) {
    return read_content(std::move(from), ContainerKind::plan, [&](ContainerReader& reader) {
        const auto text = value_or_throw(reader.section(tag_plan, 0, largest_plan));
        const auto json = nlohmann::json::parse(text.begin(), text.end(), nullptr, false);
        std::optional<AnswerKey> answer_key;
        if (value_or_throw(reader.peek())) {
            const auto bytes = value_or_throw(reader.section(tag_answer_key, 0, sizeof(AnswerKey)));
            require(bytes.size() == sizeof(AnswerKey), ErrorCode::corrupt_data,
                    "the key of the owner's answers has {} bytes", bytes.size());
            std::ranges::copy(bytes, answer_key.emplace().begin());
        }
        value_or_throw(reader.verify_end());
        require(!json.is_discarded(), ErrorCode::corrupt_data, "the plan is not JSON");
        Job job{value_or_throw(TrainingPlan::from_json(json)), reader.identity(), answer_key};
        refuse_test_parameters(job.plan.parameters(), tests, reader.name());
        value_or_throw(reader.expect(job_identity(job.plan, job.identity.key, job.identity.nonce),
                                     {IdentityPart::parameters, IdentityPart::plan}));
        return job;
    });
}

Expected<void> write_plan(ContentSink to, const Job& job) {
    const auto write = [&](ContainerWriter& writer) {
        const std::string text = job.plan.to_json().dump();
        value_or_throw(writer.section(
            tag_plan, 0, {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()}));
        if (job.answer_key) {
            value_or_throw(writer.section(tag_answer_key, 0, *job.answer_key));
        }
    };
    return without_bytes(write_content(std::move(to), ContainerKind::plan, job.identity, write));
}

Expected<EvaluationKeys> read_evaluation_keys(ContentSource from, const Job& job,
                                              const ByteProgress& progress) {
    return read_content(
        std::move(from), ContainerKind::evaluation_keys, [&](ContainerReader& reader) {
            value_or_throw(reader.expect(
                job.identity, {IdentityPart::parameters, IdentityPart::key, IdentityPart::plan}));
            // Exactly the plan's keys, in the order of their ids.
            return read_key_sections(reader, job.plan.parameters(), job.plan.keys(),
                                     [&] { report(progress, reader); });
        });
}

namespace {

std::uint32_t read_batch_index(ContainerReader& reader) {
    ByteReader in(value_or_throw(reader.section(tag_list, 0, 4)));
    const std::uint32_t index = in.u32();
    value_or_throw(in.finish("the batch's header"));
    return index;
}

// The ciphertexts of a batch, which are the last sections of their file.
EncryptedTrainingData read_data(ContainerReader& reader, const TrainingPlan& plan,
                                std::size_t batch, const ByteProgress& progress) {
    std::uint32_t index = 0;
    const auto read = [&](std::size_t count, std::size_t level) {
        std::vector<Ciphertext> out;
        for (std::size_t i = 0; i < count; ++i) {
            out.push_back(read_seeded_section(reader, plan.parameters(), index++, level));
            report(progress, reader);
        }
        return out;
    };
    EncryptedTrainingData data;
    for (const SequenceShape& message : plan.messages(batch)) {
        data[message.name] = read(message.count, message.level);
    }
    return data;
}

}  // namespace

Expected<EncryptedTrainingData> read_training_data(ContentSource from, const Job& job,
                                                   const ByteProgress& progress) {
    return read_content(std::move(from), ContainerKind::training_data,
                        [&](ContainerReader& reader) {
                            value_or_throw(reader.expect(job.identity, all_of_the_job));
                            return read_data(reader, job.plan, 0, progress);
                        });
}

Expected<EncryptedTrainingData> read_training_batch(ContentSource from, const Job& job,
                                                    std::size_t batch) {
    return read_content(
        std::move(from), ContainerKind::training_batch, [&](ContainerReader& reader) {
            value_or_throw(reader.expect(job.identity, all_of_the_job));
            const std::uint32_t index = read_batch_index(reader);
            require(index == batch, ErrorCode::corrupt_data,
                    "holds batch {} where batch {} is expected: the files were swapped", index,
                    batch);
            return read_data(reader, job.plan, batch, {});
        });
}

Expected<TrainingState> read_state(ContentSource from, ContainerKind kind, const Job& job) {
    return read_content(std::move(from), kind, [&](ContainerReader& reader) {
        value_or_throw(reader.expect(job.identity, all_of_the_job));
        // The iteration, and how many ciphertexts there are of each sequence.
        const std::vector<SequenceShape> sequences = job.plan.state(1);
        ByteReader in(value_or_throw(
            reader.section(tag_list, 0, sizeof(std::uint32_t) * (1 + sequences.size()))));
        const std::uint32_t iteration = in.u32();
        std::vector<std::uint32_t> counts;
        counts.reserve(sequences.size());
        for (std::size_t i = 0; i < sequences.size(); ++i) {
            counts.push_back(in.u32());
        }
        value_or_throw(in.finish("the state's header"));
        const std::size_t most = 2 * job.plan.state_ciphertexts();
        require(iteration <= static_cast<std::uint32_t>(job.plan.recipe().iterations) &&
                    std::all_of(counts.begin(), counts.end(),
                                [most](std::uint32_t count) { return count <= most; }),
                ErrorCode::corrupt_data, "the state's header does not fit the plan");
        TrainingState state{.iteration = static_cast<int>(iteration)};
        std::uint32_t index = 0;
        for (std::size_t i = 0; i < sequences.size(); ++i) {
            std::vector<Ciphertext>& blocks = state[sequences[i].name];
            for (std::uint32_t block = 0; block < counts[i]; ++block) {
                blocks.push_back(read_ciphertext_section(reader, job.plan.parameters(), index++));
            }
        }
        value_or_throw(reader.verify_end());
        value_or_throw(check_state(job.plan, state));
        return state;
    });
}

Expected<std::uint64_t> write_state(ContentSink to, ContainerKind kind, const Job& job,
                                    const TrainingState& state) {
    return write_content(std::move(to), kind, job.identity, [&](ContainerWriter& writer) {
        ByteWriter header;
        header.u32(static_cast<std::uint32_t>(state.iteration));
        const std::vector<SequenceShape> sequences = job.plan.state(1);
        for (const SequenceShape& sequence : sequences) {
            header.u32(static_cast<std::uint32_t>(state[sequence.name].size()));
        }
        value_or_throw(writer.section(tag_list, 0, header.view()));
        std::uint32_t index = 0;
        for (const SequenceShape& sequence : sequences) {
            for (const Ciphertext& block : state[sequence.name]) {
                write_ciphertext_section(writer, job.plan.parameters(), index++, block);
            }
        }
    });
}

Expected<std::vector<Ciphertext>> read_model(ContentSource from, const Job& job) {
    return expected([&] {
        auto source = value_or_throw(from.take());
        const std::string name = source->name();
        TrainingState state =
            value_or_throw(read_state(ContentSource(std::move(source)), ContainerKind::model, job));
        require(state.iteration == job.plan.recipe().iterations, ErrorCode::corrupt_data,
                "{}: the model stands at iteration {} of {}", name, state.iteration,
                job.plan.recipe().iterations);
        return std::move(state[job.plan.solver().model_sequence(job.plan, state.iteration)]);
    });
}

}  // namespace cipherfit
