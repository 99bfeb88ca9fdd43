// Aligned lanes: a row an answer, a column a position, the reference first. A window of both is in the document at a
// time; buttons and arrow keys move it.

const kRowsAtOnce = 40;
const kColumnsAtOnce = 120;

// selection: [{answer, count, patterns}], the reference first.
function lanesView(group, selection, rawData) {
  const view = element("div", { class: "lanes" });
  const columns = selection.reduce((most, { answer }) => Math.max(most, answer.tokens.length), 0) + 1; // and an end
  const parting = new Map(); // position -> answers that part there
  for (const { answer, count: times } of selection.slice(1)) {
    parting.set(answer.agrees, (parting.get(answer.agrees) ?? 0) + times);
  }
  const first = parting.size ? firstParting(selection) : 0;
  let rows = Math.min(kRowsAtOnce, selection.length);
  let start = columns > kColumnsAtOnce ? Math.max(0, Math.min(first - 12, columns - kColumnsAtOnce)) : 0;
  let table;

  const draw = () => {
    const end = Math.min(start + kColumnsAtOnce, columns);
    const jump = (row) => focus(row, selection[row].answer.agrees);
    table = laneTable(group, selection.slice(0, rows), parting, start, end, jump);
    table.addEventListener("keydown", move);
    const scroller = element("div", { class: "scroller" }, table);
    view.replaceChildren(pager(end), scroller, more());
    table.querySelector("td")?.setAttribute("tabindex", 0);
    return scroller;
  };
  const go = (position) => {
    start = Math.max(0, Math.min(position, columns - kColumnsAtOnce));
    draw();
  };
  const cellAt = (row, position) => table.tBodies[0].rows[row]?.cells[1 + position - start];
  const focus = (row, position) => {
    if (position < start || position >= Math.min(start + kColumnsAtOnce, columns)) go(position - 12);
    const cell = cellAt(row, Math.max(0, Math.min(position, columns - 1)));
    if (!cell) return;
    table.querySelector("[tabindex='0']")?.setAttribute("tabindex", -1);
    cell.setAttribute("tabindex", 0);
    cell.focus({ preventScroll: true });
    cell.scrollIntoView({ block: "nearest", inline: "center" });
  };
  const move = (event) => {
    const cell = event.target.closest("td");
    if (!cell || event.ctrlKey || event.altKey || event.metaKey) return;
    const row = cell.parentNode.sectionRowIndex, at = start + cell.cellIndex - 1, { answer } = selection[row];
    const target = {
      ArrowLeft: [row, at - 1], ArrowRight: [row, at + 1], ArrowUp: [row - 1, at], ArrowDown: [row + 1, at],
      Home: [row, 0], End: [row, answer.tokens.length], d: [row, answer.agrees],
    }[event.key];
    if (!target) return;
    event.preventDefault();
    focus(Math.max(0, Math.min(target[0], rows - 1)), Math.max(0, Math.min(target[1], columns - 1)));
  };
  const pager = (end) => {
    const whole = end - start >= columns;
    const last = Math.min(end, columns - 1) - 1;
    return element("p", { class: "pager" },
      parting.size > 0 && button("≠ first divergence", () => focus(nearest(), first)),
      !whole && button("◂ earlier", () => go(start - kColumnsAtOnce + 12), { disabled: start === 0 }),
      !whole && button("later ▸", () => go(end - 12), { disabled: end >= columns }),
      span("quiet", whole ? "" : ` ${group.unit}s ${count(start)} to ${count(last)} of ${count(columns - 1)}. `,
        "Keys: arrows move, d goes to a lane's divergence."));
  };
  // The row of the first divergence, where it is among those shown.
  const nearest = () => Math.max(1, selection.slice(0, rows).findIndex(({ answer }, row) => row > 0 && answer.agrees === first));
  const showMore = () => {
    rows = Math.min(selection.length, rows + kRowsAtOnce);
    draw();
  };
  const more = () => {
    const left = selection.length - rows;
    return element("div", { class: "quiet" },
      left > 0 && element("p", {}, `${plural(left, "different answer")} not shown here. `,
        button(`Show ${Math.min(left, kRowsAtOnce)} more`, showMore)),
      omission(group, rawData));
  };

  const scroller = draw();
  if (first > 0 && first >= start) {
    // Once there is a layout: bring the first divergence into sight, with something before it.
    requestAnimationFrame(() => {
      const cell = cellAt(0, first);
      const head = table.querySelector("th").offsetWidth;
      if (cell) scroller.scrollLeft = cell.offsetLeft - head - 0.4 * (scroller.clientWidth - head - cell.offsetWidth);
    });
  }
  return view;
}

// The earliest position where an answer leaves the reference; Infinity: none does.
const firstParting = (selection) => selection.slice(1).reduce((least, { answer }) => Math.min(least, answer.agrees), Infinity);

const endMark = (answer) => span("ending", "■ ", show(answer.ending || "end", { limit: 24 }));

// What did not fit into the page at all.
function omission(group, rawData) {
  const left = group.distinct - group.answers.length;
  const cut = group.answers.filter((answer) => answer.length > answer.tokens.length).length;
  if (left === 0 && cut === 0) return null;
  const parts = [left && plural(left, "rarer answer"), cut && `the ends of ${plural(cut, "long answer")}`];
  return element("p", {},
    `This page leaves out ${parts.filter(Boolean).join(" and ")}; counts, drift and margins speak of all. `,
    rawData && ["Everything is in ", element("code", {}, show(rawData)), "."]);
}

// jump: takes a row to where its answer parts from the reference.
function laneTable(group, selection, parting, start, end, jump) {
  const largest = selection.reduce((most, entry) => Math.max(most, entry.count), 1);
  const heads = [element("th", { scope: "col" }, group.unit)];
  for (let at = start; at < end; ++at) {
    const parts = parting.get(at);
    heads.push(element("th", { scope: "col", class: parts ? "parts" : null },
      count(at), parts && element("b", {}, ` ≠${count(parts)}×`)));
  }
  const rows = selection.map((entry, row) => {
    const tr = element("tr", { class: row === 0 ? "reference" : null }, laneHead(group, entry, row, largest, jump));
    for (let at = start; at < end; ++at) tr.append(laneCell(group, entry.answer, row, at));
    return tr;
  });
  const table = element("table", { role: "grid", "aria-label": "Answers, aligned by position" },
    element("thead", {}, element("tr", {}, heads)), element("tbody", {}, rows));
  const card = (event) => {
    const cell = event.target.closest("td");
    if (!cell) return;
    const { answer } = selection[cell.parentNode.sectionRowIndex], at = start + cell.cellIndex - 1;
    if (at < answer.tokens.length) {
      cell.setAttribute("aria-describedby", "tip");
      showTip(cell, tokenCard(group, answer, at));
    } else hideTip();
  };
  const leave = (event) => tip.contains(event.relatedTarget) || hideTip();
  table.addEventListener("focusin", card);
  table.addEventListener("pointerover", card);
  table.addEventListener("focusout", leave);
  table.addEventListener("pointerleave", leave);
  return table;
}

function laneHead(group, { answer, count: times, patterns }, row, largest, jump) {
  const measured = answer.logprobs.some((logprob) => logprob !== null);
  const attributes = { tabindex: -1, title: "to its first difference" }; // by keys: d
  return element("th", { scope: "row" },
    span("times", `${count(times)}×`), bar(times / largest, 40),
    row > 0 && button(`≠ ${count(answer.agrees)}`, () => jump(row), attributes), element("br"),
    span("whose", row === 0 ? "reference" : show(answer.label, { limit: 24 })),
    measured && patterns > 1 && span("bits", ` · ${count(patterns)} bit patterns`));
}

function laneCell(group, answer, row, at) {
  const reference = group.answers[0];
  const parts = row > 0 && at === answer.agrees;
  const attributes = { tabindex: -1, class: parts ? "parts" : null };
  const flag = parts && element("b", { class: "flag", "aria-label": "first difference" }, "≠");
  if (at === answer.tokens.length) {
    const cut = answer.length - at;
    return element("td", attributes, flag, cut > 0 ? span("ending", `… ${count(cut)} more`) : endMark(answer));
  }
  if (at > answer.tokens.length) return element("td", attributes);
  if (row > 0 && at < answer.agrees) attributes.class = "same";
  else if (row > 0 && !parts && answer.tokens[at] !== reference.tokens[at]) attributes.class = "other";
  const name = group.names[answer.tokens[at]];
  return element("td", attributes, flag, span("token", showToken(name, 24)), name[1] !== null && span("id", String(name[1])));
}
