#include "jinja/date.h"

#include <chrono>
#include <ctime>

#include "base/check.h"
#include "jinja/failure.h"

namespace verbatim::jinja {
namespace {

std::chrono::year_month_day calendar_day(Date date) {
  return std::chrono::year_month_day(std::chrono::year(date.year),
                                     std::chrono::month(static_cast<unsigned>(date.month)),
                                     std::chrono::day(static_cast<unsigned>(date.day)));
}

// What Python itself puts in for a datetime without a time zone. %s would read the machine's time zone.
std::string without_zone(const std::string& format) {
  if (format.find('\0') != std::string::npos) raise("embedded null character");
  std::string out;
  for (std::size_t i = 0; i < format.size(); ++i) {
    const char next = format[i] == '%' && i + 1 < format.size() ? format[i + 1] : '\0';
    const std::size_t letter =
        format[i] == '%' ? format.find_first_not_of("_-^#0123456789EO", i + 1) : format.npos;
    if (letter != format.npos && format[letter] == 's') raise("strftime_now does not support %s");
    if (next == 'f') out += "000000";
    if (next == 'f' || next == 'z' || next == 'Z') {
      ++i;
    } else if (next != '\0') {
      out += {'%', next};
      ++i;
    } else {
      out += format[i];
    }
  }
  return out;
}

}  // namespace

bool is_valid(Date date) {
  return date.year >= 1 && date.year <= 9999 && date.month >= 1 && date.day >= 1 && calendar_day(date).ok();
}

std::string format_date(const std::string& format, Date date) {
  CHECK(is_valid(date), "{}-{}-{} is not a day", date.year, date.month, date.day);
  if (format.empty()) return "";
  const std::chrono::sys_days day(calendar_day(date));
  std::tm fields{};
  fields.tm_year = date.year - 1900;
  fields.tm_mon = date.month - 1;
  fields.tm_mday = date.day;
  fields.tm_wday = static_cast<int>(std::chrono::weekday(day).c_encoding());
  const std::chrono::sys_days first(calendar_day({date.year, 1, 1}));
  fields.tm_yday = static_cast<int>((day - first).count());
  char buffer[1000];
  // The program never calls setlocale, so this is the C locale. A leading space tells "" from "does not fit".
  const std::size_t size =
      std::strftime(buffer, sizeof buffer, (" " + without_zone(format)).c_str(), &fields);
  if (size == 0) raise("strftime_now writes more than 1000 bytes");
  return std::string(buffer + 1, size - 1);
}

}  // namespace verbatim::jinja
