// Crowd: how many requests were under way together, seen by the client. The witness of an audit: answers that never
// overlapped say nothing about batches.
#pragma once

#include <algorithm>
#include <cstdint>
#include <set>

namespace verbatim::audit {

class Crowd {
 public:
  struct Member {
    std::int64_t most = 0;  // members at a time while it was one, itself among them
  };
  void join(Member& member) {
    members_.insert(&member);
    for (Member* each : members_)
      each->most = std::max(each->most, static_cast<std::int64_t>(members_.size()));
  }
  void leave(Member& member) { members_.erase(&member); }  // of no effect on who is none

 private:
  std::set<Member*> members_;
};

}  // namespace verbatim::audit
