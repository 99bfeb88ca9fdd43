"use strict";
// Text and numbers from outside, shown as what they are. Nothing here or in the other scripts reads markup: elements
// are made one by one and text goes in as text nodes.
//
// A string of the data holds any bytes: a byte that is not UTF-8 is the lone surrogate U+DC80..U+DCFF (json_writer.h).

// element("p", {class: "a"}, "text", child, [more, children]); null and false are skipped.
function element(name, attributes = {}, ...children) {
  return fill(document.createElement(name), attributes, children);
}

function svg(name, attributes = {}, ...children) {
  return fill(document.createElementNS("http://www.w3.org/2000/svg", name), attributes, children);
}

const span = (kind, ...children) => element("span", { class: kind }, ...children);
const quiet = (...children) => element("p", { class: "quiet" }, ...children);
const button = (title, onclick, attributes = {}) => element("button", { type: "button", onclick, ...attributes }, title);

function fill(node, attributes, children) {
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
    else if (value !== null && value !== false) node.setAttribute(key, value === true ? "" : value);
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

const kWhiteSpaceMarks = new Map([[" ", "·"], ["\n", "↵"], ["\t", "⇥"]]);
const kUnseen = /[\p{C}\p{Zl}\p{Zp}\p{Zs}\p{Default_Ignorable_Code_Point}]/u;
const kByteLow = 0xdc80, kByteHigh = 0xdcff;

const hex = (number, digits) => number.toString(16).padStart(digits, "0");

// A character that cannot be seen, or that would move its neighbours, as its code.
function escaped(character) {
  const code = character.codePointAt(0);
  if (code >= kByteLow && code <= kByteHigh) return `\\x${hex(code - 0xdc00, 2)}`;
  return code < 0x100 ? `\\x${hex(code, 2)}` : `\\u{${hex(code, 4)}}`;
}

// Runs of [text, kind]: kind "" is itself, "space" a mark for white space, "code" an escape, "cut" what is left out.
// marks: spaces and line ends of the text are marked, too, and not only what nobody could see.
function runs(text, { marks = false, limit = 300 } = {}) {
  const found = [];
  let taken = 0;
  for (const character of text.slice(0, 2 * limit)) {
    if (taken++ === limit) break;
    let shown = character, kind = "";
    if (kWhiteSpaceMarks.has(character)) {
      if (marks) [shown, kind] = [kWhiteSpaceMarks.get(character), "space"];
    } else if (kUnseen.test(character)) {
      [shown, kind] = [escaped(character), "code"];
    } else if (found.length === 0 && /\p{M}/u.test(character)) {
      shown = `◌${character}`; // a mark without a letter to stand on
    }
    const last = found.at(-1);
    if (last?.[1] === kind) last[0] += shown;
    else found.push([shown, kind]);
  }
  const rest = text.length - [...text.slice(0, 2 * limit)].slice(0, limit).join("").length;
  if (rest > 0) found.push([`… ${count(rest)} more`, "cut"]);
  return found;
}

// The text as an element that keeps its writing direction to itself.
function show(text, options) {
  const parts = runs(text, options).map(([shown, kind]) => (kind ? element("i", { class: kind }, shown) : shown));
  return element("bdi", {}, parts);
}

const plain = (text, options) => runs(text, options).map(([shown]) => shown).join("");

// A token's text; `name` is an entry of a group's "names".
function showToken([text, , leftOut], limit) {
  if (text === "") return element("i", { class: "code" }, "empty");
  const shown = show(text, { marks: true, limit });
  if (leftOut) shown.append(element("i", { class: "cut" }, `… ${count(leftOut)} bytes more`));
  return shown;
}

// The bytes of a text, in hexadecimal.
function bytesOf(text, limit) {
  const bytes = [];
  for (const character of text.slice(0, limit)) {
    const code = character.codePointAt(0);
    if (code >= kByteLow && code <= kByteHigh) bytes.push(code - 0xdc00);
    else bytes.push(...new TextEncoder().encode(character));
  }
  const shown = bytes.slice(0, limit).map((byte) => hex(byte, 2)).join(" ");
  return text.length > limit || bytes.length > limit ? `${shown} …` : shown;
}

const count = (number) => number.toLocaleString("en");
const plural = (number, noun) => `${count(number)} ${noun}${number === 1 ? "" : "s"}`;

function decimal(number) {
  if (number === 0 || !Number.isFinite(number)) return String(number);
  const size = Math.abs(number);
  return size < 1e-3 || size >= 1e6 ? number.toExponential(2) : String(Number(number.toPrecision(5)));
}

// Every bit of a number, as C's %a prints it.
function hexFloat(number) {
  if (!Number.isFinite(number)) return String(number);
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, number);
  const high = view.getUint32(0), low = view.getUint32(4), biased = (high >>> 20) & 0x7ff;
  const fraction = (hex(high & 0xfffff, 5) + hex(low, 8)).replace(/0+$/, "");
  const sign = high >>> 31 ? "-" : "";
  if (biased === 0 && !fraction) return `${sign}0x0p+0`;
  const exponent = biased === 0 ? -1022 : biased - 1023;
  return `${sign}0x${biased === 0 ? 0 : 1}${fraction && `.${fraction}`}p${exponent < 0 ? "" : "+"}${exponent}`;
}
