// Keeps a page live: the server sends its parts anew whenever they change.
import { parse, renew } from "./parts.js";

const RETRY_MS = 5000;
const lost = document.getElementById("lost");

/** Follow the parts that `address` tells of until their end; the answer leaves them before. */
export function follow(address) {
  let stream;
  let again;

  function open() {
    stream = new EventSource(address);
    stream.addEventListener("open", () => (lost.hidden = true));
    stream.addEventListener("parts", ({ data }) => {
      const sent = parse(data);
      renew(sent, ...[...sent.body.children].map((part) => part.id));
    });
    stream.addEventListener("end", leave);
    // A stream that broke connects again by itself; one that was refused does not.
    stream.addEventListener("error", () => {
      lost.hidden = false;
      if (stream.readyState === EventSource.CLOSED) again = setTimeout(open, RETRY_MS);
    });
  }

  // A page that nobody sees, or that is in the back-forward cache, holds no connection.
  function turn() {
    close();
    if (!document.hidden) open();
  }

  function close() {
    clearTimeout(again);
    stream?.close();
  }

  function leave() {
    close();
    document.removeEventListener("visibilitychange", turn);
  }

  document.addEventListener("visibilitychange", turn);
  turn();
  return leave;
}

for (const element of document.querySelectorAll("[data-live]")) follow(element.dataset.live);
