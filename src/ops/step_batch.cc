#include "ops/step_batch.h"

#include <algorithm>

namespace verbatim {

// One run of int32, so that a step is one write.
StepView StepBuffer::fill(const StepBatch& batch) {
  packed_.clear();
  StepView view;
  view.fewest_rows = batch.rows();
  std::int32_t first_page = 0;
  for (const Segment& s : batch.segments) {
    packed_.insert(packed_.end(), {s.first_row, s.rows, s.first_position, first_page});
    first_page += static_cast<std::int32_t>(s.pages.size());
    view.most_rows = std::max<std::int64_t>(view.most_rows, s.rows);
    view.fewest_rows = std::min<std::int64_t>(view.fewest_rows, s.rows);
  }
  const auto add = [&](const std::vector<std::int32_t>& values) {
    packed_.insert(packed_.end(), values.begin(), values.end());
  };
  for (const Segment& s : batch.segments) add(s.pages);
  add(batch.tokens);
  add(batch.positions);
  add(batch.logits_rows);

  if (packed_.size() > array_.size()) array_ = Array<std::int32_t>(memory_, 2 * packed_.size());
  array_.write(packed_);

  view.rows = batch.rows();
  view.segments = std::ssize(batch.segments);
  view.wanted = std::ssize(batch.logits_rows);
  view.page_entries = first_page;
  view.segment = reinterpret_cast<const SegmentView*>(array_.data());
  view.pages = array_.data() + 4 * view.segments;
  view.tokens = view.pages + first_page;
  view.positions = view.tokens + view.rows;
  view.logits_rows = view.positions + view.rows;
  return view;
}

}  // namespace verbatim
