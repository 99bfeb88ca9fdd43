// Date: the day that strftime_now tells a template. It is an argument of a rendering and never read from a clock, so
// that a prompt is the same on every day.
#pragma once

#include <string>

namespace verbatim::jinja {

struct Date {
  int year = 2024, month = 7, day = 26;  // frozen: the day that Llama's templates fall back to, "26 Jul 2024"
};

bool is_valid(Date date);  // a day of the years 1 to 9999

// As Python's datetime.strftime at midnight of that day in the C locale, without a time zone. Raises where the format
// asks for more than 1000 bytes.   REQUIRES: is_valid(date)
std::string format_date(const std::string& format, Date date);

}  // namespace verbatim::jinja
