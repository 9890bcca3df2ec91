// Publishes lines piece by piece, however many they are, and shows how far it is.
import { number } from "./editor.js";
import { keep } from "./kept.js";
import { parse } from "./parts.js";

const MOST_LINES = 50;
const MOST_CHARACTERS = 200_000;
const MOST_ROWS = 1000;
const RETRY_MS = 2000;
const form = document.getElementById("many");
const file = document.getElementById("file");
const report = document.getElementById("report");
const results = document.getElementById("results");
const progress = document.getElementById("progress");
const stop = document.getElementById("stop");
const lost = document.getElementById("lost");
const tally = document.getElementById("tally");
const { format } = new Intl.NumberFormat(document.documentElement.lang);

/** The lines in pieces that one request may hold: `[number of the first line, lines]`. */
function* pieces(lines) {
  let first = 0;
  let size = 0;
  for (let at = 0; at < lines.length; at += 1) {
    if (at > first && (at - first === MOST_LINES || size + lines[at].length > MOST_CHARACTERS)) {
      yield [first + 1, lines.slice(first, at)];
      [first, size] = [at, 0];
    }
    size += lines[at].length;
  }
  yield [first + 1, lines.slice(first)];
}

async function send(first, lines) {
  const body = new URLSearchParams({ form_id: form.elements.form_id.value, first, lines: lines.join("\n") });
  const answer = await fetch(form.action, { method: "POST", body });
  const page = parse(await answer.text());
  if (!page.getElementById("results")) throw new Error(`answered ${answer.status}`);
  return page;
}

/**
 * Send a piece until it is answered and taken, or `isStopped()`; the rows of its lines, and what is left of them.
 * What was accepted is not sent again: it would come after those of its key that were sent behind it.
 */
async function deliver(first, lines, isStopped) {
  const rows = new Map();
  let left = lines;
  while (!isStopped()) {
    const page = await send(first, left).catch(() => null);
    lost.hidden = Boolean(page);
    if (page) {
      for (const row of page.querySelectorAll("#results tr")) rows.set(row.querySelector(".number").textContent, row);
      // The page's own form holds what is left of the piece: nothing before its first line.
      left = page.getElementById("lines").value.split("\n");
      if (!page.querySelector("#results [data-state=unsent]")) break;
    }
    await new Promise((resume) => setTimeout(resume, RETRY_MS));
  }
  return { rows: [...rows.values()], left };
}

function show(rows) {
  results.append(...rows.map((row) => document.importNode(row, true)));
  // The last ones are enough to see how it goes, and those that need a hand stay.
  while (results.childElementCount > MOST_ROWS) {
    (results.querySelector("[data-state=accepted]") ?? results.firstElementChild).remove();
  }
}

/** Publish the lines of `text`; what is left of them, each at its place. */
async function publish(text) {
  const lines = text.replace(/\r\n/g, "\n").split("\n");
  const left = [...lines];
  let [accepted, done, stopped] = [0, 0, false];
  report.hidden = stop.hidden = false;
  results.replaceChildren();
  Object.assign(progress, { max: lines.length, value: 0 });
  stop.onclick = () => (stopped = true);
  for (const [first, piece] of pieces(lines)) {
    if (stopped) break;
    const { rows, left: rest } = await deliver(first, piece, () => stopped);
    accepted += rows.filter((row) => row.dataset.state === "accepted").length;
    done += rows.length;
    show(rows);
    left.splice(first - 1, piece.length, ...piece.map((_, at) => rest[at] ?? ""));
    progress.value = first - 1 + piece.length;
    tally.textContent = tally.dataset.text.replace("{accepted}", format(accepted)).replace("{all}", format(done));
  }
  stop.hidden = true;
  return left.some((line) => line.trim()) ? left.join("\n").trimEnd() : "";
}

async function run(button, text) {
  if (button.ariaBusy === "true") return;
  button.ariaBusy = "true";
  const { lines, form_id } = form.elements;
  lines.value = await publish(text);
  // Only with nothing left is what comes next something else.
  if (!lines.value) form_id.value = [...crypto.getRandomValues(new Uint32Array(4))].join("-");
  button.ariaBusy = "false";
  draw();
  save();
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  run(event.submitter, form.elements.lines.value);
});
document.getElementById("file-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  const { submitter } = event;
  run(submitter, await file.files[0].text());
});

const save = keep(form);
const draw = number(form.elements.lines);
