// A textarea with line numbers, which marks the lines that have a fault and leads to them.

/** Number the lines of `textarea`; its faults stand in the element that describes it. */
export function number(textarea) {
  const gutter = textarea.previousElementSibling;
  const hint = document.getElementById(`${textarea.id}-hint`);

  function draw() {
    const faulty = new Set([...hint.querySelectorAll("[data-line]")].map((fault) => Number(fault.dataset.line)));
    const count = textarea.value.split("\n").length;
    const numbers = Array.from({ length: count }, (_, index) => `${index + 1}\n`);
    gutter.textContent = "";
    let from = 0;
    for (const line of [...faulty].sort((one, other) => one - other).filter((line) => line <= count)) {
      const mark = document.createElement("mark");
      mark.textContent = numbers[line - 1];
      gutter.append(numbers.slice(from, line - 1).join(""), mark);
      from = line;
    }
    gutter.append(numbers.slice(from).join(""));
    gutter.scrollTop = textarea.scrollTop;
  }

  hint.addEventListener("click", (click) => {
    const fault = click.target.closest("[data-line]");
    if (!fault || !click.target.closest("a")) return;
    click.preventDefault();
    const before = textarea.value.split("\n").slice(0, fault.dataset.line - 1);
    const place = before.join("\n").length + Math.min(before.length, 1) + Number(fault.dataset.column) - 1;
    textarea.focus();
    textarea.setSelectionRange(place, place);
  });
  textarea.addEventListener("input", draw);
  textarea.addEventListener("scroll", () => (gutter.scrollTop = textarea.scrollTop));
  new MutationObserver(draw).observe(hint, { childList: true });
  draw();
  return draw;
}
