// The page: page/report.html with its style, its script and the data in their places.
#include <openssl/evp.h>

#include <algorithm>
#include <span>
#include <utility>

#include "base/check.h"
#include "base/sha256.h"
#include "base/utf8.h"
#include "report/page_data.h"
#include "report/report.h"

extern "C" const char verbatim_report_html_begin[], verbatim_report_html_end[];  // page.S
extern "C" const char verbatim_report_css_begin[], verbatim_report_css_end[];
extern "C" const char verbatim_report_js_begin[], verbatim_report_js_end[];

namespace verbatim::report {
namespace {

std::string escape_html(std::string_view text) {
  std::string escaped;
  for (char c : replace_ill_formed(text)) {
    switch (c) {
      case '&':
        escaped += "&amp;";
        break;
      case '<':
        escaped += "&lt;";
        break;
      case '>':
        escaped += "&gt;";
        break;
      case '"':
        escaped += "&quot;";
        break;
      default:
        escaped += c;
    }
  }
  return escaped;
}

// A source of Content-Security-Policy that allows this one inline element (CSP 3, 2.3.1, hash-source).
std::string hash_source(std::string_view content) {
  Sha256 hash;
  hash.update(content);
  Sha256Digest digest = hash.digest();
  unsigned char base64[4 * ((digest.size() + 2) / 3) + 1];
  EVP_EncodeBlock(base64, digest.data(), static_cast<int>(digest.size()));
  return fmt::format("'sha256-{}'", reinterpret_cast<const char*>(base64));
}

// One pass: a value that looks like a {{place}} stays what it is.
std::string fill_places(std::string_view page,
                        std::span<const std::pair<std::string_view, std::string_view>> values) {
  std::string filled;
  for (std::size_t open; (open = page.find("{{")) != page.npos;) {
    std::size_t close = page.find("}}", open);
    CHECK(close != page.npos, "report.html opens a place that it does not close");
    std::string_view place = page.substr(open + 2, close - open - 2);
    filled += page.substr(0, open);
    auto value = std::ranges::find(values, place, &std::pair<std::string_view, std::string_view>::first);
    CHECK(value != values.end(), "report.html has a place {}, for which there is nothing", place);
    filled += value->second;
    page.remove_prefix(close + 2);
  }
  return filled += page;
}

}  // namespace

std::string render_html(const Report& report) {
  std::string_view page(verbatim_report_html_begin, verbatim_report_html_end);
  std::string_view style(verbatim_report_css_begin, verbatim_report_css_end);
  std::string_view script(verbatim_report_js_begin, verbatim_report_js_end);
  std::string title = escape_html(report.title), headline = escape_html(report.headline);
  std::string replay = escape_html(report.replay), data = page_data(report);
  std::string style_source = hash_source(style), script_source = hash_source(script);
  const std::pair<std::string_view, std::string_view> values[] = {
      {"title", title},
      {"headline", headline},
      {"replay", replay},
      {"style", style},
      {"script", script},
      {"data", data},
      {"style-source", style_source},
      {"script-source", script_source},
  };
  return fill_places(page, values);
}

}  // namespace verbatim::report
