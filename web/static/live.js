// Follows one event: the server sends the page's changing parts as it renders them itself.

const event = document.querySelector("[data-live]");

function show(html) {
  const sent = new DOMParser().parseFromString(html, "text/html");
  for (const part of sent.body.children) {
    const shown = document.getElementById(part.id);
    shown.replaceChildren(...part.childNodes);
    Object.assign(shown.dataset, part.dataset);
  }
}

if (event) {
  const stream = new EventSource(event.dataset.live);
  const stop = () => {
    stream.close();
    const complete = document.querySelector("#status[data-state=complete]");
    document.getElementById("ended").hidden = Boolean(complete);
  };
  stream.addEventListener("sighting", (message) => show(message.data));
  stream.addEventListener("end", stop);
  // A stream that broke connects again by itself; one that was refused does not.
  stream.addEventListener("error", () => stream.readyState === EventSource.CLOSED && stop());
  // A page in the back-forward cache must not hold a connection.
  addEventListener("pagehide", () => stream.close());
}
