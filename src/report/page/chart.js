// Line charts in SVG. Series differ by marker and dash as well as colour. On a log axis 0 has a band of its own.

const kMarkers = [
  "M-3.5,0a3.5,3.5 0 1,0 7,0a3.5,3.5 0 1,0 -7,0Z", // circle
  "M-3,-3H3V3H-3Z", // square
  "M0,-4.2L4,3H-4Z", // triangle
  "M0,-4.5L4.5,0L0,4.5L-4.5,0Z", // diamond
  "M0,4.2L4,-3H-4Z", // triangle down
  "M-4,-1.3H-1.3V-4H1.3V-1.3H4V1.3H1.3V4H-1.3V1.3H-4Z", // cross
];
const kDashes = [null, "7 3", "2 3", "9 3 2 3", "4 4", "1 2"];
const kMostMarkers = 90; // of one series; a longer line speaks for itself
const kMostRows = 500; // of the table of numbers

function look(index) {
  const turn = Math.floor(index / 6); // the seventh series has the first colour, with the second marker
  return { class: `series${index % 6}`, marker: kMarkers[(index + turn) % 6], dash: kDashes[index % 6] };
}

// Round steps for a linear axis: 1, 2 or 5 times a power of ten.
function linearTicks(low, high) {
  const rough = (high - low) / 5;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * [1, 2, 5, 10].find((factor) => factor * power >= rough * 0.999);
  const ticks = [];
  for (let i = Math.ceil(low / step); i * step <= high * (1 + 1e-9); ++i) ticks.push(i * step);
  return ticks;
}

function logTicks(low, high) {
  const first = Math.round(Math.log10(low)), last = Math.round(Math.log10(high)), every = Math.ceil((last - first) / 6);
  const ticks = [];
  for (let power = first; power <= last; power += every) ticks.push(10 ** power);
  return ticks;
}

// Maps the values of an axis to pixels between `from` and `to`; a zero on a log axis goes to `zeroAt`.
function makeScale(axis, values, from, to, zeroAt, startAtZero) {
  const log = axis.scale === "log";
  const drawn = (value) => Math.abs(value) <= 1e300 && (!log || value >= 0); // false for what has no place
  const finite = values.filter((value) => drawn(value) && (!log || value > 0));
  let low = finite.length ? finite.reduce((a, b) => Math.min(a, b)) : 1;
  let high = finite.length ? finite.reduce((a, b) => Math.max(a, b)) : 1;
  const few = [...new Set(finite)].sort((a, b) => a - b);
  let ticks;
  if (log) {
    if (startAtZero) [low, high] = [10 ** Math.floor(Math.log10(low)), 10 ** Math.ceil(Math.log10(high))];
    if (low === high) high = low * 10;
    ticks = startAtZero || few.length > 12 ? logTicks(low, high) : few;
  } else {
    if (startAtZero) low = Math.min(low, 0);
    if (low === high) high = low + 1;
    ticks = linearTicks(low, high);
    if (startAtZero) high = Math.max(high, ticks.at(-1));
  }
  const place = log ? Math.log10 : (value) => value;
  const toPixel = (value) => from + ((to - from) * (place(value) - place(low))) / (place(high) - place(low));
  const pixel = (value) => (log && value === 0 ? zeroAt : toPixel(value));
  return { pixel, ticks, drawn };
}

// chart: as in the data; marks: vertical lines [{x, text}]. Returns a figure that draws itself to its width.
function chartFigure(chart, marks = []) {
  const readout = element("p", { class: "readout", "aria-live": "polite" },
    "Point at the chart, or focus it and use ← and →, to read values.");
  const label = plain(`Chart: ${chart.title}`);
  const holder = element("div", { class: "chart", tabindex: 0, role: "img", "aria-label": label });
  const table = element("details", { ontoggle: () => table.childElementCount === 1 && table.append(chartTable(chart)) },
    element("summary", {}, "The numbers"));
  const all = chart.series.flatMap((series) => series.points.map(([x]) => x));
  const xs = [...new Set(all)].filter(Number.isFinite).sort((a, b) => a - b);
  let chosen = -1, drawing;

  const choose = (index) => {
    chosen = Math.max(0, Math.min(index, xs.length - 1));
    if (xs.length === 0) return;
    const x = xs[chosen];
    drawing.pointAt(x);
    const values = chart.series.flatMap((series) => {
      const point = series.points.find(([at]) => at === x);
      return point ? [`${plain(series.name, { limit: 60 })} ${decimal(point[1])} (${hexFloat(point[1])})`] : [];
    });
    const place = element("b", {}, `${plain(chart.x.label, { limit: 60 })} ${decimal(x)}`);
    readout.replaceChildren(place, ` — ${values.join("; ")}`);
  };
  holder.addEventListener("pointermove", (event) => {
    const at = event.clientX - holder.getBoundingClientRect().left;
    const distance = (x) => Math.abs(drawing.x(x) - at);
    if (xs.length) choose(xs.reduce((best, x, index) => (distance(x) < distance(xs[best]) ? index : best), 0));
  });
  holder.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1, Home: -Infinity, End: Infinity }[event.key];
    if (step === undefined) return;
    event.preventDefault();
    choose(chosen + step);
  });
  drawToWidth(holder, (width) => {
    drawing = drawChart(chart, marks, width);
    return drawing.node;
  });
  return element("figure", {},
    element("figcaption", {}, show(chart.title)), legend(chart), holder, readout, xs.length > 0 && table);
}

// Draws now and whenever the holder's width changes.
function drawToWidth(holder, draw) {
  let width = 0;
  new ResizeObserver(() => {
    if (holder.clientWidth === width || holder.clientWidth === 0) return;
    width = holder.clientWidth;
    holder.replaceChildren(draw(width));
  }).observe(holder);
}

function legend(chart) {
  return element("ul", { class: "legend" }, chart.series.map((series, index) => {
    const { class: colour, marker, dash } = look(index);
    return element("li", {},
      svg("svg", { width: 34, height: 12, class: colour, "aria-hidden": "true" },
        svg("path", { class: "line", d: "M0,6H34", "stroke-dasharray": dash }),
        svg("path", { class: "marker", d: marker, transform: "translate(17,6)" })),
      show(series.name, { limit: 80 }));
  }));
}

function chartTable(chart) {
  const rows = chart.series.flatMap(({ name, points }) => points.map(([x, y]) => [name, decimal(x), decimal(y), hexFloat(y)]));
  return dataTable({
    caption: rows.length > kMostRows ? `The first ${kMostRows} of ${count(rows.length)} points` : "",
    columns: ["series", chart.x.label, chart.y.label, "hex float"],
    rows: rows.slice(0, kMostRows),
  });
}

function drawChart(chart, marks, width) {
  const height = 276, left = 58, right = 14, top = 32, bottom = 42, band = 36;
  const points = chart.series.flatMap((series) => series.points.map(([x, y]) => [Number(x), Number(y)]));
  const withZeros = chart.y.scale === "log" && (chart.y.zero !== "" || points.some(([, value]) => value === 0));
  const floor = height - bottom - (withZeros ? band : 0);
  const x = makeScale(chart.x, points.map(([value]) => value), left + 10, width - right - 10, left + 4, false);
  const y = makeScale(chart.y, points.map(([, value]) => value), floor, top, floor + 12, true);
  const node = svg("svg", { width, height, viewBox: `0 0 ${width} ${height}` });
  const text = (at, words, attributes) => svg("text", { x: at[0], y: at[1], ...attributes }, plain(words, { limit: 60 }));

  if (withZeros) {
    node.append(svg("rect", { class: "zero", x: left, y: floor, width: width - left - right, height: band }),
      text([left + 8, floor + band - 5], `0${chart.y.zero && ` = ${chart.y.zero}`}`, { class: "zero" }),
      text([left - 7, floor + 18], "0", { "text-anchor": "end" }));
  }
  for (const tick of y.ticks) {
    const at = y.pixel(tick);
    node.append(svg("path", { class: "grid", d: `M${left},${at}H${width - right}` }),
      text([left - 7, at + 4], shortDecimal(tick), { "text-anchor": "end" }));
  }
  let free = -Infinity; // labels of the x axis do not overlap
  for (const tick of x.ticks) {
    const at = x.pixel(tick);
    node.append(svg("path", { class: "grid", d: `M${at},${height - bottom}v4` }));
    if (at < free) continue;
    node.append(text([at, height - bottom + 17], shortDecimal(tick), { "text-anchor": "middle" }));
    free = at + 34;
  }
  node.append(svg("path", { class: "axis", d: `M${left},${top}V${height - bottom}H${width - right}` }),
    text([width - right, height - 6], chart.x.label, { "text-anchor": "end", class: "label" }),
    text([4, 11], chart.y.label, { class: "label" }));
  for (const mark of marks) {
    const at = x.pixel(mark.x), late = at > (left + width) / 2;
    node.append(svg("path", { class: "mark", d: `M${at},${top}V${height - bottom}` }),
      text([at + (late ? 4 : -4), top - 5], mark.text, { class: "mark", "text-anchor": late ? "end" : "start" }));
  }
  chart.series.forEach((series, index) => node.append(drawSeries(series, index, x, y)));
  const crosshair = svg("path", { class: "crosshair" });
  node.append(crosshair);
  const pointAt = (value) => crosshair.setAttribute("d", `M${x.pixel(value)},${top}V${height - bottom}`);
  return { node, x: x.pixel, pointAt };
}

// One series: a line with gaps where a point has no place, and its markers.
function drawSeries(series, index, x, y) {
  const { class: colour, marker, dash } = look(index);
  const group = svg("g", { class: colour });
  let line = "", gap = true;
  const places = [];
  for (const [rawX, rawY] of series.points) {
    const [px, py] = [Number(rawX), Number(rawY)];
    if (!x.drawn(px) || !y.drawn(py)) {
      gap = true;
      continue;
    }
    const at = [x.pixel(px).toFixed(1), y.pixel(py).toFixed(1)];
    line += `${gap ? "M" : "L"}${at}`;
    gap = false;
    places.push(at);
  }
  if (line) group.append(svg("path", { class: "line", d: line, "stroke-dasharray": dash }));
  const every = Math.ceil(places.length / kMostMarkers);
  for (let i = 0; i < places.length; i += every) {
    group.append(svg("path", { class: "marker", d: marker, transform: `translate(${places[i]})` }));
  }
  return group;
}

function shortDecimal(number) {
  const size = Math.abs(number);
  if (number === 0 || (size >= 1e-2 && size < 1e5)) return String(Number(number.toPrecision(3)));
  return number.toExponential(1).replace(".0e", "e").replace("e+", "e");
}
