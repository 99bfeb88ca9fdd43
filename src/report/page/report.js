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
  return (own || words) && element("span", { class: `badge ${verdict}` }, sign && element("b", {}, `${sign} `), own ? show(own, { limit: 30 }) : words);
}

const kNumber = /^[-+±]?(0x)?[\d.,]+([ep][-+]?\d+)?( ?[%×]|[ \u00a0]?[a-zµ]{1,3}(\/s)?)?$/i;

function dataTable({ caption, columns, rows }) {
  const numeric = columns.map((_, column) => rows.length > 0 && rows.every((row) => row[column] === "" || row[column] === "–" || kNumber.test(row[column])));
  const cells = (row, name) => row.map((cell, column) => element(name, { class: numeric[column] ? "number" : null, scope: name === "th" ? "col" : null }, show(cell)));
  return element("div", { class: "scroller" }, element("table", { class: "data" },
    caption && element("caption", {}, show(caption)),
    element("thead", {}, element("tr", {}, cells(columns, "th"))),
    element("tbody", {}, rows.map((row) => element("tr", {}, cells(row, "td"))))));
}

// A paragraph; what stands between backticks is code.
function paragraph(text) {
  return element("p", {}, text.split("`").map((part, index) => (index % 2 ? element("code", {}, show(part, { limit: 2000 })) : show(part, { limit: 5000 }))));
}

function command(text, title) {
  if (!text) return null;
  const code = element("code", { tabindex: 0 }, show(text, { limit: 20000 }));
  const button = element("button", { type: "button", onclick: copy }, "Copy");
  async function copy() {
    try {
      await navigator.clipboard.writeText(text);
      button.textContent = "Copied";
    } catch { // no permission here: the selection is the next best thing
      getSelection().selectAllChildren(code);
      button.textContent = "Selected";
    }
    setTimeout(() => (button.textContent = "Copy"), 2000);
  }
  return element("div", { class: "command" }, element("span", { class: "quiet" }, title), element("pre", {}, code), button);
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
  return [reference, ...others.filter((entry) => entry.count > 0).sort((a, b) => b.count - a.count || a.answer.agrees - b.answer.agrees)];
}

function statusLine(group, selection, whole) {
  const answers = selection.reduce((sum, entry) => sum + entry.count, 0);
  const distinct = selection.filter((entry) => entry.count > 0).length;
  const first = selection.slice(1).reduce((least, { answer }) => Math.min(least, answer.agrees), Infinity);
  const different = whole ? group.distinct : distinct, patterns = selection[0].patterns;
  const alike = patterns > 1 ? `all the same ${group.unit}s, with ${count(patterns)} different sets of log-probabilities` : "all the same";
  return `${whole ? "" : `${count(answers)} of `}${plural(group.count, "answer")}, ${different === 1 ? alike : `${count(different)} different`}`
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
  const first = selection.slice(1).reduce((least, { answer }) => Math.min(least, answer.agrees), Infinity);
  return chartFigure({
    title: "Drift of log-probabilities, and the margin that it has to bridge",
    x: { label: `position, ${group.unit}s`, scale: "linear", zero: "" },
    y: { label: "log-probability", scale: "log", zero: "identical bits" },
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
  const update = () => redraw(new Set(group.conditions.flatMap((condition, index) => (kinds.some((kind) => kind.off.has(kind.of(condition))) ? [] : [index]))));
  const boxes = kinds.filter((kind) => kind.values.length > 1).map((kind) => element("fieldset", {}, element("legend", {}, show(kind.name, { limit: 40 })),
    kind.values.map((value) => element("label", {},
      element("input", { type: "checkbox", checked: true, onchange: (event) => { kind.off[event.target.checked ? "delete" : "add"](value); update(); } }),
      element("span", {}, show(value, { limit: 40 }))))));
  return boxes.length > 0 && element("form", { class: "filters", "aria-label": "Filters" }, boxes);
}

function groupView(group, rawData) {
  if (group.answers.length === 0) return element("p", { class: "quiet" }, "No answers.", omission(group, rawData));
  const status = element("p", { class: "status", role: "status" }), body = element("div", {});
  const redraw = (chosen) => {
    hideTip();
    const selection = select(group, chosen), whole = chosen.size === group.conditions.length;
    status.textContent = statusLine(group, selection, whole);
    const several = selection.filter((entry) => entry.count > 0).length > 1;
    body.replaceChildren(...[lanesView(group, selection, rawData), several && treeView(group, selection), driftChart(group, selection, chosen)].filter(Boolean));
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
    element("h2", {}, number && element("span", { class: "counter" }, String(number)), show(section.heading || "Result"), " ", badge(section)),
    section.finding && element("p", { class: "finding" }, show(section.finding, { limit: 2000 })),
    section.prose.map(paragraph), factList(section.facts), section.tables.map(dataTable),
    section.charts.map((chart) => chartFigure(chart)), section.groups.map((group) => groupView(group, rawData)),
    command(section.replay, "Again, only this:"));
}

function contents(sections) {
  return sections.length > 1 && element("nav", { "aria-label": "Contents" }, element("ol", {}, sections.map((section, index) =>
    element("li", {}, element("a", { href: `#section-${index + 1}` }, show(section.heading)), badge(section),
      element("span", { class: "quiet" }, show(section.finding))))));
}

function themeButton() {
  const root = document.documentElement;
  const dark = () => (root.dataset.theme ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark";
  const button = element("button", { type: "button", class: "theme", onclick: () => { root.dataset.theme = dark() ? "light" : "dark"; name(); } });
  const name = () => (button.textContent = dark() ? "☀ Light" : "☾ Dark");
  name();
  return button;
}

function banner(report) {
  const { sign, title } = kVerdicts[report.verdict];
  return element("header", { class: report.verdict },
    element("div", { class: "top" }, element("span", {}, "verbatim"), element("span", { class: "title" }, show(report.title)), themeButton()),
    element("div", { class: "verdict" }, sign && element("span", { class: "sign", "aria-hidden": "true" }, sign),
      element("div", {}, title && element("p", { class: "word" }, title), element("h1", {}, show(report.headline || report.title || (report.sections.length ? "Report" : "Nothing to report"), { limit: 2000 })))),
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
    element("p", { class: "quiet" }, report.raw_data && ["Raw data: ", element("code", {}, show(report.raw_data)), ". "], "Positions count from 0. This file asks nothing of any network.")),
  tip);
