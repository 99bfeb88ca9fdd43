#include "report/page_data.h"

#include <algorithm>
#include <span>

#include "base/check.h"
#include "report/comparison.h"
#include "report/json_writer.h"

namespace verbatim::report {
namespace {

std::string_view name_of(Verdict verdict) {
  constexpr std::string_view kNames[] = {"neutral", "deterministic", "differs", "unclear"};
  return kNames[static_cast<std::size_t>(verdict)];
}

void write_all(JsonWriter& json, const auto& items, auto write) {
  json.array([&] {
    for (const auto& item : items) write(item);
  });
}

// Writers of one value each; limits are needed only by lanes.
class PageWriter {
 public:
  explicit PageWriter(const PageLimits& limits) : limits_(limits) {}
  const std::string& text() const { return json_.text(); }

  void write(const Report& report) {
    json_.object([&] {
      field("title", report.title);
      field("verdict", name_of(report.verdict));
      field("word", report.word);
      field("headline", report.headline);
      facts("facts", report.facts);
      json_.key("sections");
      write_all(json_, report.sections, [&](const Section& section) { write(section); });
      field("replay", report.replay);
      facts("provenance", report.provenance);
      field("raw_data", report.raw_data);
    });
  }

 private:
  void field(std::string_view key, const auto& value) { json_.key(key).value(value); }
  void field(std::string_view key, std::size_t number) {
    json_.key(key).value(static_cast<std::int64_t>(number));
  }
  void texts(const std::vector<std::string>& list) {
    write_all(json_, list, [&](const std::string& text) { json_.value(text); });
  }
  void numbers(const std::vector<double>& list) {
    write_all(json_, list, [&](double number) { json_.value(number); });
  }

  void facts(std::string_view key, const std::vector<Fact>& list) {
    json_.key(key);
    facts(list);
  }
  void facts(const std::vector<Fact>& list) {
    write_all(json_, list, [&](const Fact& fact) {
      json_.array([&] {
        json_.value(fact.name);
        json_.value(fact.value);
      });
    });
  }

  void write(const Section& section) {
    json_.object([&] {
      field("heading", section.heading);
      field("verdict", name_of(section.verdict));
      field("badge", section.badge);
      field("finding", section.finding);
      json_.key("prose");
      texts(section.prose);
      facts("facts", section.facts);
      json_.key("tables");
      write_all(json_, section.tables, [&](const Table& table) { write(table); });
      json_.key("charts");
      write_all(json_, section.charts, [&](const Chart& chart) { write(chart); });
      json_.key("groups");
      write_all(json_, section.groups, [&](const LaneGroup& group) { write(group); });
      field("replay", section.replay);
    });
  }

  void write(const Table& table) {
    json_.object([&] {
      field("caption", table.caption);
      json_.key("columns");
      texts(table.columns);
      json_.key("rows");
      write_all(json_, table.rows, [&](const std::vector<std::string>& row) {
        CHECK(row.size() == table.columns.size(), "table '{}' has a row of {} cells for {} columns",
              table.caption, row.size(), table.columns.size());
        texts(row);
      });
    });
  }

  void axis(std::string_view key, const Axis& axis) {
    json_.key(key).object([&] {
      field("label", axis.label);
      field("scale", std::string_view(axis.scale == Scale::log ? "log" : "linear"));
      field("zero", axis.zero);
    });
  }

  void write(const Chart& chart) {
    json_.object([&] {
      field("title", chart.title);
      axis("x", chart.x);
      axis("y", chart.y);
      json_.key("series");
      write_all(json_, chart.series, [&](const Series& series) {
        json_.object([&] {
          field("name", series.name);
          json_.key("points");
          write_all(json_, series.points, [&](const Series::Point& point) { numbers({point.x, point.y}); });
        });
      });
    });
  }

  // "names" is the table of tokens: everything else speaks of them by number.
  void write(const LaneGroup& group) {
    Comparison found = compare(group);
    Budget left{.tokens = limits_.tokens, .logprobs = limits_.logprobs, .text = limits_.text};
    std::size_t shown = 0;
    json_.object([&] {
      field("title", group.title);
      field("prompt", group.prompt);
      field("unit", group.unit);
      field("count", found.count);
      field("distinct", found.answers.size());
      json_.key("conditions");
      write_all(json_, found.conditions, [&](const std::vector<Fact>& condition) { facts(condition); });
      json_.key("answers").array([&] {
        for (const Answer& answer : found.answers) {
          std::size_t positions = std::min(answer.tokens.size(), limits_.positions);
          if (shown == limits_.answers || positions > left.tokens) break;
          left.tokens -= positions;
          write(group.lanes[answer.lane], answer, positions, left, found.names);
          ++shown;
        }
      });
      json_.key("names");
      write_all(json_, found.names.in_order(), [&](const Name& name) { write(name, left); });
      json_.key("drift");
      write_all(json_, found.drift, [&](const std::vector<double>& drift) { numbers(drift); });
      json_.key("margin");
      numbers(found.margin);
    });
  }

  struct Budget {
    std::size_t tokens, logprobs, text;
  };

  // "logprobs" and "top" stop where the budget does.
  void write(const Lane& lane, const Answer& answer, std::size_t positions, Budget& left,
             Numbering<Name>& names) {
    json_.object([&] {
      field("label", lane.label);
      field("ending", lane.ending);
      field("agrees", answer.agrees);
      field("length", answer.tokens.size());
      json_.key("shares");
      write_all(json_, answer.shares, [&](const auto& entry) {
        const auto& [condition, share] = entry;
        json_.array([&] {
          json_.value(static_cast<std::int64_t>(condition));
          json_.value(share.count);
          indices(share.patterns);
        });
      });
      json_.key("tokens");
      indices(std::span(answer.tokens).first(positions));
      std::size_t detailed = 0;
      for (; detailed < positions; ++detailed) {
        const Token& token = lane.tokens[detailed];
        std::size_t cost = token.top.size() + (token.logprob ? 1 : 0);
        if (cost > left.logprobs) break;
        left.logprobs -= cost;
      }
      std::span tokens = std::span(lane.tokens).first(detailed);
      json_.key("logprobs");
      write_all(json_, tokens, [&](const Token& token) { json_.value(token.logprob); });
      json_.key("top");
      write_all(json_, tokens, [&](const Token& token) {
        write_all(json_, token.top, [&](const Candidate& candidate) {
          json_.array([&] {
            json_.value(static_cast<std::int64_t>(names({candidate.bytes, candidate.id})));
            json_.value(candidate.logprob);
          });
        });
      });
    });
  }

  void indices(const auto& list) {
    write_all(json_, list, [&](std::size_t index) { json_.value(static_cast<std::int64_t>(index)); });
  }

  // [text, id, bytes left out]
  void write(const Name& name, Budget& left) {
    json_.array([&] {
      std::string_view kept =
          std::string_view(name.bytes).substr(0, std::min(limits_.token_bytes, left.text));
      left.text -= kept.size();
      json_.value(kept);
      json_.value(name.id);
      if (kept.size() < name.bytes.size())
        json_.value(static_cast<std::int64_t>(name.bytes.size() - kept.size()));
    });
  }

  JsonWriter json_;
  const PageLimits& limits_;
};

}  // namespace

std::string page_data(const Report& report, const PageLimits& limits) {
  PageWriter writer(limits);
  writer.write(report);
  return writer.text();
}

}  // namespace verbatim::report
