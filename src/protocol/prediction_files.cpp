#include "cipherfit/protocol/prediction_files.h"

#include "cipherfit/io/bytes.h"
#include "protocol/ciphertext_sections.h"
#include "protocol/in_file.h"
#include "protocol/packing.h"

#include <cmath>
#include <string>
#include <utility>

#include <nlohmann/json.hpp>

namespace cipherfit {
namespace {

constexpr std::size_t largest_plan = 4096;

ContainerReader open(const std::filesystem::path& path, ContainerKind kind,
                     const PredictionJob& job) {
    auto reader = value_or_throw(ContainerReader::open(path, kind));
    value_or_throw(reader.expect(job.identity, {IdentityPart::parameters, IdentityPart::key,
                                                IdentityPart::plan, IdentityPart::job}));
    return reader;
}

Expected<std::vector<Ciphertext>> read_seeded(const std::filesystem::path& path, ContainerKind kind,
                                              const PredictionJob& job, std::size_t count) {
    return in_file(path, [&] {
        auto reader = open(path, kind, job);
        std::vector<Ciphertext> blocks;
        blocks.reserve(count);
        for (std::uint32_t i = 0; i < count; ++i) {
            blocks.push_back(
                read_seeded_section(reader, job.plan.parameters(), i, job.plan.level()));
        }
        value_or_throw(reader.verify_end());
        return blocks;
    });
}

}  // namespace

ContainerIdentity prediction_identity(const PredictionPlan& plan, const Digest& key_id,
                                      const Nonce& nonce) {
    return {plan.parameters().fingerprint(), key_id, plan.hash(), nonce,
            plan.parameters().insecure_for_tests_only() ? flag_insecure_parameters : 0};
}

Expected<PredictionJob> read_prediction_plan(const std::filesystem::path& path,
                                             TestParameters tests) {
    return in_file(path, [&] {
        auto reader = value_or_throw(ContainerReader::open(path, ContainerKind::prediction_plan));
        const auto text = value_or_throw(reader.section(tag_plan, 0, largest_plan));
        const auto json = nlohmann::json::parse(text.begin(), text.end(), nullptr, false);
        value_or_throw(reader.verify_end());
        require(!json.is_discarded(), ErrorCode::corrupt_data, "the plan is not JSON");
        PredictionJob job{value_or_throw(PredictionPlan::from_json(json)), reader.identity()};
        refuse_test_parameters(job.plan.parameters(), tests, path.string());
        value_or_throw(
            reader.expect(prediction_identity(job.plan, job.identity.key, job.identity.nonce),
                          {IdentityPart::parameters, IdentityPart::plan}));
        return job;
    });
}

Expected<void> write_prediction_plan(const std::filesystem::path& path, const PredictionJob& job) {
    return in_file(path, [&] {
        auto writer = value_or_throw(
            ContainerWriter::create(path, ContainerKind::prediction_plan, job.identity));
        const std::string text = job.plan.to_json().dump();
        value_or_throw(writer.section(
            tag_plan, 0, {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()}));
        value_or_throw(writer.commit());
    });
}

Expected<EvaluationKeys> read_prediction_keys(const std::filesystem::path& path,
                                              const PredictionJob& job) {
    return in_file(path, [&] {
        auto reader = open(path, ContainerKind::evaluation_keys, job);
        EvaluationKeys keys = read_key_sections(reader, job.plan.parameters(), job.plan.keys());
        value_or_throw(reader.verify_end());
        return keys;
    });
}

Expected<std::vector<Ciphertext>> read_prediction_rows(const std::filesystem::path& path,
                                                       const PredictionJob& job) {
    return read_seeded(path, ContainerKind::prediction_rows, job, job.plan.row_ciphertexts());
}

Expected<std::vector<Ciphertext>> read_prediction_model(const std::filesystem::path& path,
                                                        const PredictionJob& job) {
    return read_seeded(path, ContainerKind::prediction_model, job, job.plan.model_ciphertexts());
}

Expected<EncryptedScores> read_scores(const std::filesystem::path& path, const PredictionJob& job) {
    return in_file(path, [&] {
        auto reader = open(path, ContainerKind::prediction_scores, job);
        ByteReader in(value_or_throw(reader.section(tag_list, 0, 8)));
        EncryptedScores scores;
        scores.factor = in.f64();
        value_or_throw(in.finish("the scores' header"));
        require(std::isfinite(scores.factor) && scores.factor > 0, ErrorCode::corrupt_data,
                "the scores' factor is {}", scores.factor);
        for (std::uint32_t i = 0; i < job.plan.score_ciphertexts(); ++i) {
            scores.blocks.push_back(read_ciphertext_section(reader, job.plan.parameters(), i, 0));
            require(same_scale(scores.blocks.back().scale(), job.plan.score_scale()),
                    ErrorCode::corrupt_data, "the scores have another scale than the plan says");
        }
        value_or_throw(reader.verify_end());
        return scores;
    });
}

Expected<void> write_scores(const std::filesystem::path& path, const PredictionJob& job,
                            const EncryptedScores& scores) {
    return in_file(path, [&] {
        auto writer = value_or_throw(
            ContainerWriter::create(path, ContainerKind::prediction_scores, job.identity));
        ByteWriter header;
        header.f64(scores.factor);
        value_or_throw(writer.section(tag_list, 0, header.view()));
        std::uint32_t index = 0;
        for (const Ciphertext& block : scores.blocks) {
            write_ciphertext_section(writer, job.plan.parameters(), index++, block);
        }
        value_or_throw(writer.commit());
    });
}

}  // namespace cipherfit
