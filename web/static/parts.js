// Parts of a page, renewed: the server renders them, and each takes the place of the one with its id.
import { localize } from "./times.js";

const last = new WeakMap();

/** Renew the elements of the page that `sent`, a document or an element, has too. */
export function renew(sent, ...ids) {
  for (const id of ids) {
    const part = sent.querySelector(`#${id}`);
    const shown = document.getElementById(id);
    // What has not changed stays: with it stay the focus and the selection in it.
    if (!part || !shown || last.get(shown) === part.outerHTML) continue;
    last.set(shown, part.outerHTML);
    shown.replaceChildren(...[...part.childNodes].map((node) => document.importNode(node, true)));
    for (const { name, value } of part.attributes) shown.setAttribute(name, value);
    for (const name of shown.getAttributeNames()) if (!part.hasAttribute(name)) shown.removeAttribute(name);
    localize(shown);
  }
}

/** The page that is written in `html`. */
export function parse(html) {
  return new DOMParser().parseFromString(html, "text/html");
}
