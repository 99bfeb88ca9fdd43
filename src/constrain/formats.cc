#include "constrain/formats.h"

#include <fmt/format.h>

#include <map>

namespace verbatim {
namespace {

// `h` are sixteen bits; `::` stands for one or more groups of zeros; the last two may be an IPv4 address.
std::string ipv6(const std::string& h, const std::string& ipv4) {
  std::string all = "^((" + h + ":){7}" + h + "|(" + h + ":){6}" + ipv4;
  for (int before = 0; before <= 7; ++before) {  // groups before `::`
    const std::string begin = before == 0 ? "|:" : fmt::format("|({}:){{{}}}", h, before);
    const std::string most = std::to_string(7 - before);
    all += begin + (before == 7 ? ":" : "(:|(:" + h + "){1," + most + "})");
    if (before <= 5) all += begin + ":(" + h + ":){0," + std::to_string(5 - before) + "}" + ipv4;
  }
  return all + ")$";
}

// Dates know no lengths of months, and times no leap seconds; addresses are unquoted, names of hosts of any
// length.
std::map<std::string, std::string, std::less<>> make_formats() {
  const std::string date = "[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])";
  const std::string hour = "([01][0-9]|2[0-3]):[0-5][0-9]";
  const std::string time = hour + ":[0-5][0-9](\\.[0-9]{1,9})?(Z|[+-]" + hour + ")";
  const std::string days = "([0-9]+Y([0-9]+M([0-9]+D)?)?|[0-9]+M([0-9]+D)?|[0-9]+D)";
  const std::string clock = "T([0-9]+H([0-9]+M([0-9]+S)?)?|[0-9]+M([0-9]+S)?|[0-9]+S)";
  const std::string label = "[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?";
  const std::string atom = "[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+";
  const std::string octet = "(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])";
  const std::string hex = "[0-9a-fA-F]";
  const std::string ipv4 = "(" + octet + "\\.){3}" + octet;
  auto uuid = [&](const std::string& version) {  // RFC 9562, section 4
    return "^" + hex + "{8}-" + hex + "{4}-" + version + hex + "{3}-[89abAB]" + hex + "{3}-" + hex + "{12}$";
  };
  return {
      {"date", "^" + date + "$"},                                                      // RFC 3339
      {"time", "^" + time + "$"},                                                      // RFC 3339
      {"date-time", "^" + date + "T" + time + "$"},                                    // RFC 3339
      {"duration", "^P([0-9]+W|" + days + "(" + clock + ")?|" + clock + ")$"},         // RFC 3339, appendix A
      {"email", "^" + atom + "(\\." + atom + ")*@" + label + "(\\." + label + ")+$"},  // RFC 5321, 4.1.2
      {"hostname", "^" + label + "(\\." + label + ")*$"},                              // RFC 1123, 2.1
      {"ipv4", "^" + ipv4 + "$"},                                                      // RFC 2673, 3.2
      {"ipv6", ipv6(hex + "{1,4}", ipv4)},                                             // RFC 4291, 2.2
      {"uuid", "^" + hex + "{8}(-" + hex + "{4}){3}-" + hex + "{12}$"},                // RFC 4122
      {"uuid1", uuid("1")},  // these as Pydantic names them
      {"uuid3", uuid("3")},
      {"uuid4", uuid("4")},
      {"uuid5", uuid("5")},
      {"uuid6", uuid("6")},
      {"uuid7", uuid("7")},
      {"uuid8", uuid("8")},
      {"uri",
       "^[A-Za-z][A-Za-z0-9+.-]*:([A-Za-z0-9._~:/?#@!$&'()*+,;=\\[\\]-]|%" + hex + "{2})+$"},  // RFC 3986
  };
}

const std::map<std::string, std::string, std::less<>>& formats() {
  static const auto all = make_formats();
  return all;
}

}  // namespace

const std::string* pattern_of_format(std::string_view format) {
  auto it = formats().find(format);
  return it == formats().end() ? nullptr : &it->second;
}

}  // namespace verbatim
