// SPDX-License-Identifier: Apache-2.0
#include "text/jinja/time.h"

#include <clocale>
#include <cstdio>
#include <ctime>
#include <memory>

#include "text/jinja/failure.h"

namespace llmos::jinja {

namespace {

constexpr size_t kFormatMax = 1024;       // bytes; a long date has 30
constexpr size_t kResultMax = 64 * 1024;  // bytes; widths in the format can ask for any length

std::tm broken_down(LocalTime time) {
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(day);
  const auto seconds = std::chrono::floor<std::chrono::seconds>(time - day).count();
  const std::chrono::local_days new_year(date.year() / std::chrono::January / 1);
  std::tm made{};
  made.tm_year = int(date.year()) - 1900;
  made.tm_mon = int(unsigned(date.month())) - 1;
  made.tm_mday = int(unsigned(date.day()));
  made.tm_hour = int(seconds / 3600);
  made.tm_min = int(seconds / 60 % 60);
  made.tm_sec = int(seconds % 60);
  made.tm_wday = int(std::chrono::weekday(day).c_encoding());
  made.tm_yday = int((day - new_year).count());
  made.tm_isdst = -1;
  return made;
}

std::string microseconds_text(LocalTime time) {
  const auto fraction = time - std::chrono::floor<std::chrono::seconds>(time);
  char digits[8];
  std::snprintf(digits, sizeof digits, "%06d", int(fraction.count()));
  return digits;
}

// What the C library cannot know, filled in as Python does: microseconds, and an empty zone.
std::string completed(std::string_view format, LocalTime time) {
  std::string out;
  for (size_t i = 0; i < format.size(); ++i) {
    const char next = format[i] == '%' && i + 1 < format.size() ? format[i + 1] : '\0';
    if (next == 'f') out += microseconds_text(time);
    if (next != 'f' && next != 'z' && next != 'Z') out += format[i];
    if (next == '%') out += '%';
    if (next == 'f' || next == 'z' || next == 'Z' || next == '%') ++i;
  }
  return out;
}

struct LocaleEnd {
  void operator()(locale_t locale) const { freelocale(locale); }
};

}  // namespace

std::string format_time(std::string_view format, LocalTime time) {
  if (format.size() > kFormatMax) fail_limit(Text() << "a format of a time above 1024 bytes");
  // A space at the end tells an empty result from one that does not fit.
  const std::string whole = completed(format, time) + ' ';
  const std::tm parts = broken_down(time);
  const std::unique_ptr<std::remove_pointer_t<locale_t>, LocaleEnd> locale(
      newlocale(LC_ALL_MASK, "C", nullptr));
  if (!locale) fail(Text() << "the C library has no C locale", Code::kInternal);
  std::string out(kResultMax, '\0');
  const size_t length = strftime_l(out.data(), out.size(), whole.c_str(), &parts, locale.get());
  if (length == 0) fail_limit(Text() << "a formatted time above 64 KiB");
  out.resize(length - 1);
  return out;
}

}  // namespace llmos::jinja
