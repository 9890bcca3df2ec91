// Keeps an element live: the server sends its parts anew whenever they change.
import { parse, renew } from "./parts.js";

const RETRY_MS = 5000;
const lost = document.getElementById("lost");

/** Follow the parts that the address in `data-live` of `element` tells of, until their end. */
export function follow(element) {
  const address = element.dataset.live;
  let stream = null;

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
      if (stream.readyState === EventSource.CLOSED) setTimeout(resume, RETRY_MS);
    });
  }

  function resume() {
    const isOver = element.dataset.live !== address;
    if (!isOver && !document.hidden && stream?.readyState !== EventSource.OPEN) open();
  }

  function leave() {
    stream.close();
    delete element.dataset.live;
    document.removeEventListener("visibilitychange", turn);
  }

  // A page that nobody sees, or that is in the back-forward cache, holds no connection.
  function turn() {
    if (document.hidden) stream.close();
    else resume();
  }

  document.addEventListener("visibilitychange", turn);
  open();
}

for (const element of document.querySelectorAll("[data-live]")) follow(element);
