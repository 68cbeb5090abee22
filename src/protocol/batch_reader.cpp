#include "protocol/batch_reader.h"

#include "protocol/content_io.h"

#include <string>
#include <utility>

namespace cipherfit {

BatchReader::BatchReader(const JobStore& store, const Job& job) : store_(store), job_(job) {
    for (std::size_t batch = 0; batch < job.plan.row_files(); ++batch) {
        const std::string name = contents::batch(batch);
        require(store.exists(name), ErrorCode::bad_input,
                "{}: batch {} of {} is missing: have the owner send it again", store.label(name),
                batch + 1, job.plan.row_files());
        const auto reader = value_or_throw(
            ContainerReader::open(value_or_throw(store.get(name)), ContainerKind::training_batch));
        value_or_throw(reader.expect(job.identity, all_of_the_job));
    }
}

BatchReader::Ahead BatchReader::read(std::size_t batch) const {
    return {batch, std::async(std::launch::async, [this, batch] {
                return read_training_batch(store_.get(contents::batch(batch)), job_, batch);
            })};
}

EncryptedTrainingData BatchReader::operator()(std::size_t batch) {
    Ahead current = next_ && next_->batch == batch ? std::move(*next_) : read(batch);
    next_.reset();
    Expected<EncryptedTrainingData> data = current.data.get();
    if (data) {
        next_ = read((batch + 1) % job_.plan.row_files());
    }
    return value_or_throw(std::move(data));
}

}  // namespace cipherfit
