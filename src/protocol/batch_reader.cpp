#include "protocol/batch_reader.h"

#include <utility>

namespace cipherfit {

BatchReader::BatchReader(const JobFiles& files, const Job& job) : files_(files), job_(job) {
    for (std::size_t batch = 0; batch < job.plan.batches(); ++batch) {
        const std::filesystem::path path = files.batch(batch);
        require(std::filesystem::exists(path), ErrorCode::bad_input,
                "{}: batch {} of {} is missing: have the owner send it again", path.string(),
                batch + 1, job.plan.batches());
        const auto reader =
            value_or_throw(ContainerReader::open(path, ContainerKind::training_batch));
        value_or_throw(reader.expect(job.identity, {IdentityPart::parameters, IdentityPart::key,
                                                    IdentityPart::plan, IdentityPart::job}));
    }
}

BatchReader::Ahead BatchReader::read(std::size_t batch) const {
    return {batch, std::async(std::launch::async, [this, batch] {
                return read_training_batch(files_.batch(batch), job_, batch);
            })};
}

EncryptedTrainingData BatchReader::operator()(std::size_t batch) {
    Ahead current = next_ && next_->batch == batch ? std::move(*next_) : read(batch);
    next_.reset();
    Expected<EncryptedTrainingData> data = current.data.get();
    if (data) {
        next_ = read((batch + 1) % job_.plan.batches());
    }
    return value_or_throw(std::move(data));
}

}  // namespace cipherfit
