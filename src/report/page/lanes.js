// Aligned lanes: a row an answer, a column a position, the reference first. A window of both is in the document at a
// time; buttons and arrow keys move it.

const kRowsAtOnce = 40;
const kColumnsAtOnce = 120;

// selection: [{answer, count, patterns}], the reference first.
function lanesView(group, selection, rawData) {
  const view = element("div", { class: "lanes" });
  const columns = selection.reduce((most, { answer }) => Math.max(most, answer.tokens.length), 0) + 1; // and an end
  const parting = new Map(); // position -> answers that part there
  for (const { answer, count } of selection.slice(1)) parting.set(answer.agrees, (parting.get(answer.agrees) ?? 0) + count);
  const first = parting.size ? [...parting.keys()].reduce((a, b) => Math.min(a, b)) : 0;
  let rows = Math.min(kRowsAtOnce, selection.length);
  let start = columns > kColumnsAtOnce ? Math.max(0, Math.min(first - 12, columns - kColumnsAtOnce)) : 0;
  let table;

  const draw = () => {
    const end = Math.min(start + kColumnsAtOnce, columns);
    table = laneTable(group, selection.slice(0, rows), parting, start, end, (row) => focus(row, selection[row].answer.agrees));
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
    const button = (title, position, disabled) => element("button", { type: "button", disabled, onclick: () => go(position) }, title);
    return element("p", { class: "pager" },
      parting.size > 0 && element("button", { type: "button", onclick: () => focus(nearest(first), first) }, "≠ first divergence"),
      !whole && button("◂ earlier", start - kColumnsAtOnce + 12, start === 0),
      !whole && button("later ▸", end - 12, end >= columns),
      element("span", { class: "quiet" }, whole ? "" : ` ${group.unit}s ${count(start)} to ${count(Math.min(end, columns - 1) - 1)} of ${count(columns - 1)} `,
        "Keys: arrows move, d goes to a lane's divergence."));
  };
  const nearest = (position) => Math.max(1, selection.slice(0, rows).findIndex(({ answer }, i) => i > 0 && answer.agrees === position));
  const more = () => {
    const left = selection.length - rows;
    return element("div", { class: "quiet" },
      left > 0 && element("p", {}, `${plural(left, "different answer")} not shown here. `,
        element("button", { type: "button", onclick: () => { rows = Math.min(selection.length, rows + kRowsAtOnce); draw(); } }, `Show ${Math.min(left, kRowsAtOnce)} more`)),
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

// What did not fit into the page at all.
function omission(group, rawData) {
  const left = group.distinct - group.answers.length;
  const cut = group.answers.filter((answer) => answer.length > answer.tokens.length).length;
  if (left === 0 && cut === 0) return null;
  const parts = [left && plural(left, "rarer answer"), cut && `the ends of ${plural(cut, "long answer")}`].filter(Boolean);
  return element("p", {}, `This page leaves out ${parts.join(" and ")}; counts, drift and margins speak of all. `,
    rawData && ["Everything is in ", element("code", {}, show(rawData)), "."]);
}

// jump: takes a row to where its answer parts from the reference.
function laneTable(group, selection, parting, start, end, jump) {
  const largest = selection.reduce((most, entry) => Math.max(most, entry.count), 1);
  const heads = [element("th", { scope: "col" }, group.unit)];
  for (let at = start; at < end; ++at) {
    const parts = parting.get(at);
    heads.push(element("th", { scope: "col", class: parts ? "parts" : null }, count(at), parts && element("b", {}, ` ≠${count(parts)}×`)));
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
  return element("th", { scope: "row" },
    element("span", { class: "times" }, `${count(times)}×`), bar(times / largest, 40),
    row > 0 && element("button", { type: "button", tabindex: -1, title: "to its first difference", onclick: () => jump(row) }, `≠ ${count(answer.agrees)}`), element("br"),
    element("span", { class: "whose" }, row === 0 ? "reference" : show(answer.label, { limit: 24 })),
    measured && patterns > 1 && element("span", { class: "bits", title: "different bits of log-probabilities among these answers" }, ` · ${count(patterns)} bit patterns`));
}

function laneCell(group, answer, row, at) {
  const reference = group.answers[0];
  const parts = row > 0 && at === answer.agrees;
  const attributes = { tabindex: -1, class: parts ? "parts" : null };
  const flag = parts && element("b", { class: "flag", "aria-label": "first difference" }, "≠");
  if (at === answer.tokens.length) {
    const cut = answer.length > answer.tokens.length;
    return element("td", attributes, flag, element("span", { class: "ending" }, cut ? `… ${count(answer.length - at)} more` : ["■ ", show(answer.ending || "end", { limit: 24 })]));
  }
  if (at > answer.tokens.length) return element("td", attributes);
  if (row > 0 && !parts) attributes.class = at < answer.agrees ? "same" : answer.tokens[at] === reference.tokens[at] ? null : "other";
  const name = group.names[answer.tokens[at]];
  return element("td", attributes, flag, element("span", { class: "token" }, showToken(name, 24)),
    name[1] !== null && element("span", { class: "id" }, String(name[1])));
}
