// FairShare: whose turn it is. Tenants share rows and seats evenly, and so do the requests of one tenant.
//
// An account holds the rows that were computed for it; the one with the least is next, and of several the one with
// the fewest seats. A tenant (or a request) that comes begins where the one with the least stands: it owes nothing, and
// being away saves nothing up. One without a seat that saw 64 seats go to others is next, whatever it had before: so
// nobody starves where more come than there is room for.
//   start-time fair queueing, in two levels: P. Goyal, H. Vin, H. Cheng, SIGCOMM 1996
//
// A pure state machine, which decides when work happens and never what comes of it.
#pragma once

#include <compare>
#include <cstdint>
#include <map>

namespace verbatim {

// Whom a sequence is computed for.
struct Owner {
  std::int64_t tenant = 0;
  std::int64_t request = 0;  // of this tenant
  friend auto operator<=>(const Owner&, const Owner&) = default;
};

class FairShare {
 public:
  // The less, the sooner.
  struct Turn {
    struct Place {
      bool is_patient = true;
      std::int64_t work = 0;  // of one that is not: how many had seats when it had its last
      std::int64_t seats = 0, key = 0;
      friend auto operator<=>(const Place&, const Place&) = default;
    };
    Place tenant, request;
    friend auto operator<=>(const Turn&, const Turn&) = default;
  };

  // One more or one fewer sequence of this owner. Its accounts live as long as it has any.
  void enter(Owner owner);
  void leave(Owner owner);

  void add_work(Owner owner, std::int64_t rows);
  void add_seats(Owner owner, std::int64_t seats);  // less than 0: gives some back

  Turn turn(Owner owner) const;
  // Whether `from` may be asked to give up some of its seats for `to`: where that leaves it no fewer than `to` has then.
  bool may_take(Owner to, std::int64_t wanted, Owner from, std::int64_t given_up) const;

 private:
  struct Account {
    std::int64_t work = 0, seats = 0, sequences = 0;
    std::int64_t seatless_since = 0;  // Accounts::handed_out when it had its last seat, or came
  };
  template <class Entry>
  struct Accounts : std::map<std::int64_t, Entry> {
    std::int64_t handed_out = 0;  // how often one of them got seats
    Entry& enter(std::int64_t key);
    Entry& add_seats(std::int64_t key, std::int64_t seats);
    Turn::Place place(std::int64_t key) const;
  };
  struct Tenant : Account {
    Accounts<Account> requests;
  };

  const Account& request(Owner owner) const { return tenants_.at(owner.tenant).requests.at(owner.request); }

  Accounts<Tenant> tenants_;
};

}  // namespace verbatim
