// Publishes without leaving the page: what was typed stays, and the journey is drawn beside it.
import { number } from "./editor.js";
import { forget, keep } from "./kept.js";
import { follow } from "./live.js";
import { parse, renew } from "./parts.js";

const CHECK_MS = 300;
const EDITORS = ["data", "json"];
const FIELDS = ["type", "source", "subject", "key", ...EDITORS];
const form = document.getElementById("draft");
const message = document.getElementById("message");
const lost = document.getElementById("lost");
let leave = () => {};
let checking = 0;

async function post(address) {
  const answer = await fetch(address, { method: "POST", body: new URLSearchParams(new FormData(form)) });
  return [answer, parse(await answer.text())];
}

function showFaults(page, fields) {
  renew(page, ...fields.map((name) => `${name}-hint`));
  for (const name of fields) {
    const isFaulty = page.getElementById(name)?.hasAttribute("aria-invalid");
    if (isFaulty) form.elements[name].setAttribute("aria-invalid", "true");
    else form.elements[name].removeAttribute("aria-invalid");
  }
}

function showJourney(address, page) {
  leave();
  renew(page, "status", "notices", "journey");
  const live = page.querySelector("[data-live]");
  if (live) leave = follow(live.dataset.live);
  const link = document.getElementById("sent-link");
  link.hidden = false;
  link.firstElementChild.href = address;
  if (link.getBoundingClientRect().bottom > innerHeight) link.scrollIntoView({ block: "end" });
  // The next one is another event, even with the same content.
  form.elements.form_id.value = [...crypto.getRandomValues(new Uint32Array(4))].join("-");
  message.className = "";
  message.textContent = "";
}

function showFailure(page) {
  message.className = "alert";
  message.textContent = [...page.querySelectorAll(".failure :is(h1, h1 + p)")].map((text) => text.textContent).join(". ");
}

async function check(fields) {
  const [answer, page] = await post(form.dataset.check);
  if (!answer.ok) return;
  showFaults(page, fields);
  renew(page, "calls");
}

/** Check in the background. */
function look(fields) {
  check(fields).catch(() => (lost.hidden = false));
}

function showDraft(page) {
  for (const name of EDITORS) {
    const { value } = page.getElementById(name);
    if (form.elements[name].value !== value) form.elements[name].value = value;
  }
  showFaults(page, FIELDS);
  renew(page, "message", "calls");
  form.querySelector(":is(.as-fields, .as-json) [aria-invalid]")?.focus();
}

async function submit(address) {
  const [answer, page] = await post(address);
  if (answer.redirected) {
    showJourney(answer.url, page);
    look(FIELDS); // the event is published: nobody has to wait for it
  } else if (page.getElementById("draft")) showDraft(page);
  else showFailure(page);
  draws.forEach((draw) => draw());
  save();
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const button = event.submitter;
  if (button.ariaBusy === "true") return;
  clearTimeout(checking);
  button.ariaBusy = "true";
  try {
    await submit(button.formAction);
    lost.hidden = true;
  } catch {
    lost.hidden = false; // no answer: all that was typed is still there
  } finally {
    button.ariaBusy = "false";
  }
});

form.addEventListener("input", () => {
  clearTimeout(checking);
  checking = setTimeout(() => look(EDITORS), CHECK_MS);
});

for (const link of document.querySelectorAll(".menu a")) link.addEventListener("click", () => forget(link));
const save = keep(form);
const draws = EDITORS.map((name) => number(form.elements[name]));
