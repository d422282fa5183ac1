addEventListener("DOMContentLoaded", () => {
  const D = readJson("data");
  const N = D.id.length;
  offerLater();
  if (!N) return;
  const table = at("table"), tbody = table.tBodies[0];
  const coded = (key, i) => D[key].values[D[key].codes[i]];
  const place = new Map(D.id.map((id, i) => [id, i]));
  const names = new Map(D.columns.map(([key, title, first, shown, unit]) => [key, { key, title, first, unit, shown: !!shown }]));
  const percent = (value) => (value === null ? null : value.toFixed(2));

  // ---- what a column sorts by: a number, or null where nothing is known
  const letters = new Intl.Collator("en", { numeric: true });
  const alphabetical = (texts) => {
    const order = [...new Set(texts)].sort(letters.compare);
    const number = new Map(order.map((text, n) => [text, text ? n : null]));
    return texts.map((text) => number.get(text));
  };
  const byCode = (key, text) => {
    const numbers = alphabetical(D[key].values.map(text));
    return D[key].codes.map((code) => numbers[code]);
  };
  const sorters = {
    formula: () => alphabetical(D.formula), icsd: () => alphabetical(D.icsd), id: () => alphabetical(D.id),
    system: () => byCode("system", (v) => v), pointgroup: () => byCode("pointgroup", (v) => v[0]),
    indicator: () => byCode("indicator", (v) => v[0]), status: () => byCode("status", (v) => v),
    call: () => D.call.codes.map((code) => { const [word, covered] = D.call.values[code]; return word ? 2 * ["topological", "abstain", "trivial"].indexOf(word) + (covered ? 0 : 1) : null; }),
    known: () => byCode("known", (v) => v), labels: () => byCode("labels", (v) => v.map((l) => l[2]).join(" ")),
    hazards: () => D.hazards.codes.map((code) => D.hazards.values[code].length),
  };
  const sortKeys = new Map();
  const sortKey = (key) => {
    if (!sortKeys.has(key)) sortKeys.set(key, (sorters[key] || (() => D[key]))());
    return sortKeys.get(key);
  };
  const orders = new Map();
  const ordered = (key, down) => {   // sorted once in each direction; equals by rank, unknown ones last
    const name = key + down;
    if (!orders.has(name)) {
      const values = sortKey(key), known = [], unknown = [];
      for (let i = 0; i < N; i += 1) (values[i] === null ? unknown : known).push(i);
      const numbers = Float64Array.from(values, (v) => v ?? 0);
      const sign = down ? -1 : 1;
      known.sort((a, b) => sign * (numbers[a] - numbers[b]) || a - b);
      orders.set(name, known.concat(unknown));
    }
    return orders.get(name);
  };
  let texts = null;
  const searchable = () => texts ??= D.id.map((id, i) => [D.formula[i], coded("symbol", i)[0], D.spacegroup[i],
    D.crystal[i], id, coded("system", i), coded("pointgroup", i)[0], coded("known", i), coded("status", i),
    ...coded("labels", i).map((label) => label[2])].join(" ").toLowerCase());

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
  const remarks = (title, kind, list) => list.length
    ? [make("div", { class: `remarks ${kind}` }, make("h3", {}, title), make("ul", {}, ...list.map((text) => make("li", {}, text))))]
    : [];
  const body = (d, i) => make("div", { class: "inside" },
    ...(D.page[i] ? [make("p", { class: "to-page" }, make("a", { href: `candidates/${D.id[i]}.html` }, "Structure, symmetry and all that is known: the page of this candidate"))]
      : [make("p", { class: "to-page hint" }, "Its page: ", make("code", {}, `discover report ${D.run} --candidate ${D.id[i]}`))]),
    make("div", { class: "saw" }, make("h3", {}, "What the model saw"),
      make("ol", { class: "tokens" }, ...d.tokens.map((token) => make("li", { class: `t-${token.kind}` },
        make("span", { class: "token-name" }, token.name),
        make("div", { class: "token-value" }, ...tokenBody[token.kind](token)))))),
    make("div", { class: "sections" },
      ...d.sections.map((section) => make("div", {}, make("h3", {}, section.title), factList(section.facts),
        ...section.text.map((text) => make("p", {}, text))))),
    make("div", { class: "foot" },
      ...remarks("Why the call may not hold", "hazards", d.doubts), ...remarks("Hazards", "hazards", d.hazards), ...remarks("Notes", "notes", d.notes),
      make("details", { class: "poscar" }, make("summary", {}, "Primitive cell as POSCAR"),
        make("pre", { tabindex: "0" }, d.poscar))));
  const blocks = new Map();
  const details = (i) => {   // unpack the block that holds this candidate
    const number = Math.floor(i / D.block);
    if (!blocks.has(number)) {
      const bytes = Uint8Array.from(atob(at(`block-${number}`).textContent), (c) => c.charCodeAt(0));
      blocks.set(number, new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"))).json());
    }
    return blocks.get(number).then((block) => block[i % D.block]);
  };

  // ---- one row
  const nothing = (words) => [make("span", { class: "none", "aria-hidden": "true" }, "–"), make("span", { class: "away" }, words)];
  const number = (value, digits) => (value === null ? nothing("unknown") : [value.toFixed(digits)]);
  const bar = (i) => {
    const [ti, tsm, p, u] = [D.ti[i], D.tsm[i], D.probability[i], D.uncertainty[i]].map((x) => 100 * x);
    return svg("svg", { viewBox: "0 0 100 10", preserveAspectRatio: "none", "aria-hidden": "true", focusable: "false" },
      svg("rect", { class: "track", y: 2, width: 100, height: 6 }),
      svg("rect", { class: "ti", y: 2, width: ti, height: 6 }),
      svg("rect", { class: "tsm", x: ti, y: 2, width: Math.min(tsm, 100 - ti), height: 6 }),
      svg("path", { class: "whisker", d: `M${Math.max(p - u, 0)} 5H${Math.min(p + u, 100)}` }));
  };
  const mixed = D.inversion.includes(0) && D.inversion.includes(1);
  const isMp = /^(?:mp|mvc)-[0-9]{1,10}$/;
  const cells = {
    rank: (i) => [make("button", { type: "button", class: "open", "aria-expanded": "false" },
      make("span", { class: "mark", "aria-hidden": "true" }), make("span", { class: "away" }, "Details of rank "), String(D.rank[i]))],
    formula: (i) => [D.page[i] ? make("a", { class: "formula", href: `candidates/${D.id[i]}.html` }, ...typeset(formulaRuns(D.formula[i])))
        : make("span", { class: "formula" }, ...typeset(formulaRuns(D.formula[i]))),
      isMp.test(D.crystal[i])
        ? make("a", { class: "id", href: `https://materialsproject.org/materials/${D.crystal[i]}`, rel: "noopener noreferrer", target: "_blank" }, D.crystal[i])
        : make("span", { class: "id" }, D.crystal[i])],
    spacegroup: (i) => [make("span", { class: "symbol" }, ...typeset(coded("symbol", i)[1])), " ",
      make("span", { class: "number" }, String(D.spacegroup[i])),
      ...(mixed && D.inversion[i] ? [" ", make("span", { class: "chip quiet", title: "has an inversion centre" }, "inversion")] : [])],
    probability: (i) => [make("div", { class: "share" }, make("span", { class: "value" }, percent(D.probability[i])), bar(i))],
    ti: (i) => number(D.ti[i], 2), tsm: (i) => number(D.tsm[i], 2), uncertainty: (i) => number(D.uncertainty[i], 2),
    benchmark: (i) => number(D.benchmark[i], 2), gap: (i) => number(D.gap[i], 2), hull: (i) => number(D.hull[i], 3),
    call: (i) => {
      const [word, covered, doubts] = coded("call", i);
      if (!word) return nothing("no call");
      const title = covered ? "" : doubts.join("; ") || "the error rate is not tested for such crystals";
      return [make("span", { class: `chip call ${word}`, ...(title ? { title } : {}) }, word + (covered ? "" : "?"),
        ...(title ? [make("span", { class: "away" }, `: ${title}`)] : []))];
    },
    predicted: (i) => (D.predicted[i] === null ? nothing("unknown") : [`${D.predicted[i].toFixed(2)} ± ${D.predictedspread[i].toFixed(2)}`]),
    metal: (i) => number(D.metal[i], 2),
    system: (i) => [coded("system", i)],
    pointgroup: (i) => [make("span", { class: "symbol" }, ...typeset(coded("pointgroup", i)[1]))],
    indicator: (i) => typeset(coded("indicator", i)[1]),
    atoms: (i) => [String(D.atoms[i])], electrons: (i) => [String(D.electrons[i])],
    status: (i) => (coded("status", i) ? [make("span", { class: "chip status" }, coded("status", i))] : nothing("none")),
    known: (i) => (coded("known", i) ? [make("span", { class: "chip topological" }, coded("known", i))] : nothing("not known")),
    labels: (i) => (coded("labels", i).length
      ? coded("labels", i).map(([source, title, label, kind]) => make("span", { class: `label ${kind}` }, make("abbr", { title }, source), ` ${label}`))
      : nothing("none")),
    hazards: (i) => {
      const found = coded("hazards", i);
      return found.length ? [make("span", { class: "chip hazard", title: found.join("; ") }, String(found.length),
        make("span", { class: "away" }, found.length === 1 ? " hazard" : " hazards"))] : nothing("none");
    },
    icsd: (i) => (D.icsd[i] ? [D.icsd[i]] : nothing("none")),
    id: (i) => [make("code", {}, D.id[i])],
  };
  const numeric = new Set(["rank", "ti", "tsm", "uncertainty", "benchmark", "gap", "predicted", "metal", "hull", "atoms", "electrons"]);
  const rows = new Map(), inside = new Map(), open = new Set();
  const row = (i) => {
    if (!rows.has(i)) {
      rows.set(i, make("tr", { id: `c-${D.id[i]}` }, ...visible().map(({ key, title }) =>
        make("td", { class: `c-${key}${numeric.has(key) ? " num" : ""}`, ...(["rank", "formula", "spacegroup", "probability"].includes(key) ? {} : { "data-name": title }) }, ...cells[key](i)))));
    }
    return rows.get(i);
  };
  const toggle = (i, wanted = !open.has(i)) => {
    const button = row(i).querySelector("button.open");
    if (wanted) open.add(i); else open.delete(i);
    button.setAttribute("aria-expanded", String(wanted));
    if (!inside.has(i)) {
      const into = make("td", { colspan: String(visible().length) });
      inside.set(i, make("tr", { class: "inside-row", id: `d-${D.id[i]}` }, into));
      button.setAttribute("aria-controls", `d-${D.id[i]}`);
      details(i).then((found) => into.replaceChildren(body(found, i)));
    }
    if (wanted) row(i).after(inside.get(i)); else inside.get(i).remove();
  };

  // ---- filters
  const field = (id) => at(id).value.trim();
  const known = new Set([...document.querySelectorAll("#periodic [data-element]")].map((g) => g.dataset.element));
  const wantedElements = () => field("f-elements").split(/[\s,;]+/).filter(Boolean).map((word) => {
    const without = /^[-−–!]/.test(word), bare = word.replace(/^[-−–!]/, "").toLowerCase();
    return [bare.charAt(0).toUpperCase() + bare.slice(1), without];
  });
  const wantedGroups = () => field("f-spacegroup").split(/[\s,;]+/).filter(Boolean).map((word) => {
    const range = word.match(/^(\d+)(?:[-–](\d+))?$/);
    return range ? { from: +range[1], to: +(range[2] ?? range[1]) } : { symbol: word.toLowerCase() };
  });
  const RANGES = ["probability", "uncertainty", "gap", "hull"];
  const FLAGS = { "f-new": (i) => !D.isknown[i], "f-safe": (i) => !coded("hazards", i).length,
    "f-called": (i) => coded("call", i)[0] === "topological", "f-covered": (i) => coded("call", i)[1],
    "f-undiagnosable": (i) => D.undiagnosable[i], "f-noinversion": (i) => !D.inversion[i] };
  const tests = () => {
    const list = [];
    const words = field("search").toLowerCase().split(/\s+/).filter(Boolean);
    if (words.length) { const all = searchable(); list.push((i) => words.every((word) => all[i].includes(word))); }
    const elements = wantedElements();
    at("f-elements").setAttribute("aria-invalid", String(elements.some(([symbol]) => !known.has(symbol))));
    if (elements.length) {
      const fits = D.elements.values.map((own) => elements.every(([symbol, without]) => own.includes(symbol) !== without));
      list.push((i) => fits[D.elements.codes[i]]);
    }
    const groups = wantedGroups();
    if (groups.length) list.push((i) => groups.some(({ from, to, symbol }) => symbol === undefined
      ? D.spacegroup[i] >= from && D.spacegroup[i] <= to : coded("symbol", i)[0].toLowerCase() === symbol));
    for (const key of RANGES) {
      const [low, high] = [field(`f-${key}-low`), field(`f-${key}-high`)];
      if (low !== "") list.push((i) => D[key][i] !== null && D[key][i] >= +low);
      if (high !== "") list.push((i) => D[key][i] !== null && D[key][i] <= +high);
    }
    for (const key of ["system", "status"]) {
      const chosen = at(`f-${key}`).value;
      if (chosen) list.push((i) => coded(key, i) === (chosen === "none" && key === "status" ? "" : chosen));
    }
    for (const [id, test] of Object.entries(FLAGS)) if (at(id).checked) list.push(test);
    return list;
  };

  // ---- sorting and showing: only the rows that are shown are in the document
  const state = { key: "rank", down: false, limit: D.size };
  const visible = () => [...names.values()].filter((column) => column.shown);
  let order = ordered("rank", false), fitting = order;
  const show = () => {
    const shown = fitting.slice(0, state.limit);
    tbody.replaceChildren(...shown.flatMap((i) => (open.has(i) ? [row(i), inside.get(i)] : [row(i)])));
    const left = fitting.length - shown.length;
    at("more").hidden = left === 0;
    at("next").textContent = `Show ${Math.min(D.size, left)} more`;
    at("rest").textContent = `Show all ${fitting.length.toLocaleString("en")}`;
    at("rest").hidden = left <= D.size || fitting.length > 2000;
    at("nothing").hidden = fitting.length > 0;
    table.hidden = fitting.length === 0;
    at("shown").textContent = fitting.length === N ? `${N.toLocaleString("en")} candidates`
      : `${fitting.length.toLocaleString("en")} of ${N.toLocaleString("en")} candidates`;
  };
  const heads = () => {
    const head = table.tHead.rows[0];
    head.replaceChildren(...visible().map(({ key, title }) => {
      const label = { uncertainty: "±", rank: "#" }[key];
      const text = label ? [make("span", { "aria-hidden": "true" }, label), make("span", { class: "away" }, key === "rank" ? "Rank" : "Uncertainty")]
        : title.startsWith("P(") ? [make("i", {}, "P"), title.slice(1)] : [title];
      const th = make("th", { scope: "col", class: `c-${key}`, "data-key": key }, make("button", { type: "button" }, ...text));
      if (key === state.key) th.setAttribute("aria-sort", state.down ? "descending" : "ascending");
      return th;
    }));
    at("sorting").value = state.key;
  };
  const sort = (key, down) => {
    Object.assign(state, { key, down, limit: D.size });
    order = ordered(key, down);
    heads();
    filter();
  };
  let drawn = null;
  const filter = () => {
    const list = tests();
    fitting = list.length ? order.filter((i) => list.every((test) => test(i))) : order;
    show();
    chips();
    const same = drawn && drawn.length === fitting.length && (list.length === 0);
    if (!same) { drawn = fitting; cancelAnimationFrame(drawing); drawing = requestAnimationFrame(() => setTimeout(draw, 0)); }
  };
  let drawing = 0;
  const chips = () => {
    const found = [];
    const chip = (text, undo) => found.push(make("button", { type: "button", class: "chip filter" }, text, make("span", { "aria-hidden": "true" }, " ×"), make("span", { class: "away" }, ", remove this filter")));
    const undo = [];
    const add = (text, action) => { chip(text); undo.push(action); };
    if (field("search")) add(`“${field("search")}”`, () => { at("search").value = ""; });
    if (field("f-spacegroup")) add(`space group ${field("f-spacegroup")}`, () => { at("f-spacegroup").value = ""; });
    if (field("f-elements")) add(`elements ${field("f-elements")}`, () => { at("f-elements").value = ""; });
    for (const key of RANGES) {
      const [low, high] = [field(`f-${key}-low`), field(`f-${key}-high`)];
      if (low || high) add(`${names.get(key).title} ${low || "…"} – ${high || "…"}`, () => { at(`f-${key}-low`).value = at(`f-${key}-high`).value = ""; });
    }
    for (const key of ["system", "status"]) if (at(`f-${key}`).value) add(`${at(`f-${key}`).value}`, () => { at(`f-${key}`).value = ""; });
    for (const id of Object.keys(FLAGS)) if (at(id).checked) add(at(id).parentElement.textContent.trim(), () => { at(id).checked = false; });
    found.forEach((button, n) => button.addEventListener("click", () => { undo[n](); changed(); }));
    at("active").replaceChildren(...found);
    at("active").hidden = !found.length;
    at("filters").firstElementChild.textContent = found.length ? `Filters (${found.length})` : "Filters";
  };
  const changed = () => { state.limit = D.size; filter(); remember(); histograms(); };
  const clear = () => {
    for (const input of at("controls").querySelectorAll("input, select"))
      if (input.id !== "sorting" && !input.dataset.column) { if (input.type === "checkbox") input.checked = false; else input.value = ""; }
  };

  // ---- pictures follow the filters
  const scatters = [...document.querySelectorAll("[data-scatter]")].map((box) => {
    const kind = box.dataset.scatter, s = D.scales[kind];
    const image = box.querySelector("svg"), tip = make("div", { class: "tip", hidden: "" });
    box.append(tip);
    const across = kind === "gap" ? D.gap : D.benchmark;
    const scaled = kind === "gap" ? (v) => Math.sqrt(Math.max(v, 0)) : (v) => v;
    const x = (i) => (across[i] === null ? 47 + 44 * ((D.rank[i] * 0.618034) % 1) : s.left + s.width * (scaled(across[i]) - s.low) / (s.high - s.low));
    const y = (i) => s.top + s.height * (1 - (D.probability[i] - s.floor) / (1 - s.floor));
    const there = (i) => kind === "gap" || across[i] !== null;
    return { kind, s, box, image, tip, x, y, there, across };
  });
  const draw = () => {
    for (const { kind, s, image, x, y, there } of scatters) {
      const d = { "ti": [], "tsm": [], "ti known": [], "tsm known": [] }, whiskers = [];
      for (const i of fitting) {
        if (!there(i)) continue;
        const [px, py] = [x(i).toFixed(1), y(i)];
        d[(D.ti[i] >= D.tsm[i] ? "ti" : "tsm") + (D.isknown[i] ? " known" : "")].push(`M${px} ${py.toFixed(1)}h0`);
        if (kind === "gap") {
          const p = D.probability[i], u = D.uncertainty[i];
          whiskers.push(`M${px} ${(py - s.height * Math.min(u, 1 - p)).toFixed(1)}V${(py + s.height * Math.min(u, p)).toFixed(1)}`);
        }
      }
      for (const [name, parts] of Object.entries(d))
        image.querySelector(name.includes(" ") ? `.dots.${name.replace(" ", ".")}` : `.dots.${name}:not(.known)`).setAttribute("d", parts.join(""));
      image.querySelector(".whiskers").setAttribute("d", whiskers.join(""));
    }
    const byCode = new Array(D.elements.values.length).fill(0);
    for (const i of fitting) byCode[D.elements.codes[i]] += 1;
    const counts = {};
    byCode.forEach((n, code) => { if (n) for (const symbol of D.elements.values[code]) counts[symbol] = (counts[symbol] || 0) + n; });
    const most = Math.max(1, ...Object.values(counts));
    const asked = new Map(wantedElements());
    for (const g of document.querySelectorAll("#periodic [data-element]")) {
      const symbol = g.dataset.element, n = counts[symbol] || 0, depth = Math.sqrt(n / most);
      g.setAttribute("class", `element${depth > 0.62 ? " deep" : ""}${n ? "" : " none"}${asked.has(symbol) ? (asked.get(symbol) ? " without" : " with") : ""}`);
      g.querySelector(".heat").setAttribute("fill-opacity", depth.toFixed(3));
      g.querySelector(".count").textContent = n || "";
      g.querySelector("title").textContent = `${symbol}: ${n}`;
    }
    at("most").textContent = most.toLocaleString("en").replaceAll(",", "\u2009");
    figures.get("elements").counts = counts;
  };
  const histograms = () => {
    if (!at("filters").open) return;
    for (const box of document.querySelectorAll("[data-bins]")) {
      const key = box.dataset.bins, values = D[key].filter((v) => v !== null);
      box.closest("fieldset").hidden = !values.length;
      if (!values.length) continue;
      const top = key === "probability" ? 1 : Math.max(...values) || 1, bins = new Array(32).fill(0);
      for (const v of values) bins[Math.min(31, Math.floor(32 * v / top))] += 1;
      const [low, high] = [field(`f-${key}-low`), field(`f-${key}-high`)].map((v) => (v === "" ? null : +v));
      const most = Math.max(...bins);
      box.replaceChildren(svg("svg", { viewBox: "0 0 320 40", preserveAspectRatio: "none", "aria-hidden": "true" }, ...bins.map((n, b) => {
        const from = top * b / 32, to = top * (b + 1) / 32, height = n ? Math.max(2, 38 * Math.sqrt(n / most)) : 0;
        return svg("rect", { class: (low !== null && to <= low) || (high !== null && from > high) ? "out" : "in", x: 10 * b + 1, y: 40 - height, width: 8.5, height });
      })), make("span", {}, "0"), make("span", {}, top.toLocaleString("en", { maximumSignificantDigits: 2 })));
    }
  };
  at("filters").addEventListener("toggle", histograms);

  const nearest = (scatter, event) => {
    const frame = scatter.image.getBoundingClientRect();
    const unit = scatter.image.viewBox.baseVal.width / frame.width;
    const [px, py] = [(event.clientX - frame.left) * unit, (event.clientY - frame.top) * unit];
    let best = -1, least = (12 * Math.max(unit, 1)) ** 2;
    for (const i of fitting) {
      if (!scatter.there(i)) continue;
      const distance = (scatter.x(i) - px) ** 2 + (scatter.y(i) - py) ** 2;
      if (distance < least) [best, least] = [i, distance];
    }
    return best;
  };
  for (const scatter of scatters) {
    const { box, image, tip } = scatter, ring = image.querySelector(".here");
    const leave = () => { tip.hidden = true; ring.setAttribute("r", 0); };
    image.addEventListener("pointermove", (event) => {
      const i = nearest(scatter, event);
      image.classList.toggle("pointing", i >= 0);
      if (i < 0) return leave();
      ring.setAttribute("r", 7); ring.setAttribute("cx", scatter.x(i)); ring.setAttribute("cy", scatter.y(i));
      tip.replaceChildren(make("span", { class: "formula" }, ...typeset(formulaRuns(D.formula[i]))), " ",
        make("span", { class: "symbol" }, ...typeset(coded("symbol", i)[1])),
        make("span", { class: "line" }, `#${D.rank[i]}   ${D.probability[i].toFixed(2)} ± ${D.uncertainty[i].toFixed(2)}` +
          (D.gap[i] === null ? "" : `   gap ${D.gap[i].toFixed(2)} eV`)));
      tip.hidden = false;
      const k = image.getBoundingClientRect().width / image.viewBox.baseVal.width;
      const right = scatter.x(i) * k > box.clientWidth / 2;
      tip.style.left = right ? "auto" : `${scatter.x(i) * k + 14}px`;
      tip.style.right = right ? `${box.clientWidth - scatter.x(i) * k + 14}px` : "auto";
      tip.style.top = `${Math.max(0, scatter.y(i) * k - 20)}px`;
    });
    image.addEventListener("pointerleave", leave);
    image.addEventListener("click", (event) => {
      const i = nearest(scatter, event);
      if (i < 0) return;
      reveal(i);
      remember();
      row(i).querySelector("button.open").focus({ preventScroll: true });
    });
  }
  at("periodic").addEventListener("click", (event) => {
    const symbol = event.target.closest("[data-element]")?.dataset.element;
    if (!symbol) return;
    const asked = new Map(wantedElements());
    if (!asked.has(symbol)) asked.set(symbol, false);
    else if (asked.get(symbol) === false) asked.set(symbol, true);
    else asked.delete(symbol);
    at("f-elements").value = [...asked].map(([s, without]) => (without ? `−${s}` : s)).join(", ");
    changed();
  });

  // ---- the address keeps the view, so that it can be sent to someone
  const FIELDS = { q: "search", sg: "f-spacegroup", el: "f-elements", system: "f-system", status: "f-status" };
  const SHORT = { unknown: "f-new", safe: "f-safe", called: "f-called", covered: "f-covered", undiagnosable: "f-undiagnosable", noinversion: "f-noinversion" };
  const standard = visible().map((column) => column.key).join(",");
  const remember = () => {
    const parts = new URLSearchParams();
    if (state.key !== "rank" || state.down) parts.set("sort", state.key + (state.down ? ".desc" : ".asc"));
    for (const [name, id] of Object.entries(FIELDS)) if (field(id)) parts.set(name, field(id));
    for (const key of RANGES) if (field(`f-${key}-low`) || field(`f-${key}-high`)) parts.set(key, `${field(`f-${key}-low`)}..${field(`f-${key}-high`)}`);
    for (const [name, id] of Object.entries(SHORT)) if (at(id).checked) parts.set(name, "1");
    const now = visible().map((column) => column.key).join(",");
    if (now !== standard) parts.set("columns", now);
    if (open.size) parts.set("open", [...open].map((i) => D.id[i]).join(","));
    history.replaceState(null, "", `#${parts}`);
  };
  const recall = () => {
    const parts = new URLSearchParams(location.hash.slice(1));
    clear();
    for (const [name, id] of Object.entries(FIELDS)) at(id).value = parts.get(name) || "";
    for (const key of RANGES) {
      const [low, high] = (parts.get(key) || "..").split("..");
      at(`f-${key}-low`).value = low; at(`f-${key}-high`).value = high || "";
    }
    for (const [name, id] of Object.entries(SHORT)) at(id).checked = parts.has(name);
    if (parts.has("columns")) choose(new Set(parts.get("columns").split(",")));
    const [key, direction] = (parts.get("sort") || "rank.asc").split(".");
    sort(names.has(key) ? key : "rank", direction === "desc");
    for (const id of (parts.get("open") || "").split(",")) if (place.has(id)) reveal(place.get(id));
  };
  const reveal = (i) => {
    if (!fitting.includes(i)) { clear(); filter(); }
    const where = fitting.indexOf(i);
    if (where >= state.limit) { state.limit = where + D.size; show(); }
    toggle(i, true);
    row(i).scrollIntoView({ block: "center" });
  };
  const choose = (keys) => {
    for (const column of names.values()) column.shown = keys.has(column.key) || column.key === "rank" || column.key === "formula";
    for (const box of at("columns").querySelectorAll("[data-column]")) box.checked = names.get(box.dataset.column).shown;
    rows.clear(); inside.clear();
    const were = [...open];
    open.clear();
    heads();
    for (const i of were) toggle(i, true);
  };

  // ---- what people do
  table.tHead.addEventListener("click", (event) => {
    const key = event.target.closest("th")?.dataset.key;
    if (!key) return;
    sort(key, key === state.key ? !state.down : names.get(key).first === "desc");
    table.tHead.querySelector(`[data-key="${key}"] button`).focus({ preventScroll: true });
    remember();
  });
  at("sorting").addEventListener("change", (event) => {
    sort(event.target.value, names.get(event.target.value).first === "desc");
    remember();
  });
  tbody.addEventListener("click", (event) => {
    const i = place.get(event.target.closest("tr")?.id.slice(2));
    if (i === undefined || event.target.closest("a, .inside-row")) return;
    if (!event.target.closest("button") && String(getSelection())) return;   // someone is selecting text
    toggle(i);
    remember();
  });
  let waiting = 0;
  at("controls").addEventListener("input", (event) => {
    if (event.target.id === "sorting") return;
    if (event.target.dataset.column) {
      choose(new Set([...at("columns").querySelectorAll(":checked")].map((box) => box.dataset.column)));
      show();
      return remember();
    }
    clearTimeout(waiting);
    waiting = setTimeout(changed, event.target.matches("[type=checkbox], select") ? 0 : 100);
  });
  at("controls").addEventListener("submit", (event) => event.preventDefault());
  at("next").addEventListener("click", () => { state.limit += D.size; show(); });
  at("rest").addEventListener("click", () => { state.limit = Infinity; show(); });
  at("clear").addEventListener("click", () => { clear(); changed(); at("search").focus(); });
  for (const menu of document.querySelectorAll("details.menu")) {
    document.addEventListener("pointerdown", (event) => { if (menu.open && !menu.contains(event.target)) menu.open = false; });
    menu.addEventListener("keydown", (event) => { if (event.key === "Escape") { menu.open = false; menu.firstElementChild.focus(); } });
  }
  addEventListener("hashchange", () => { if (location.hash !== "#ranking") recall(); });

  // ---- figures to take away
  const of = (keys) => [["id", "formula", ...keys], ...fitting.map((i) => [D.id[i], D.formula[i], ...keys.map((key) => D[key][i])])];
  figures.set("elements", { image: () => at("periodic"), rows() { return [["element", "candidates"], ...Object.entries(this.counts || {}).sort((a, b) => b[1] - a[1])]; } });
  for (const { kind, image } of scatters)
    figures.set(kind, { image: () => image, rows: () => of(["probability", "uncertainty", kind === "gap" ? "gap" : "benchmark", "ti", "tsm"]) });
  const flat = {
    symbol: (i) => coded("symbol", i)[0], pointgroup: (i) => coded("pointgroup", i)[0], indicator: (i) => coded("indicator", i)[0],
    labels: (i) => coded("labels", i).map((l) => `${l[0]}=${l[2]}`).join("; "), hazards: (i) => coded("hazards", i).join("; "),
    call: (i) => { const [word, covered, doubts] = coded("call", i); return word ? [word + (covered ? "" : "?"), ...doubts].join("; ") : ""; },
    known: (i) => coded("known", i), system: (i) => coded("system", i), status: (i) => coded("status", i),
  };
  figures.set("table", { rows: () => {
    const keys = ["id", "crystal", "symbol", ...D.columns.map((column) => column[0]).filter((key) => key !== "id")];
    const titles = keys.map((key) => (names.get(key)?.unit ? `${key} (${names.get(key).unit})` : key));
    return [titles, ...fitting.map((i) => keys.map((key) => (flat[key] ? flat[key](i) : D[key][i])))];
  } });

  const statuses = [...new Set(D.status.codes)].map((code) => D.status.values[code]).filter(Boolean).sort(letters.compare);
  at("f-status").append(...statuses.map((status) => make("option", {}, status)), ...(statuses.length ? [make("option", {}, "none")] : []));
  at("f-status").parentElement.hidden = !statuses.length;
  at("controls").hidden = false;
  recall();
  offerFigures(`run-${D.run}`.replace(/[^A-Za-z0-9-]/g, "_"));
  const chores = [searchable, ...visible().flatMap(({ key, first }) => [() => ordered(key, first === "desc"), () => ordered(key, first !== "desc")])];
  const idle = window.requestIdleCallback || ((work) => setTimeout(work, 20));
  const next = () => { chores.shift()(); if (chores.length) idle(next); };   // one at a time, so that nobody waits
  idle(next);
  performance.mark("ready");

  function offerLater() {
    const first = (selector) => document.querySelector(selector);
    figures.set("funnel", { image: () => first("svg.funnel"), rows: () => [["filter", "description", "on", "removed", "left"], ...D.funnel] });
    figures.set("calibration", { image: () => first(".model .plot"), rows: () => [["predicted", "observed", "crystals"], ...D.calibration] });
    if (!N) offerFigures("run");
  }
});
