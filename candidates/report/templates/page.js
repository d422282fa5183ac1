"use strict";
document.documentElement.classList.add("scripted");
addEventListener("DOMContentLoaded", () => {
  const table = document.getElementById("table");
  if (!table) return;
  const read = (id) => JSON.parse(document.getElementById(id).textContent);
  const at = (id) => document.getElementById(id);

  // ---- making elements: text only ever enters as text
  const make = (tag, attributes = {}, ...children) => {
    const element = document.createElementNS(
      attributes.xmlns || "http://www.w3.org/1999/xhtml", tag);
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

  // ---- the details of one crystal
  const factList = (facts) =>
    make("dl", { class: "pairs" }, ...facts.map(([name, value, link]) => {
      const shown = link && link.startsWith("https://")
        ? [make("a", { href: link, rel: "noopener noreferrer", target: "_blank" }, ...typeset(value))]
        : typeset(value);
      return make("div", {}, make("dt", {}, name), make("dd", {}, ...shown));
    }));

  const bits = (token) => {
    const n = token.value.length;
    const squares = [...token.value].map((bit, i) => svg("rect", {
      class: bit === "1" ? "one" : "zero", x: i * 12 + 1, y: 1, width: 10, height: 10, rx: 2 }));
    const picture = svg("svg", { viewBox: `0 0 ${n * 12} 12`, width: n * 12, height: 12, role: "img",
      "aria-label": `bits ${token.value}`, class: "bits" }, ...squares);
    return [make("span", { class: "count" }, token.text), ...(n ? [picture] : [])];
  };

  const fractions = (token) => [make("ul", { class: "fractions" }, ...token.value.map(([symbol, share]) =>
    make("li", {}, make("span", { class: "element" }, symbol),
      svg("svg", { viewBox: "0 0 100 6", preserveAspectRatio: "none", "aria-hidden": "true" },
        svg("rect", { class: "track", width: 100, height: 6 }),
        svg("rect", { class: "fill", width: Math.max(0, Math.min(100, 100 * share)), height: 6 })),
      make("span", { class: "num" }, share.toFixed(3)))))];

  const tokenBody = {
    word: (token) => [make("span", { class: token.absent ? "word none" : "word" }, ...typeset(token.value))],
    bits, fractions,
    facts: (token) => [token.value.length ? factList(token.value) : "not recorded"],
  };

  const poscar = (cell) => {
    const order = [...new Set(cell.symbols)];
    const rows = order.flatMap((symbol) => cell.symbols.flatMap((s, i) => (s === symbol ? [i] : [])));
    const triple = (values) => values.map((x) => x.toFixed(6).padStart(12)).join("");
    const counts = order.map((symbol) => cell.symbols.filter((s) => s === symbol).length);
    return [cell.name, "1.0", ...[0, 3, 6].map((i) => triple(cell.lattice.slice(i, i + 3))),
      order.join(" "), counts.join(" "), "Direct",
      ...rows.map((i) => `${triple(cell.coords.slice(3 * i, 3 * i + 3))}  ${cell.symbols[i]}`)].join("\n") + "\n";
  };

  const remarks = (title, kind, texts) => texts.length
    ? [make("div", { class: `remarks ${kind}` }, make("h3", {}, title),
        make("ul", {}, ...texts.map((text) => make("li", {}, text))))]
    : [];

  const body = (d) => make("div", { class: "inside" },
    make("div", { class: "saw" }, make("h3", {}, "What the model saw"),
      make("ol", { class: "tokens" }, ...d.tokens.map((token) => make("li", { class: `t-${token.kind}` },
        make("span", { class: "token-name" }, token.name),
        make("div", { class: "token-value" }, ...tokenBody[token.kind](token)))))),
    make("div", { class: "sections" },
      ...d.sections.map((section) => make("div", {}, make("h3", {}, section.title), factList(section.facts),
        ...section.text.map((text) => make("p", {}, text))))),
    make("div", { class: "foot" },
      ...remarks("Hazards", "hazards", d.hazards), ...remarks("Notes", "notes", d.notes),
      make("details", { class: "poscar" }, make("summary", {}, "Primitive cell as POSCAR"),
        make("pre", { tabindex: "0" }, poscar(d.cell)))));

  // ---- rows: only those that are shown are in the document, so that thousands of them stay quick
  const tbody = table.tBodies[0];
  const heads = [...table.tHead.rows[0].cells];
  const keys = heads.map((head) => head.dataset.key);
  const entries = read("index").map(([id, text, known, values]) => ({ id, row: at(`c-${id}`), text, known, values }));
  const byId = new Map(entries.map((entry) => [entry.id, entry]));
  const letters = new Intl.Collator("en", { numeric: true });
  const page = Number(table.dataset.page);
  const state = { column: 0, down: false, limit: page };
  let fitting = entries;

  const toggle = (entry, open) => {
    const button = entry.row.querySelector("button.open");
    if (open === undefined) open = !entry.open;
    entry.open = open;
    button.setAttribute("aria-expanded", String(open));
    if (open && !entry.inside) {
      entry.inside = make("tr", { class: "inside-row", id: `d-${entry.id}` },
        make("td", { colspan: String(heads.length) }, body(read(`j-${entry.id}`))));
      button.setAttribute("aria-controls", entry.inside.id);
    }
    if (open) entry.row.after(entry.inside);
    else entry.inside?.remove();
  };

  const compare = (a, b) => {
    const [x, y] = [a.values[state.column], b.values[state.column]];
    if (x === null || y === null) return (x === null) - (y === null);   // unknown values stay at the end
    const order = typeof x === "number" ? x - y : letters.compare(x, y);
    return state.down ? -order : order;
  };
  const show = () => {
    const shown = fitting.slice(0, state.limit);
    tbody.replaceChildren(...shown.flatMap(({ row, inside, open }) => (open ? [row, inside] : [row])));
    const left = fitting.length - shown.length;
    at("more").hidden = left === 0;
    at("next").textContent = `Show ${Math.min(page, left)} more`;
    at("rest").textContent = `Show all ${fitting.length}`;
    at("rest").hidden = left <= page;
    at("nothing").hidden = fitting.length > 0;
    table.hidden = fitting.length === 0;
    at("shown").textContent = fitting.length === entries.length
      ? `${entries.length} candidates` : `${fitting.length} of ${entries.length} candidates`;
  };
  const sort = (column, down) => {
    Object.assign(state, { column, down, limit: page });
    entries.sort((a, b) => compare(a, b) || a.values[0] - b.values[0]);
    heads.forEach((head, i) => {
      if (i === column) head.setAttribute("aria-sort", down ? "descending" : "ascending");
      else head.removeAttribute("aria-sort");
    });
    at("sorting").value = String(column);
    filter();
  };
  const filter = () => {
    const words = at("search").value.toLowerCase().split(/\s+/).filter(Boolean);
    const [unknown, safe] = [at("unknown-only").checked, at("no-hazards").checked];
    fitting = entries.filter(({ text, known, values }) =>
      words.every((word) => text.includes(word)) && !(unknown && known) && !(safe && values.at(-1)));
    show();
  };
  const clear = () => {
    at("search").value = "";
    at("unknown-only").checked = at("no-hazards").checked = false;
    filter();
  };
  const reveal = (entry) => {
    if (!fitting.includes(entry)) clear();
    const place = fitting.indexOf(entry);
    if (place >= state.limit) { state.limit = place + page; show(); }
    toggle(entry, true);
    entry.row.scrollIntoView({ block: "center" });
  };

  // ---- the address keeps sorting, search and open rows, so that a view can be sent to someone
  const remember = () => {
    const open = entries.filter((entry) => entry.open).map((entry) => entry.id);
    const parts = new URLSearchParams();
    if (state.column || state.down) parts.set("sort", keys[state.column] + (state.down ? ".desc" : ".asc"));
    if (at("search").value) parts.set("q", at("search").value);
    if (at("unknown-only").checked) parts.set("unknown", "1");
    if (at("no-hazards").checked) parts.set("safe", "1");
    if (open.length) parts.set("open", open.join(","));
    history.replaceState(null, "", `#${parts}`);
  };
  const recall = () => {
    const parts = new URLSearchParams(location.hash.slice(1));
    const [key, direction] = (parts.get("sort") || "rank.asc").split(".");
    at("search").value = parts.get("q") || "";
    at("unknown-only").checked = parts.has("unknown");
    at("no-hazards").checked = parts.has("safe");
    sort(Math.max(0, keys.indexOf(key)), direction === "desc");
    for (const id of (parts.get("open") || "").split(","))
      if (byId.has(id)) reveal(byId.get(id));
  };

  heads.forEach((head, column) => head.firstElementChild.addEventListener("click", () => {
    const first = head.dataset.first === "desc";
    sort(column, column === state.column ? !state.down : first);
    remember();
  }));
  at("sorting").addEventListener("change", (event) => {
    const column = Number(event.target.value);
    sort(column, heads[column].dataset.first === "desc");
    remember();
  });
  tbody.addEventListener("click", (event) => {
    const entry = byId.get(event.target.closest("tr")?.id.slice(2));
    if (!entry || event.target.closest("a, .inside-row")) return;
    if (!event.target.closest("button") && String(getSelection())) return;   // someone is selecting text
    toggle(entry);
    remember();
  });
  let waiting = 0;
  at("search").addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => { state.limit = page; filter(); remember(); }, 120);
  });
  for (const id of ["unknown-only", "no-hazards"])
    at(id).addEventListener("change", () => { state.limit = page; filter(); remember(); });
  at("next").addEventListener("click", () => { state.limit += page; show(); });
  at("rest").addEventListener("click", () => { state.limit = Infinity; show(); });
  at("clear").addEventListener("click", () => { clear(); remember(); at("search").focus(); });
  at("points")?.addEventListener("click", (event) => {
    const entry = byId.get(event.target.dataset.id);
    if (!entry) return;
    reveal(entry);
    remember();
    entry.row.querySelector("button.open").focus({ preventScroll: true });
  });
  at("controls").addEventListener("submit", (event) => event.preventDefault());
  addEventListener("hashchange", () => { if (location.hash !== "#ranking") recall(); });

  at("controls").hidden = false;
  for (const { row } of entries) {
    row.classList.remove("later");
    row.querySelector("button.open").disabled = false;
  }
  recall();
});
