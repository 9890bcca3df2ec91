// What every page has: times in the reader's zone, and buttons that copy.
import { localize } from "./times.js";

localize(document);

// One listener for all: the parts of a page come and go.
document.addEventListener("click", async (click) => {
  const button = click.target.closest("[data-copy]");
  if (!button) return;
  await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent);
  button.dataset.copied = "";
  setTimeout(() => delete button.dataset.copied, 2000);
});
