// Times in the reader's zone; the server's text, in UTC, stays as the title.
const language = document.documentElement.lang;
const format = new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "medium" });
const [hour, minute, second] = Array(3).fill("2-digit");
const clock = new Intl.DateTimeFormat(language, { hour, minute, second, fractionalSecondDigits: 3 });

/** Show the times within `root` in the reader's zone. */
export function localize(root) {
  for (const time of root.querySelectorAll("time.moment:not([title])")) {
    time.title = time.textContent.trim();
    time.textContent = format.format(new Date(time.dateTime));
  }
  for (const text of root.querySelectorAll("text[data-moment]")) {
    text.textContent = clock.format(new Date(text.dataset.moment));
  }
}
