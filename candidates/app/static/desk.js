// What lies on the desk: the candidates, where each stands, what is shown, what is selected. No document here.
export const STATUSES = ["open", "accepted", "held", "rejected"];
export const NEW = Object.freeze({
  version: 0, status: "open", reviewer: "", time: "", assignee: "", tags: [], notes: 0 });
export const EMPTY = Object.freeze({ text: "", elements: "", groups: "", low: "", high: "", reviewer: "",
  assignee: "", tag: "", fresh: false, safe: false });

export const desk = {
  session: null, run: null, rows: [], byId: new Map(), states: new Map(), sequence: 0, cut: false,
  status: "open", filters: { ...EMPTY }, shown: [], counts: {}, current: null, place: 0,
  selected: new Set(), anchor: null, keep: new Set(),
};
export const state = (id) => desk.states.get(id) || NEW;

const words = (text) => text.toLowerCase().split(/\s+/).filter(Boolean);
const ranges = (text) => [...text.matchAll(/(\d+)(?:\s*[-–]\s*(\d+))?/g)]
  .map(([, from, to]) => [Number(from), Number(to || from)]);
const elements = (text) => {
  const all = text.split(/[\s,]+/).filter(Boolean).map((word) => {
    const not = /^[-−!]/.test(word);
    const name = not ? word.slice(1) : word;
    return { not, name: name.charAt(0).toUpperCase() + name.slice(1).toLowerCase() };
  }).filter(({ name }) => name);
  return { yes: all.filter((e) => !e.not).map((e) => e.name), no: all.filter((e) => e.not).map((e) => e.name) };
};

const matcher = () => {
  const f = desk.filters;
  const [text, groups, { yes, no }] = [words(f.text), ranges(f.groups), elements(f.elements)];
  const low = f.low === "" ? -Infinity : Number(f.low);
  const high = f.high === "" ? Infinity : Number(f.high);
  return (row) => {
    const s = state(row.id);
    if (row.p < low || row.p > high) return false;
    if (f.fresh && row.known) return false;
    if (f.safe && row.hazards) return false;
    if (groups.length && !groups.some(([from, to]) => row.group >= from && row.group <= to)) return false;
    if (yes.some((e) => !row.elements.includes(e)) || no.some((e) => row.elements.includes(e))) return false;
    if (f.reviewer && s.reviewer !== f.reviewer) return false;
    if (f.assignee && (f.assignee === "\n" ? s.assignee : s.assignee !== f.assignee)) return false;
    if (f.tag && !s.tags.includes(f.tag)) return false;
    if (!text.length) return true;
    const said = `${row.search} ${s.tags.join(" ")} ${s.assignee}`.toLowerCase();
    return text.every((word) => said.includes(word));
  };
};

export const filtering = () => Object.keys(EMPTY).filter((key) => key !== "text" && desk.filters[key] !== EMPTY[key]).length;

// Work out what is shown. The current candidate stays; where it does not fit any more, its place does.
export const refresh = () => {
  const fits = matcher();
  const counts = { open: 0, accepted: 0, held: 0, rejected: 0, all: 0 };
  const shown = [];
  for (const row of desk.rows) {
    const fitting = fits(row);
    const { status } = state(row.id);
    if (fitting) { counts[status] += 1; counts.all += 1; }
    if ((fitting && (desk.status === "all" || status === desk.status)) || desk.keep.has(row.id)) shown.push(row);
  }
  Object.assign(desk, { shown, counts });
  const at = shown.findIndex((row) => row.id === desk.current);
  desk.place = at >= 0 ? at : Math.max(0, Math.min(desk.place, shown.length - 1));
  desk.current = shown.length ? shown[desk.place].id : null;
};

export const progress = () => {
  const counts = { accepted: 0, held: 0, rejected: 0, open: 0 };
  for (const row of desk.rows) counts[state(row.id).status] += 1;
  return counts;
};

export const load = (run, { rows, states, sequence, limit }) => {
  for (const row of rows) {
    const symbol = row.symbol.map(([kind, text]) => (kind === "bar" ? "-" : kind === "sub" ? "_" : "") + text).join("");
    row.search = `${row.formula} ${symbol} ${symbol.replaceAll("_", "")} ${row.group} ${row.crystal} ${row.id}`;
  }
  Object.assign(desk, { run, rows, sequence, cut: rows.length >= limit, byId: new Map(rows.map((r) => [r.id, r])),
    states: new Map(Object.entries(states)), place: 0, anchor: null });
  desk.selected.clear();
  desk.keep.clear();
};

// Take in states from the server; returns the ids whose state is news. What is older than ours is not.
export const learn = (states) => Object.entries(states).filter(([id, s]) => {
  if (!desk.byId.has(id) || s.version <= state(id).version) return false;
  desk.states.set(id, s);
  return true;
}).map(([id]) => id);

export const step = (by) => {
  const place = Math.max(0, Math.min(desk.shown.length - 1, desk.place + by));
  if (place === desk.place) return false;
  desk.place = place;
  desk.current = desk.shown[place].id;
  return true;
};

// What a key acts on: the selected ones, or else the current one.
export const targets = () => {
  if (desk.selected.size) return desk.rows.filter((row) => desk.selected.has(row.id)).map((row) => row.id);
  return desk.current ? [desk.current] : [];
};
export const known = (of) => {
  const found = new Set();
  for (const s of desk.states.values()) for (const one of of(s)) if (one) found.add(one);
  return [...found].sort((a, b) => a.localeCompare(b));
};

// ---- the address keeps the view, so that a reload or a colleague finds it again
export const toHash = () => {
  const parts = new URLSearchParams();
  if (desk.run) parts.set("run", desk.run);
  if (desk.status !== "open") parts.set("status", desk.status);
  for (const [key, value] of Object.entries(desk.filters)) if (value !== EMPTY[key]) parts.set(key, value === true ? "1" : value);
  if (desk.current) parts.set("id", desk.current);
  return `#${parts}`;
};
export const fromHash = (hash) => {
  const parts = new URLSearchParams(hash.slice(1));
  desk.status = [...STATUSES, "all"].includes(parts.get("status")) ? parts.get("status") : "open";
  desk.filters = Object.fromEntries(Object.entries(EMPTY).map(([key, nothing]) =>
    [key, typeof nothing === "boolean" ? parts.has(key) : parts.get(key) ?? nothing]));
  return { run: parts.get("run"), id: parts.get("id") };
};
