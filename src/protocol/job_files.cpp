#include "cipherfit/protocol/job_files.h"

#include "cipherfit/io/bytes.h"
#include "protocol/ciphertext_sections.h"
#include "protocol/packing.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>

#include <nlohmann/json.hpp>

namespace cipherfit {
namespace {

constexpr std::size_t largest_plan = std::size_t{1} << 22U;
constexpr std::size_t message_header = 16;  // level, parts, scale

// The file's name goes before what is wrong in it.
template <class F>
auto in_file(const std::filesystem::path& path, F&& f) {
    return expected([&] {
        try {
            return f();
        } catch (const Error& error) {
            const std::string file = path.string();
            const std::string what = error.what();
            if (what.find(file) != std::string::npos) {
                throw;
            }
            throw Error(error.code(), fmt::format("{}: {}", file, what));
        }
    });
}

void report(const ByteProgress& progress, const ContainerReader& reader) {
    if (progress) {
        progress(reader.position(), reader.size());
    }
}

// Level, parts and scale of a message, checked against the parameters.
MessageInfo read_message_info(ByteReader& in, const Parameters& parameters, std::uint32_t parts) {
    const std::uint32_t level = in.u32();
    const std::uint32_t count = in.u32();
    const double scale = in.f64();
    require(in.ok() && level <= parameters.max_level() && count == parts && std::isfinite(scale) &&
                scale > 0,
            ErrorCode::corrupt_data, "a ciphertext's header does not fit the parameters");
    return {level, scale};
}

Ciphertext read_ciphertext(ContainerReader& reader, const Parameters& parameters,
                           std::uint32_t index) {
    const Ring& ring = parameters.ring();
    const std::size_t most =
        message_header + 2 * packed_poly_bytes(ring, ring.q_count(), parameters.max_level());
    ByteReader in(value_or_throw(reader.section(tag_ciphertext, index, most)));
    const MessageInfo info = read_message_info(in, parameters, 2);
    const std::size_t bytes = packed_poly_bytes(ring, info.level + 1, info.level);
    require(in.remaining() == 2 * bytes, ErrorCode::corrupt_data,
            "ciphertext {} has {} bytes, its level says {}", index, in.remaining(), 2 * bytes);
    std::vector<RnsPoly> parts;
    parts.reserve(2);
    for (int part = 0; part < 2; ++part) {
        parts.push_back(unpack_poly(ring, info.level + 1, info.level, in.bytes(bytes)));
    }
    return {std::move(parts), info};
}

void write_ciphertext(ContainerWriter& writer, const Parameters& parameters,
                      const Ciphertext& ciphertext, std::uint32_t index) {
    ByteWriter header;
    header.u32(static_cast<std::uint32_t>(ciphertext.level()));
    header.u32(2);
    header.f64(ciphertext.scale());
    std::vector<std::uint8_t> payload = header.take();
    for (std::size_t part = 0; part < 2; ++part) {
        pack_poly(parameters.ring(), ciphertext.part(part), ciphertext.level(), payload);
    }
    value_or_throw(writer.section(tag_ciphertext, index, payload));
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

Expected<Job> read_plan(const std::filesystem::path& path, TestParameters tests) {
    return in_file(path, [&] {
        auto reader = value_or_throw(ContainerReader::open(path, ContainerKind::plan));
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
        refuse_test_parameters(job.plan.parameters(), tests, path.string());
        value_or_throw(reader.expect(job_identity(job.plan, job.identity.key, job.identity.nonce),
                                     {IdentityPart::parameters, IdentityPart::plan}));
        return job;
    });
}

Expected<void> write_plan(const std::filesystem::path& path, const Job& job) {
    return in_file(path, [&] {
        auto writer =
            value_or_throw(ContainerWriter::create(path, ContainerKind::plan, job.identity));
        const std::string text = job.plan.to_json().dump();
        value_or_throw(writer.section(
            tag_plan, 0, {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()}));
        if (job.answer_key) {
            value_or_throw(writer.section(tag_answer_key, 0, *job.answer_key));
        }
        value_or_throw(writer.commit());
    });
}

Expected<EvaluationKeys> read_evaluation_keys(const std::filesystem::path& path, const Job& job,
                                              const ByteProgress& progress) {
    return in_file(path, [&] {
        auto reader = value_or_throw(ContainerReader::open(path, ContainerKind::evaluation_keys));
        value_or_throw(reader.expect(
            job.identity, {IdentityPart::parameters, IdentityPart::key, IdentityPart::plan}));
        const Parameters& parameters = job.plan.parameters();
        const Ring& ring = parameters.ring();
        const auto expected_keys = job.plan.keys().levels();
        EvaluationKeys keys(parameters);
        std::uint32_t index = 0;
        // The plan's keys and no others, in the order of their ids. A key may be made for a higher
        // level than it is used at: earlier versions made some so.
        for (const auto& [id, level] : expected_keys) {
            const std::size_t highest = id.is_encapsulation() ? level : parameters.max_level();
            const KeyShape largest = key_shape(parameters, id, highest);
            const std::size_t most =
                8 + sizeof(Seed) +
                largest.digits * packed_poly_bytes(ring, largest.limbs(), highest);
            ByteReader in(value_or_throw(reader.section(tag_key, index++, most)));
            SeededSwitchingKey key{.id = {in.u32()}, .level = in.u32(), .seed = {}, .b = {}};
            require(in.ok() && key.id == id && key.level >= level && key.level <= highest,
                    ErrorCode::corrupt_data, "key {} is not the one that the plan asks for", index);
            const KeyShape shape = key_shape(parameters, id, key.level);
            const std::size_t limbs = shape.limbs();
            const std::size_t bytes = packed_poly_bytes(ring, limbs, key.level);
            const std::size_t digits = shape.digits;
            require(in.remaining() == sizeof(Seed) + digits * bytes, ErrorCode::corrupt_data,
                    "key {} is not the one that the plan asks for", index);
            const auto seed = in.bytes(sizeof(Seed));
            std::copy(seed.begin(), seed.end(), key.seed.begin());
            for (std::size_t digit = 0; digit < digits; ++digit) {
                key.b.push_back(unpack_poly(ring, limbs, key.level, in.bytes(bytes)));
            }
            keys.insert(expand(std::move(key), parameters));
            report(progress, reader);
        }
        value_or_throw(reader.verify_end());
        return keys;
    });
}

namespace {

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
    data.features = read(plan.feature_ciphertexts(), plan.feature_level(batch));
    data.labels = read(plan.label_ciphertexts(), plan.label_level(batch));
    data.logits = read(plan.logit_ciphertexts(), plan.label_level(batch));
    data.start = read(plan.start_ciphertexts(), plan.start_level());
    value_or_throw(reader.verify_end());
    return data;
}

}  // namespace

Expected<EncryptedTrainingData> read_training_data(const std::filesystem::path& path,
                                                   const Job& job, const ByteProgress& progress) {
    return in_file(path, [&] {
        auto reader = value_or_throw(ContainerReader::open(path, ContainerKind::training_data));
        value_or_throw(reader.expect(job.identity, {IdentityPart::parameters, IdentityPart::key,
                                                    IdentityPart::plan, IdentityPart::job}));
        return read_data(reader, job.plan, 0, progress);
    });
}

Expected<EncryptedTrainingData> read_training_batch(const std::filesystem::path& path,
                                                    const Job& job, std::size_t batch) {
    return in_file(path, [&] {
        auto reader = value_or_throw(ContainerReader::open(path, ContainerKind::training_batch));
        value_or_throw(reader.expect(job.identity, {IdentityPart::parameters, IdentityPart::key,
                                                    IdentityPart::plan, IdentityPart::job}));
        ByteReader in(value_or_throw(reader.section(tag_list, 0, 4)));
        const std::uint32_t index = in.u32();
        value_or_throw(in.finish("the batch's header"));
        require(index == batch, ErrorCode::corrupt_data,
                "holds batch {} where batch {} is expected: the files were swapped", index, batch);
        return read_data(reader, job.plan, batch, {});
    });
}

Expected<TrainingState> read_state(const std::filesystem::path& path, ContainerKind kind,
                                   const Job& job) {
    return in_file(path, [&] {
        auto reader = value_or_throw(ContainerReader::open(path, kind));
        value_or_throw(reader.expect(job.identity, {IdentityPart::parameters, IdentityPart::key,
                                                    IdentityPart::plan, IdentityPart::job}));
        ByteReader in(value_or_throw(reader.section(tag_list, 0, 20)));
        const std::uint32_t iteration = in.u32();
        const std::uint32_t main = in.u32();
        const std::uint32_t extrapolated = in.u32();
        const std::uint32_t coefficients = in.u32();
        const std::uint32_t segment = in.u32();
        value_or_throw(in.finish("the state's header"));
        const std::size_t most = job.plan.state_ciphertexts();
        require(iteration <= static_cast<std::uint32_t>(job.plan.recipe().iterations) &&
                    main <= most && extrapolated <= most && coefficients <= most &&
                    segment <= 2 * most,
                ErrorCode::corrupt_data, "the state's header does not fit the plan");
        TrainingState state{.iteration = static_cast<int>(iteration)};
        std::uint32_t index = 0;
        const auto read = [&](std::uint32_t count, std::vector<Ciphertext>& blocks) {
            for (std::uint32_t i = 0; i < count; ++i) {
                blocks.push_back(read_ciphertext(reader, job.plan.parameters(), index++));
            }
        };
        read(main, state.main);
        read(extrapolated, state.extrapolated);
        read(coefficients, state.coefficients);
        read(segment, state.segment);
        value_or_throw(reader.verify_end());
        value_or_throw(check_state(job.plan, state));
        return state;
    });
}

Expected<std::uint64_t> write_state(const std::filesystem::path& path, ContainerKind kind,
                                    const Job& job, const TrainingState& state) {
    return in_file(path, [&] {
        auto writer = value_or_throw(ContainerWriter::create(path, kind, job.identity));
        ByteWriter header;
        header.u32(static_cast<std::uint32_t>(state.iteration));
        header.u32(static_cast<std::uint32_t>(state.main.size()));
        header.u32(static_cast<std::uint32_t>(state.extrapolated.size()));
        header.u32(static_cast<std::uint32_t>(state.coefficients.size()));
        header.u32(static_cast<std::uint32_t>(state.segment.size()));
        value_or_throw(writer.section(tag_list, 0, header.view()));
        std::uint32_t index = 0;
        for (const auto* blocks :
             {&state.main, &state.extrapolated, &state.coefficients, &state.segment}) {
            for (const Ciphertext& block : *blocks) {
                write_ciphertext(writer, job.plan.parameters(), block, index++);
            }
        }
        value_or_throw(writer.commit());
        return writer.bytes_written();
    });
}

Expected<std::vector<Ciphertext>> read_model(const std::filesystem::path& path, const Job& job) {
    return in_file(path, [&] {
        TrainingState state = value_or_throw(read_state(path, ContainerKind::model, job));
        require(state.iteration == job.plan.recipe().iterations, ErrorCode::corrupt_data,
                "the model stands at iteration {} of {}", state.iteration,
                job.plan.recipe().iterations);
        return std::move(job.plan.recipe().model == ModelSequence::main ? state.main
                                                                        : state.extrapolated);
    });
}

}  // namespace cipherfit
