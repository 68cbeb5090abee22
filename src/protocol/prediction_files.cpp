#include "cipherfit/protocol/prediction_files.h"

#include "cipherfit/io/bytes.h"
#include "protocol/ciphertext_sections.h"
#include "protocol/content_io.h"
#include "protocol/section_tags.h"

#include <cmath>
#include <string>
#include <utility>

#include <nlohmann/json.hpp>

namespace cipherfit {
namespace {

constexpr std::size_t largest_prediction_plan = 4096;

// Reads a content of that very job.
template <class F>
auto read_of_job(ContentSource from, ContainerKind kind, const PredictionJob& job, F&& read) {
    return read_content(std::move(from), kind, [&](ContainerReader& reader) {
        value_or_throw(reader.expect(job.identity, all_of_the_job));
        return read(reader);
    });
}

Expected<std::vector<Ciphertext>> read_seeded(ContentSource from, ContainerKind kind,
                                              const PredictionJob& job, std::size_t count) {
    return read_of_job(std::move(from), kind, job, [&](ContainerReader& reader) {
        std::vector<Ciphertext> blocks;
        blocks.reserve(count);
        for (std::uint32_t i = 0; i < count; ++i) {
            blocks.push_back(
                read_seeded_section(reader, job.plan.parameters(), i, job.plan.level()));
        }
        return blocks;
    });
}

}  // namespace

ContainerIdentity prediction_identity(const PredictionPlan& plan, const Digest& key_id,
                                      const Nonce& nonce) {
    return {plan.parameters().fingerprint(), key_id, plan.hash(), nonce,
            plan.parameters().insecure_for_tests_only() ? flag_insecure_parameters : 0};
}

Expected<PredictionJob> read_prediction_plan(ContentSource from, TestParameters tests) {
    return read_content(
        std::move(from), ContainerKind::prediction_plan, [&](ContainerReader& reader) {
            const auto text = value_or_throw(reader.section(tag_plan, 0, largest_prediction_plan));
            const auto json = nlohmann::json::parse(text.begin(), text.end(), nullptr, false);
            value_or_throw(reader.verify_end());
            require(!json.is_discarded(), ErrorCode::corrupt_data, "the plan is not JSON");
            PredictionJob job{value_or_throw(PredictionPlan::from_json(json)), reader.identity()};
            refuse_test_parameters(job.plan.parameters(), tests, reader.name());
            value_or_throw(
                reader.expect(prediction_identity(job.plan, job.identity.key, job.identity.nonce),
                              {IdentityPart::parameters, IdentityPart::plan}));
            return job;
        });
}

Expected<void> write_prediction_plan(ContentSink to, const PredictionJob& job) {
    const auto write = [&](ContainerWriter& writer) {
        const std::string text = job.plan.to_json().dump();
        value_or_throw(writer.section(
            tag_plan, 0, {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()}));
    };
    return without_bytes(
        write_content(std::move(to), ContainerKind::prediction_plan, job.identity, write));
}

Expected<EvaluationKeys> read_prediction_keys(ContentSource from, const PredictionJob& job) {
    return read_of_job(std::move(from), ContainerKind::evaluation_keys, job,
                       [&](ContainerReader& reader) {
                           return read_key_sections(reader, job.plan.parameters(), job.plan.keys());
                       });
}

Expected<std::vector<Ciphertext>> read_prediction_rows(ContentSource from,
                                                       const PredictionJob& job) {
    return read_seeded(std::move(from), ContainerKind::prediction_rows, job,
                       job.plan.row_ciphertexts());
}

Expected<std::vector<Ciphertext>> read_prediction_model(ContentSource from,
                                                        const PredictionJob& job) {
    return read_seeded(std::move(from), ContainerKind::prediction_model, job,
                       job.plan.model_ciphertexts());
}

Expected<EncryptedScores> read_scores(ContentSource from, const PredictionJob& job) {
    return read_of_job(
        std::move(from), ContainerKind::prediction_scores, job, [&](ContainerReader& reader) {
            ByteReader in(value_or_throw(reader.section(tag_list, 0, 8)));
            EncryptedScores scores;
            scores.factor = in.f64();
            value_or_throw(in.finish("the scores' header"));
            require(std::isfinite(scores.factor) && scores.factor > 0, ErrorCode::corrupt_data,
                    "the scores' factor is {}", scores.factor);
            for (std::uint32_t i = 0; i < job.plan.score_ciphertexts(); ++i) {
                scores.blocks.push_back(
                    read_ciphertext_section(reader, job.plan.parameters(), i, 0));
                require(same_scale(scores.blocks.back().scale(), job.plan.score_scale()),
                        ErrorCode::corrupt_data,
                        "the scores have another scale than the plan says");
            }
            return scores;
        });
}

Expected<void> write_scores(ContentSink to, const PredictionJob& job,
                            const EncryptedScores& scores) {
    const auto write = [&](ContainerWriter& writer) {
        ByteWriter header;
        header.f64(scores.factor);
        value_or_throw(writer.section(tag_list, 0, header.view()));
        std::uint32_t index = 0;
        for (const Ciphertext& block : scores.blocks) {
            write_ciphertext_section(writer, job.plan.parameters(), index++, block);
        }
    };
    return without_bytes(
        write_content(std::move(to), ContainerKind::prediction_scores, job.identity, write));
}

}  // namespace cipherfit
