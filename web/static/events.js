// The list goes on as the reader comes to its end, and its filters are in the reader's zone.
import { parse, renew } from "./parts.js";
import { localize } from "./times.js";

const rows = document.getElementById("rows");
const pages = document.getElementById("pages");
const filters = document.getElementById("filters");
const lost = document.getElementById("lost");

async function more(link) {
  link.ariaBusy = "true";
  try {
    const answer = await fetch(link.href);
    const page = parse(await answer.text());
    if (!answer.ok) throw new Error(`answered ${answer.status}`);
    const older = [...page.querySelectorAll("#rows > tr")].map((row) => document.importNode(row, true));
    rows.append(...older);
    localize(rows);
    if (page.getElementById("pages")) renew(page, "pages");
    else pages.replaceChildren();
    lost.hidden = true;
    watch();
  } catch {
    lost.hidden = false; // the link stays, to be followed by hand
    link.ariaBusy = "false";
  }
}

function watch() {
  const link = rows && pages?.querySelector("[rel=next]");
  if (!link) return;
  new IntersectionObserver(([entry], observer) => {
    if (!entry.isIntersecting) return;
    observer.disconnect();
    more(link);
  }, { rootMargin: "400px" }).observe(link);
}

/** A moment as a `datetime-local` field has it, in the reader's zone. */
function local(moment) {
  const at = new Date(moment);
  return new Date(at - at.getTimezoneOffset() * 60_000).toISOString().slice(0, 19);
}

for (const field of filters.querySelectorAll("[type=datetime-local]")) {
  const label = filters.querySelector(`[for=${field.id}]`);
  label.textContent = label.dataset.local;
  if (field.value) field.value = local(`${field.value}Z`);
  field.dataset.shown = field.value;
}
filters.addEventListener("formdata", ({ formData }) => {
  for (const name of ["from", "to"]) {
    const exact = formData.get(`${name}_exact`);
    formData.delete(`${name}_exact`);
    if (!formData.get(name)) continue;
    // A field shows seconds, and an hour that a clock repeats or skips in no way that leads back.
    const isUnchanged = exact && formData.get(name) === filters.elements[name].dataset.shown;
    formData.set(name, isUnchanged ? exact : new Date(formData.get(name)).toISOString());
  }
  // An address says what was asked for and nothing else.
  for (const [name, value] of [...formData]) if (!value) formData.delete(name);
});
watch();
