"use strict";
document.documentElement.classList.add("scripted");

// ---- making elements: text only ever enters as text
const at = (id) => document.getElementById(id);
const make = (tag, attributes = {}, ...children) => {
  const element = document.createElementNS(attributes.xmlns || "http://www.w3.org/1999/xhtml", tag);
  for (const [name, value] of Object.entries(attributes))
    if (name !== "xmlns") element.setAttribute(name, value);
  element.append(...children);
  return element;
};
const svg = (tag, attributes, ...children) =>
  make(tag, { xmlns: "http://www.w3.org/2000/svg", ...attributes }, ...children);
const setters = {
  i: (text) => [make("i", {}, text)],
  sub: (text) => [make("sub", {}, text)],
  bar: (text) => [make("span", { class: "away" }, "-"), make("span", { class: "bar" }, text)],
};
const typeset = (runs) =>
  runs.flatMap(([kind, text]) => (Object.hasOwn(setters, kind) ? setters[kind](text) : [text]));
const formulaRuns = (text) =>
  text.split(/(?<=[A-Za-z)\]])(\d+(?:\.\d+)?)/).flatMap((part, i) => (part ? [[i % 2 ? "sub" : "", part]] : []));
const readJson = (id) => JSON.parse(at(id).textContent);

// ---- taking figures away
const save = (name, parts, type) => {
  const url = URL.createObjectURL(new Blob(parts, { type }));
  make("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10000);
};
const cell = (value) => {
  if (value === null || value === undefined) return "";
  let text = String(value);
  if (typeof value === "string" && /^[=+@\-\t\r]/.test(text)) text = `'${text}`;   // no spreadsheet runs it
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
};
const saveCsv = (name, rows) => save(name, ["\ufeff", rows.map((row) => row.map(cell).join(",")).join("\r\n"), "\r\n"],
  "text/csv;charset=utf-8");

const CARRIED = ["fill", "fill-opacity", "stroke", "stroke-width", "stroke-opacity", "stroke-dasharray",
  "stroke-linecap", "stroke-linejoin", "opacity", "font-family", "font-size", "font-weight", "font-style",
  "text-anchor", "letter-spacing", "vector-effect", "paint-order"];
const standalone = (image) => {   // a copy on white paper that needs no style sheet
  const copy = image.cloneNode(true);
  const stage = make("div", { class: "stage on-paper" }, copy);
  document.body.append(stage);
  for (const element of copy.querySelectorAll("*")) {
    if (element.tagName === "title") continue;
    const style = getComputedStyle(element);
    for (const name of CARRIED) element.setAttribute(name, style.getPropertyValue(name));
    element.removeAttribute("class");
  }
  const [, , width, height] = image.getAttribute("viewBox").split(" ").map(Number);
  for (const [name, value] of [["xmlns", "http://www.w3.org/2000/svg"], ["width", width], ["height", height]])
    copy.setAttribute(name, value);
  for (const name of ["class", "id"]) copy.removeAttribute(name);
  copy.prepend(svg("rect", { width, height, fill: "#ffffff" }));
  stage.remove();
  return { text: new XMLSerializer().serializeToString(copy), width, height };
};
const savePng = (name, image) => {
  const { text, width, height } = standalone(image);
  const url = URL.createObjectURL(new Blob([text], { type: "image/svg+xml" }));
  const picture = new Image();
  picture.addEventListener("load", () => {
    const canvas = make("canvas", { width: 3 * width, height: 3 * height });
    canvas.getContext("2d").drawImage(picture, 0, 0, 3 * width, 3 * height);
    canvas.toBlob((blob) => save(name, [blob], "image/png"), "image/png");
    URL.revokeObjectURL(url);
  });
  picture.src = url;
};
// name → { image: () => SVG element, rows: () => rows of the table, … }
const figures = new Map();
const offerFigures = (stem) => {
  for (const tools of document.querySelectorAll(".tools[data-figure]")) {
    const figure = figures.get(tools.dataset.figure);
    if (!figure) continue;
    const name = `${stem}-${tools.dataset.figure}`;
    tools.hidden = false;
    tools.addEventListener("click", (event) => {
      const button = event.target.closest("button");
      const kind = button?.dataset.kind;
      if (kind === "csv") saveCsv(`${name}.csv`, figure.rows());
      else if (kind === "svg") save(`${name}.svg`, [standalone(figure.image()).text], "image/svg+xml");
      else if (kind === "png") (figure.png || (() => savePng(`${name}.png`, figure.image())))(`${name}.png`);
      else if (kind && figure[kind]) figure[kind](button, name);
    });
  }
};
const copyText = (text, button) => {
  const said = (word) => { const old = button.textContent; button.textContent = word; setTimeout(() => { button.textContent = old; }, 1600); };
  const byHand = () => {   // files opened from a disk may have no clipboard
    const area = make("textarea", { class: "stage" });
    area.value = text;
    document.body.append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    said(done ? "Copied" : "Select and copy below");
  };
  if (navigator.clipboard) navigator.clipboard.writeText(text).then(() => said("Copied"), byHand);
  else byHand();
};
figures.set("bibtex", {
  copy: (button) => copyText(at("bibtex").textContent, button),
  bib: (_, name) => save(`${name}.bib`, [at("bibtex").textContent], "application/x-bibtex;charset=utf-8"),
});
