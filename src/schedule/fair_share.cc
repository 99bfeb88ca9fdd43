#include "schedule/fair_share.h"

#include <algorithm>

namespace verbatim {
namespace {

constexpr std::int64_t kMostOvertaken = 64;

}  // namespace

// One more sequence. A new account begins where the one with the least work stands.
template <class Entry>
Entry& FairShare::Accounts<Entry>::enter(std::int64_t key) {
  auto least = std::ranges::min_element(*this, {}, [](const auto& entry) { return entry.second.work; });
  const std::int64_t work = least == this->end() ? 0 : least->second.work;
  auto [entry, is_new] = this->try_emplace(key);
  Entry& account = entry->second;
  if (is_new) {
    account.work = work;
    account.seatless_since = handed_out;
  }
  ++account.sequences;
  return account;
}

template <class Entry>
Entry& FairShare::Accounts<Entry>::add_seats(std::int64_t key, std::int64_t seats) {
  Entry& account = this->at(key);
  if (seats > 0) ++handed_out;
  account.seats += seats;
  account.seatless_since = handed_out;
  return account;
}

template <class Entry>
FairShare::Turn::Place FairShare::Accounts<Entry>::place(std::int64_t key) const {
  const Entry& account = this->at(key);
  const bool is_patient = account.seats > 0 || handed_out - account.seatless_since < kMostOvertaken;
  return {is_patient, is_patient ? account.work : account.seatless_since, account.seats, key};
}

void FairShare::enter(Owner owner) { tenants_.enter(owner.tenant).requests.enter(owner.request); }

void FairShare::leave(Owner owner) {
  auto tenant = tenants_.find(owner.tenant);
  auto request = tenant->second.requests.find(owner.request);
  if (--request->second.sequences == 0) tenant->second.requests.erase(request);
  if (--tenant->second.sequences == 0) tenants_.erase(tenant);
}

void FairShare::add_work(Owner owner, std::int64_t rows) {
  Tenant& tenant = tenants_.at(owner.tenant);
  tenant.work += rows;
  tenant.requests.at(owner.request).work += rows;
}

void FairShare::add_seats(Owner owner, std::int64_t seats) {
  tenants_.add_seats(owner.tenant, seats).requests.add_seats(owner.request, seats);
}

FairShare::Turn FairShare::turn(Owner owner) const {
  return {tenants_.place(owner.tenant), tenants_.at(owner.tenant).requests.place(owner.request)};
}

bool FairShare::may_take(Owner to, std::int64_t wanted, Owner from, std::int64_t given_up) const {
  const bool tenants_differ = to.tenant != from.tenant;
  const std::int64_t has = tenants_differ ? tenants_.at(to.tenant).seats : request(to).seats;
  const std::int64_t others = tenants_differ ? tenants_.at(from.tenant).seats : request(from).seats;
  return others - given_up >= has + wanted;
}

}  // namespace verbatim
