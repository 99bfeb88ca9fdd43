// The page: banner, contents, sections, provenance; filters, theme and copying.

const kVerdicts = {
  neutral: { sign: null, title: null, badge: null },
  deterministic: { sign: "=", title: "Deterministic", badge: "identical" },
  differs: { sign: "≠", title: "Not deterministic", badge: "differs" },
  unclear: { sign: "?", title: "Could not tell", badge: "could not tell" },
};

function factList(facts) {
  return facts.length > 0 && element("dl", {}, facts.map(([name, value]) =>
    element("div", {}, element("dt", {}, show(name)), element("dd", {}, show(value)))));
}

function badge({ verdict, badge: own }) {
  const { sign, badge: words } = kVerdicts[verdict];
  if (!own && !words) return null;
  return span(`badge ${verdict}`, sign && element("b", {}, `${sign} `), own ? show(own, { limit: 30 }) : words);
}

const kNumber = /^[-+±]?(0x)?[\d.,]+([ep][-+]?\d+)?( ?[%×]|[ \u00a0]?[a-zµ]{1,3}(\/s)?)?$/i;

function dataTable({ caption, columns, rows }) {
  const isNumber = (cell) => ["", "-", "–"].includes(cell) || kNumber.test(cell);
  const numeric = columns.map((_, column) => rows.length > 0 && rows.every((row) => isNumber(row[column])));
  const cells = (row, name, attributes) =>
    row.map((cell, column) => element(name, { class: numeric[column] ? "number" : null, ...attributes }, show(cell)));
  return element("div", { class: "scroller" }, element("table", { class: "data" },
    caption && element("caption", {}, show(caption)),
    element("thead", {}, element("tr", {}, cells(columns, "th", { scope: "col" }))),
    element("tbody", {}, rows.map((row) => element("tr", {}, cells(row, "td", {}))))));
}

// A paragraph; what stands between backticks is code.
function paragraph(text) {
  const parts = text.split("`").map((part) => show(part, { limit: 5000 }));
  return element("p", {}, parts.map((part, index) => (index % 2 ? element("code", {}, part) : part)));
}

function command(text, title) {
  if (!text) return null;
  const code = element("code", { tabindex: 0 }, show(text, { limit: 20000 }));
  const copying = button("Copy", copy);
  async function copy() {
    try {
      await navigator.clipboard.writeText(text);
      copying.textContent = "Copied";
    } catch { // no permission here: the selection is the next best thing
      getSelection().selectAllChildren(code);
      copying.textContent = "Selected";
    }
    setTimeout(() => (copying.textContent = "Copy"), 2000);
  }
  return element("div", { class: "command" }, span("quiet", title), element("pre", {}, code), copying);
}

// The answers of the chosen conditions, counted; the reference stays on top even where it has none.
function select(group, chosen) {
  const entries = group.answers.map((answer) => {
    const shares = answer.shares.filter(([condition]) => chosen.has(condition));
    return {
      answer,
      count: shares.reduce((sum, [, times]) => sum + times, 0),
      patterns: new Set(shares.flatMap(([, , patterns]) => patterns)).size,
    };
  });
  const [reference, ...others] = entries;
  const given = others.filter((entry) => entry.count > 0);
  return [reference, ...given.sort((a, b) => b.count - a.count || a.answer.agrees - b.answer.agrees)];
}

function statusLine(group, selection, whole) {
  const answers = selection.reduce((sum, entry) => sum + entry.count, 0), { patterns } = selection[0];
  const different = whole ? group.distinct : selection.filter((entry) => entry.count > 0).length;
  let alike = `${count(different)} different`;
  if (different === 1) alike = "all the same";
  if (different === 1 && patterns > 1) {
    alike = `all the same ${group.unit}s, with ${count(patterns)} different sets of log-probabilities`;
  }
  const first = firstParting(selection);
  return `${whole ? "" : `${count(answers)} of `}${plural(group.count, "answer")}, ${alike}`
    + (first < Infinity ? `; the first leaves the reference at ${group.unit} ${count(first)}.` : ".");
}

function driftChart(group, selection, chosen) {
  const longest = group.margin.length;
  const largest = Array(longest).fill(NaN);
  for (const condition of chosen) {
    group.drift[condition].forEach((value, at) => {
      if (!(largest[at] >= Number(value)) && !Number.isNaN(Number(value))) largest[at] = Number(value);
    });
  }
  const points = (values) => values.map((value, at) => [at, Number(value)]).filter(([, value]) => !Number.isNaN(value));
  const series = [
    { name: "largest |Δ log-probability| to the reference", points: points(largest) },
    { name: "margin: top-1 less top-2 of the reference", points: points(group.margin) },
  ].filter((one) => one.points.length > 0);
  if (series.length === 0) return null;
  const first = firstParting(selection);
  return chartFigure({
    title: "Drift of log-probabilities, and the margin that it has to bridge",
    x: { label: `position, ${group.unit}s`, scale: "linear", zero: "" },
    y: { label: "log-probability", scale: "log", zero: "identical bits; of the margin, a tie" },
    series,
  }, first < Infinity ? [{ x: first, text: `≠ first divergence, ${count(first)}` }] : []);
}

// Checkboxes for what the conditions differ in.
function filters(group, redraw) {
  const names = [...new Set(group.conditions.flatMap((condition) => condition.map(([name]) => name)))];
  const kinds = names.map((name) => {
    const of = (condition) => condition.find(([one]) => one === name)?.[1] ?? "not told";
    const values = [...new Set(group.conditions.map(of))].sort((a, b) => a - b || (a < b ? -1 : 1)); // numbers by size
    return { name, of, values, off: new Set() };
  });
  const chosen = (index) => kinds.every((kind) => !kind.off.has(kind.of(group.conditions[index])));
  const choose = (kind, value) => (event) => {
    kind.off[event.target.checked ? "delete" : "add"](value);
    redraw(new Set([...group.conditions.keys()].filter(chosen)));
  };
  const box = (kind, value) => element("label", {},
    element("input", { type: "checkbox", checked: true, onchange: choose(kind, value) }),
    element("span", {}, show(value, { limit: 40 })));
  const boxes = kinds.filter((kind) => kind.values.length > 1).map((kind) => element("fieldset", {},
    element("legend", {}, show(kind.name, { limit: 40 })), kind.values.map((value) => box(kind, value))));
  return boxes.length > 0 && element("form", { class: "filters", "aria-label": "Filters" }, boxes);
}

function groupView(group, rawData) {
  if (group.answers.length === 0) return element("div", { class: "quiet" }, "No answers.", omission(group, rawData));
  const status = element("p", { class: "status", role: "status" }), body = element("div", {});
  const redraw = (chosen) => {
    hideTip();
    const selection = select(group, chosen), whole = chosen.size === group.conditions.length;
    status.textContent = statusLine(group, selection, whole);
    const several = selection.filter((entry) => entry.count > 0).length > 1;
    const views = [lanesView(group, selection, rawData), several && treeView(group, selection), driftChart(group, selection, chosen)];
    body.replaceChildren(...views.filter(Boolean));
  };
  const form = filters(group, redraw);
  redraw(new Set(group.conditions.keys()));
  return element("div", { class: "group" },
    group.title && element("h3", {}, show(group.title)),
    group.prompt && element("blockquote", {}, show(group.prompt, { marks: true, limit: 1000 })),
    form, status, body);
}

function sectionView(section, number, rawData) {
  return element("section", { id: number ? `section-${number}` : null },
    element("h2", {}, number && span("counter", String(number)), show(section.heading || "Result"), " ", badge(section)),
    section.finding && element("p", { class: "finding" }, show(section.finding, { limit: 2000 })),
    section.prose.map(paragraph), factList(section.facts), section.tables.map(dataTable),
    section.charts.map((chart) => chartFigure(chart)), section.groups.map((group) => groupView(group, rawData)),
    command(section.replay, "Again, only this:"));
}

function contents(sections) {
  const items = sections.map((section, index) => element("li", {},
    element("a", { href: `#section-${index + 1}` }, show(section.heading)), badge(section),
    span("quiet", show(section.finding))));
  return items.length > 1 && element("nav", { "aria-label": "Contents" }, element("ol", {}, items));
}

function themeButton() {
  const root = document.documentElement, system = matchMedia("(prefers-color-scheme: dark)");
  const dark = () => (root.dataset.theme ? root.dataset.theme === "dark" : system.matches);
  const turn = () => {
    root.dataset.theme = dark() ? "light" : "dark";
    name();
  };
  const turning = button("", turn, { class: "theme" });
  const name = () => (turning.textContent = dark() ? "☀ Light" : "☾ Dark");
  system.addEventListener("change", name);
  name();
  return turning;
}

function banner(report) {
  const { sign, title } = kVerdicts[report.verdict];
  const word = report.word ? show(report.word, { limit: 30 }) : title;
  const headline = report.headline || report.title || (report.sections.length ? "Report" : "Nothing to report");
  return element("header", { class: report.verdict },
    element("div", { class: "top" }, element("span", {}, "verbatim"), span("title", show(report.title)), themeButton()),
    element("div", { class: "verdict" }, sign && element("span", { class: "sign", "aria-hidden": "true" }, sign),
      element("div", {}, word && element("p", { class: "word" }, word),
        element("h1", {}, show(headline, { limit: 2000 })))),
    factList(report.facts));
}

const report = JSON.parse(document.getElementById("data").textContent);
const numbered = report.sections.length > 1;
document.body.append(
  element("a", { class: "skip", href: "#main" }, "To the results"),
  banner(report),
  fill(document.createElement("main"), { id: "main" }, [
    command(report.replay, "Again:"), contents(report.sections),
    report.sections.map((section, index) => sectionView(section, numbered && index + 1, report.raw_data))]),
  element("footer", {}, factList(report.provenance),
    quiet(report.raw_data && ["Raw data: ", element("code", {}, show(report.raw_data)), ". "],
      "Positions count from 0. This file asks nothing of any network.")),
  tip);
