// What is typed into a form outlives a reload, and the way to another page and back, in this tab.

/** Keep the fields of `form`, and put back what was typed into them before; the answer keeps them at once. */
export function keep(form) {
  const name = `typed:${location.pathname}${location.search}`;
  const kept = JSON.parse(sessionStorage.getItem(name) ?? "[]");
  const save = () => {
    const typed = [...new FormData(form)].filter(([, value]) => typeof value === "string");
    sessionStorage.setItem(name, JSON.stringify(typed));
  };

  for (const [field, value] of kept) if (form.elements[field]) form.elements[field].value = value;
  if (kept.length) form.dispatchEvent(new Event("input"));
  form.addEventListener("input", save);
  return save;
}

/** Forget what was typed at the address of `link`: it is opened afresh. */
export function forget(link) {
  sessionStorage.removeItem(`typed:${link.pathname}${link.search}`);
}
