// The review: what keys and buttons do, and what is shown after it.
import { askAssignee, askName, askNote, askTags } from "./ask.js";
import { comparing, openCompare, redrawCompare, stepCompare } from "./compare.js";
import { desk, EMPTY, filtering, fromHash, known, learn, load, progress, refresh, state, STATUSES, step, targets, toHash } from "./desk.js";
import { draw, focusCurrent, hasFocus, reveal } from "./list.js";
import { age, announce, hideToast, showHistory, showPage, showStanding, toast } from "./show.js";
import { onWaiting, read, send, unsent } from "./talk.js";

const WORDS = { accepted: "Accepted", held: "Put on hold", rejected: "Rejected", open: "Opened again" };
const VERBS = { accepted: "Accept", held: "Hold", rejected: "Reject", open: "Open" };
const narrow = matchMedia("(max-width: 60rem)");
const me = () => localStorage.getItem("reviewer") || desk.session.reviewer;
const named = (ids) => (ids.length === 1
  ? typeset(desk.byId.get(ids[0])?.typeset || [["", ids[0]]]) : [`${ids.length} candidates`]);
const problem = (error) => toast([error.message], [], "wrong");

// ---- showing
const showProgress = () => {
  const counts = progress();
  const whole = desk.rows.length || 1;
  const judged = desk.rows.length - counts.open;
  let x = 0;
  for (const name of ["accepted", "held", "rejected"]) {
    const bar = document.querySelector(`#progress rect.${name}`);
    bar.setAttribute("x", x);
    bar.setAttribute("width", 1000 * counts[name] / whole);
    x += 1000 * counts[name] / whole;
  }
  at("progress-text").textContent = `${judged.toLocaleString("en")} of ${desk.rows.length.toLocaleString("en")} judged`;
  at("progress").title = `${counts.accepted} accepted, ${counts.held} on hold, ${counts.rejected} rejected`;
};
const showTabs = () => {
  if (!at("tabs").querySelector("label")) {
    at("tabs").append(...[...STATUSES, "all"].map((name) => {
      const radio = make("input", { type: "radio", name: "status", value: name });
      radio.addEventListener("change", () => { desk.status = name; refilter(); });
      const title = { held: "on hold" }[name] || name;
      return make("label", { class: name }, radio, make("span", { class: "tab" }, make("span", {}, title), make("span", { class: "n" })));
    }));
  }
  for (const radio of at("tabs").querySelectorAll("input")) {
    radio.checked = radio.value === desk.status;
    radio.parentElement.querySelector(".n").textContent = desk.counts[radio.value].toLocaleString("en");
  }
};
const options = (id, all, names, value) => {
  const select = at(id);
  const wanted = [["", all[0]], ...all.slice(1).map((one) => one), ...names.map((name) => [name, name])];
  if (value && !wanted.some(([key]) => key === value)) wanted.push([value, value]);
  select.replaceChildren(...wanted.map(([key, text]) => make("option", { value: key }, text)));
  select.value = value;
};
const showFilters = () => {
  const f = desk.filters;
  if (document.activeElement !== at("search")) at("search").value = f.text;
  for (const [id, key] of FIELDS) {
    const field = at(id);
    if (field.type === "checkbox") field.checked = f[key];
    else if (field !== document.activeElement && field.tagName !== "SELECT") field.value = f[key];
  }
  options("f-reviewer", ["anybody"], known((s) => [s.reviewer]), f.reviewer);
  options("f-assignee", ["anybody", ["\n", "nobody"]], known((s) => [s.assignee]), f.assignee);
  options("f-tag", ["any or none"], known((s) => s.tags), f.tag);
  const on = filtering();
  at("filters-on").textContent = on ? String(on) : "";
  at("filters").classList.toggle("on", on > 0);
};
const showEmpty = () => {
  at("empty").hidden = desk.shown.length > 0;
  at("list").hidden = desk.shown.length === 0;
  if (desk.shown.length) return;
  const button = (text, act) => { const b = make("button", { type: "button", class: "primary" }, text); b.addEventListener("click", act); return b; };
  const clear = button("Clear all filters", clearFilters);
  if (!desk.rows.length) {
    at("empty").replaceChildren(make("p", { class: "title" }, "No candidates yet"),
      make("p", {}, make("code", {}, "discover screen --db starter -o run"), " finds some; then load this page again."));
  } else if (!desk.counts.all) at("empty").replaceChildren(make("p", { class: "title" }, "Nothing fits these filters"), make("p", {}, clear));
  else if (desk.status === "open") {
    at("empty").replaceChildren(make("p", { class: "title" }, filtering() || desk.filters.text ? "All of these are judged" : "All judged"),
      make("p", {}, `${desk.counts.accepted} accepted, ${desk.counts.held} on hold, ${desk.counts.rejected} rejected.`),
      make("p", {}, desk.counts.held ? button("Look at those on hold", () => { desk.status = "held"; refilter(); }) : button("Show all", () => { desk.status = "all"; refilter(); })));
  } else at("empty").replaceChildren(make("p", { class: "title" }, `None ${{ held: "on hold" }[desk.status] || desk.status}`), make("p", {}, "Candidates come here as soon as somebody decides so."));
};
let last = null;   // what the right side shows
const showCurrent = () => {
  const id = desk.current;
  const s = id ? state(id) : null;
  showStanding(id, s);
  if (id !== last?.id) { showPage(id); showHistory(id); last = { id, version: s?.version }; prefetch(); }
  else if (id && s.version !== last.version) { showHistory(id); last.version = s.version; }
  for (const button of at("actions").querySelectorAll("[data-do]"))
    if (!["back", "undo"].includes(button.dataset.do)) button.disabled = !id && !desk.selected.size;
  for (const status of ["accepted", "held", "rejected"])
    at("actions").querySelector(`[data-do=${status}]`).setAttribute("aria-pressed", String(s?.status === status));
};
let soon = 0;
const prefetch = () => {
  clearTimeout(soon);
  soon = setTimeout(() => { const next = desk.shown[desk.place + 1]; if (next) showPage(next.id, true); }, 250);
};
const showSelection = () => {
  const n = desk.selected.size;
  at("bulk").hidden = n === 0;
  at("bulk-count").textContent = String(n);
  at("bulk-compare").hidden = n < 2 || n > desk.session.compared;
  const all = at("select-all");
  const here = desk.shown.filter((row) => desk.selected.has(row.id)).length;
  all.checked = here > 0 && here === desk.shown.length;
  all.indeterminate = here > 0 && here < desk.shown.length;
  all.disabled = !desk.shown.length;
};
const show = () => {
  refresh();
  showTabs();
  showFilters();
  showEmpty();
  showProgress();
  showSelection();
  const shown = desk.shown.length;
  at("shown").textContent = `${shown.toLocaleString("en")} ${shown === 1 ? "candidate" : "candidates"}${desk.cut ? ", the best of the run" : ""}`;
  draw();
  showCurrent();
  history.replaceState(history.state, "", toHash());
};
const move = (by) => {
  const focused = hasFocus();
  if (!step(by)) { toast([by > 0 ? "That was the last one." : "This is the first one."], [], "quiet"); return; }
  at("detail").scrollTop = 0;
  reveal();
  draw();
  showCurrent();
  if (focused) focusCurrent();
  history.replaceState(history.state, "", toHash());
  const row = desk.byId.get(desk.current);
  announce(`${row.formula}, ${desk.place + 1} of ${desk.shown.length}, ${state(row.id).status}`);
};
const refilter = () => {
  desk.keep.clear();
  show();
  at("scroller").scrollTop = 0;
  reveal();
  draw();
};
const clearFilters = () => {
  desk.filters = { ...EMPTY };
  at("search").value = "";
  for (const [id] of FIELDS) if (at(id).type !== "checkbox") at(id).value = "";
  refilter();
};

// ---- judging
const asSomebody = (act) => {
  if (me()) act();
  else askName("", (name) => { localStorage.setItem("reviewer", name); showName(); act(); });
};
const guess = (id, edit) => {   // how it will be, before the server says so; the version tells that it is a guess
  const s = state(id);
  const tags = [...new Set([...s.tags.filter((tag) => !(edit.untags || []).includes(tag)), ...(edit.tags || [])])];
  const decision = edit.status ? { status: edit.status, reviewer: me(), time: new Date().toISOString() } : {};
  desk.states.set(id, { ...s, ...decision, tags, notes: s.notes + (edit.note ? 1 : 0), assignee: edit.assignee ?? s.assignee });
};
const tellStale = (stale, edit) => {
  const ids = Object.keys(stale);
  const first = stale[ids[0]];
  for (const id of ids) desk.keep.add(id);
  if (ids.length === 1) desk.current = ids[0];
  const what = first.undoes ? "took a decision back" : `${WORDS[first.status]?.toLowerCase() || "changed"} it`;
  const text = ids.length === 1 ? [make("strong", {}, first.reviewer), ` ${what} ${age(first.time)}: `, ...named(ids), " was left as it is."]
    : [`${ids.length} were changed by others meanwhile and left as they are.`];
  toast(text, [[edit.status ? `${VERBS[edit.status]} anyway` : "Assign anyway", () => judge(ids, edit, "Done")]], "wrong");
};
const judge = (ids, edit, done) => asSomebody(() => {
  const before = new Map(ids.map((id) => [id, state(id)]));
  const seen = Object.fromEntries(ids.map((id) => [id, state(id).version]));
  const reviewer = me();
  for (const id of ids) guess(id, edit);
  for (const id of ids) desk.keep.delete(id);
  pending.set(seen, ids);
  send("/api/review", () => ({ reviewer, ids, seen, edit }), (outcome) => {
    pending.delete(seen);
    // What we wrote ourselves counts as seen by those of our edits that still wait.
    for (const one of outcome.written)
      for (const waiting of pending.keys()) if (waiting[one.id] === one.version - 1) waiting[one.id] = one.version;
    for (const [id, s] of Object.entries(outcome.states)) desk.states.set(id, s);
    if (Object.keys(outcome.stale).length) tellStale(outcome.stale, edit);
    show();
    redrawCompare(Object.keys(outcome.states));
  }, (error) => {
    pending.delete(seen);
    for (const [id, s] of before) if (state(id).version === s.version) desk.states.set(id, s);
    show();
    problem(error);
  });
  if (done) toast([`${done} `, ...named(ids)], [["Undo", undo, "u"]]);
});
const pending = new Map();   // seen versions of edits that are on their way → ids

const decide = (status) => asSomebody(() => {
  const ids = targets();
  if (!ids.length) return;
  const bulk = desk.selected.size > 0;
  const here = desk.current;
  judge(ids, { status }, WORDS[status]);
  if (bulk) clearSelection();
  const next = desk.shown[desk.place + 1];
  refresh();
  if (!bulk && desk.current === here && next) { desk.current = next.id; }   // it stays in the list: go on
  show();
  reveal();
  draw();
  if (!bulk) at("detail").scrollTop = 0;
});
const undo = () => asSomebody(() => {
  hideToast();
  const reviewer = me();
  send("/api/undo", () => ({ reviewer }), (outcome) => {
    for (const [id, s] of Object.entries(outcome.states)) desk.states.set(id, s);
    const ids = outcome.written.map((review) => review.id);
    if (ids.length === 1 && desk.byId.has(ids[0]) && !comparing()) desk.current = ids[0];
    show();
    reveal();
    draw();
    redrawCompare(ids);
    if (!ids.length) toast(["There is nothing of yours to take back."], [], "quiet");
    else if (ids.length === 1) toast(["Taken back. ", ...named(ids), ` is ${{ held: "on hold" }[state(ids[0]).status] || state(ids[0]).status} now.`]);
    else toast([`Taken back for ${ids.length} candidates.`]);
  }, problem);
});
const takeBack = (id, version) => asSomebody(() => {
  const reviewer = me();
  send("/api/take-back", () => ({ reviewer, id, version }), (outcome) => {
    for (const [one, s] of Object.entries(outcome.states)) desk.states.set(one, s);
    desk.keep.add(id);
    show();
    toast(["Taken back."], [["Undo", () => takeBack(id, state(id).version)]]);
  }, problem);
});
const clearSelection = () => { desk.selected.clear(); desk.anchor = null; };
const select = (id, through) => {
  if (through && desk.anchor) {
    const [a, b] = [desk.anchor, id].map((one) => desk.shown.findIndex((row) => row.id === one));
    if (a >= 0 && b >= 0) for (const row of desk.shown.slice(Math.min(a, b), Math.max(a, b) + 1)) desk.selected.add(row.id);
  } else if (desk.selected.has(id)) desk.selected.delete(id);
  else desk.selected.add(id);
  desk.anchor = id;
  showSelection();
  draw();
  showCurrent();
};

const COMMANDS = {
  accepted: () => decide("accepted"), held: () => decide("held"), rejected: () => decide("rejected"), open: () => decide("open"),
  undo, back: () => history.state?.detail ? history.back() : viewList(),
  note: () => { const ids = targets(); if (ids.length) askNote(named(ids), ids.length === 1 ? ids[0] : "many", (note) => judge(ids, { note }, "Noted on")); },
  tag: () => {
    const ids = targets();
    if (!ids.length) return;
    const common = new Set(state(ids[0]).tags.filter((tag) => ids.every((id) => state(id).tags.includes(tag))));
    askTags(named(ids), known((s) => s.tags), common, desk.session.classes, (tags, untags) => judge(ids, { tags, untags }, "Tagged"));
  },
  assign: () => {
    const ids = targets();
    if (!ids.length) return;
    const names = [...new Set([me(), ...known((s) => [s.reviewer, s.assignee])])].filter(Boolean);
    askAssignee(named(ids), names, ids.length === 1 ? state(ids[0]).assignee : "", (assignee) => judge(ids, { assignee }, assignee ? `Gave ${assignee}` : "Took from everybody"));
  },
  compare: () => {
    const ids = targets().slice(0, desk.session.compared);
    if (ids.length < 2) toast(["Select two to four with ", make("kbd", {}, "x"), ", then press ", make("kbd", {}, "c"), "."], [], "quiet");
    else openCompare(ids, (id, status) => judge([id], { status }, WORDS[status]), undo, problem);
  },
  clear: () => { clearSelection(); show(); },
};
const KEYS = {
  j: () => move(1), ArrowDown: () => move(1), k: () => move(-1), ArrowUp: () => move(-1),
  a: COMMANDS.accepted, h: COMMANDS.held, r: COMMANDS.rejected, o: COMMANDS.open, u: undo, n: COMMANDS.note, t: COMMANDS.tag,
  g: COMMANDS.assign, c: COMMANDS.compare, x: () => desk.current && select(desk.current), X: () => desk.current && select(desk.current, true),
  "/": () => { viewList(); at("search").focus(); at("search").select(); }, "?": () => at("keys").showModal(),
  f: () => { at("filters").open = true; at("f-elements").focus(); }, Escape: () => { hideToast(); at("export").open = false; COMMANDS.clear(); },
  Enter: () => viewDetail(),
};
[...STATUSES, "all"].forEach((name, i) => { KEYS[i + 1] = () => { desk.status = name; refilter(); }; });

const WRITING = "input:not([type=checkbox], [type=radio]), textarea, select";
document.addEventListener("keydown", (event) => {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.isComposing || !desk.session) return;
  if (comparing()) { stepCompare(event); return; }
  if (document.querySelector("dialog[open]")) return;
  if (event.target.matches?.(WRITING)) {
    if (event.key === "Escape" || (event.key === "Enter" && event.target.matches("input"))) { event.target.blur(); event.preventDefault(); }
    return;
  }
  if (event.target.matches?.("[type=radio]") && event.key.startsWith("Arrow")) return;
  if (event.key === "Enter" && event.target.matches?.("button, a, summary, [type=checkbox]")) return;
  const act = Object.hasOwn(KEYS, event.key) ? KEYS[event.key] : null;
  if (!act) return;
  event.preventDefault();
  act();
});
document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-do]");
  if (button && !button.disabled) COMMANDS[button.dataset.do]();
  if (!event.target.closest("#export")) at("export").open = false;
});

// ---- the list with a pointer, and one pane at a time on a phone
at("list").addEventListener("click", (event) => {
  const id = event.target.closest(".row")?.dataset.id;
  if (!id) return;
  if (event.target.closest(".pick")) {
    if (event.target.matches("input")) select(id, event.shiftKey);
    return;
  }
  if (event.shiftKey && desk.anchor) { select(id, true); return; }
  desk.current = id;
  at("detail").scrollTop = 0;
  show();
  viewDetail();
});
const viewList = () => { document.body.dataset.view = "list"; };
const viewDetail = () => {
  if (!desk.current) return;
  if (narrow.matches && document.body.dataset.view !== "detail") history.pushState({ detail: true }, "", location.href);
  document.body.dataset.view = "detail";
};
addEventListener("popstate", () => viewList());
at("select-all").addEventListener("change", (event) => {
  if (event.target.checked) for (const row of desk.shown) desk.selected.add(row.id);
  else clearSelection();
  show();
});
at("history").addEventListener("click", (event) => {
  const button = event.target.closest(".take-back");
  if (button && desk.current) takeBack(desk.current, Number(button.dataset.version));
});

// ---- filters
const FIELDS = [["f-elements", "elements"], ["f-groups", "groups"], ["f-low", "low"], ["f-high", "high"], ["f-reviewer", "reviewer"],
  ["f-assignee", "assignee"], ["f-tag", "tag"], ["f-new", "fresh"], ["f-safe", "safe"]];
for (const [id, key] of [["search", "text"], ...FIELDS]) {
  at(id).addEventListener("input", (event) => {
    desk.filters[key] = event.target.type === "checkbox" ? event.target.checked : event.target.value;
    refilter();
  });
}
at("f-clear").addEventListener("click", clearFilters);

// ---- names, runs, dialogs
const showName = () => { at("name-text").textContent = me() || "Who are you?"; };
at("name").addEventListener("click", () => askName(me(), (name) => { localStorage.setItem("reviewer", name); showName(); }));
at("help").addEventListener("click", () => at("keys").showModal());
at("keys-close").addEventListener("click", () => at("keys").close());
for (const dialog of document.querySelectorAll("dialog"))
  dialog.addEventListener("click", (event) => { if (event.target === dialog && dialog.id !== "ask") dialog.close(); });
onWaiting((n) => {
  at("banner").hidden = n === 0;
  at("banner").textContent = n ? `The server does not answer. ${n === 1 ? "One judgement waits" : `${n} judgements wait`} here and will be sent when it does; keep this page open.` : "";
});

const openRun = async (run, id) => {
  load(run, await read(`/api/queue${run ? `?run=${encodeURIComponent(run)}` : ""}`));
  desk.current = desk.byId.has(id) ? id : null;
  if (desk.current) desk.keep.add(desk.current);
  at("run").value = run || "";
  for (const form of ["csv", "json", "md", "bib"]) {
    const parts = new URLSearchParams(run ? { run } : {});
    if (form === "bib") parts.set("status", "accepted");
    at(`export-${form}`).href = `/export/decisions.${form}?${parts}`;
  }
  at("export-labels").href = `/export/labels.csv${run ? `?run=${encodeURIComponent(run)}` : ""}`;
  last = null;
  show();
  reveal();
  draw();
};
at("run").addEventListener("change", (event) => openRun(event.target.value || null, null).catch(problem));

// ---- others work at the same time
const look = async () => {
  if (document.hidden || !desk.session || unsent()) return;
  try {
    const { sequence, states } = await read(`/api/changes?since=${desk.sequence}`);
    if (sequence === desk.sequence) return;
    const replaced = sequence < desk.sequence;
    desk.sequence = sequence;
    if (replaced) { await openRun(desk.run, desk.current); return; }
    const before = desk.current && state(desk.current);
    const news = learn(states);
    if (!news.length) return;
    if (news.includes(desk.current)) {
      desk.keep.add(desk.current);
      const now = state(desk.current);
      if (now.status !== before.status && now.reviewer && now.reviewer !== me())
        toast([make("strong", {}, now.reviewer), ` ${WORDS[now.status].toLowerCase()} this just now.`], [], "quiet");
    }
    show();
    redrawCompare(news);
  } catch { /* the next look will tell */ }
};
setInterval(look, 2500);
addEventListener("focus", look);
document.addEventListener("visibilitychange", look);
addEventListener("hashchange", () => {
  const { run, id } = fromHash(location.hash);
  if (run !== null && run !== desk.run) openRun(run, id).catch(problem);
  else { if (desk.byId.has(id)) desk.current = id; show(); reveal(); draw(); }
});

const begin = async () => {
  desk.session = await read("/api/session");
  const { runs, first } = desk.session;
  const many = runs.reduce((sum, run) => sum + run.count, 0);
  at("run").replaceChildren(...runs.map((run) => make("option", { value: run.key }, `${run.database}, ${run.created.slice(0, 10)} (${run.count})`)),
    ...(runs.length > 1 ? [make("option", { value: "" }, `all runs (${many})`)] : []));
  at("run").hidden = !runs.length;
  showName();
  const { run, id } = fromHash(location.hash);
  const there = runs.some((one) => one.key === run);
  await openRun(there ? run : first, id);
  if (location.hash.includes("id=") && narrow.matches && id) viewDetail();
  document.body.dataset.ready = "1";
};
begin().catch((error) => { at("banner").textContent = error.message; at("banner").hidden = false; });
