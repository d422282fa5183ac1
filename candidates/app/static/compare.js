// Up to four candidates side by side.
import { state } from "./desk.js";
import { read } from "./talk.js";

const dialog = at("comparing");
let ids = [];
let place = 0;
let judge = () => {};
let takeBack = () => {};

export const comparing = () => dialog.open;

const mark = () => {
  for (const cell of dialog.querySelectorAll(".compare-table tr > *"))
    cell.classList.toggle("here", cell.cellIndex === place + 1 && cell.colSpan === 1);
  dialog.querySelectorAll("thead th")[place]?.scrollIntoView({ block: "nearest", inline: "nearest" });
};
export const redrawCompare = (changed) => {
  if (!dialog.open) return;
  for (const badge of dialog.querySelectorAll("[data-badge]")) {
    if (!changed.includes(badge.dataset.badge)) continue;
    const { status } = state(badge.dataset.badge);
    badge.className = `badge ${status}`;
    badge.textContent = { held: "on hold" }[status] || status;
  }
};
export const openCompare = async (chosen, onJudge, onUndo, problem) => {
  try {
    const html = await read(`/compare?${new URLSearchParams(chosen.map((id) => ["id", id]))}`);
    [ids, place, judge, takeBack] = [chosen, 0, onJudge, onUndo];
    at("comparing-body").innerHTML = html;
    if (!dialog.open) dialog.showModal();
    redrawCompare(ids);
    mark();
    at("comparing-body").focus();
  } catch (error) { problem(error); }
};
const decide = (id, status) => { judge(id, status); redrawCompare([id]); };
const STEPS = { ArrowRight: 1, l: 1, j: 1, ArrowLeft: -1, k: -1 };
const DECISIONS = { a: "accepted", h: "held", r: "rejected", o: "open" };
export const stepCompare = (event) => {
  if (Object.hasOwn(STEPS, event.key)) { place = Math.max(0, Math.min(ids.length - 1, place + STEPS[event.key])); mark(); }
  else if (Object.hasOwn(DECISIONS, event.key)) decide(ids[place], DECISIONS[event.key]);
  else if (event.key === "u") takeBack();
  else return;
  event.preventDefault();
};
dialog.addEventListener("click", (event) => {
  const button = event.target.closest("[data-judge]");
  if (button) decide(button.dataset.id, button.dataset.judge);
  const column = event.target.closest("thead [data-id]");
  if (column) { place = ids.indexOf(column.dataset.id); mark(); }
});
at("comparing-close").addEventListener("click", () => dialog.close());
