for (const button of document.querySelectorAll("th button")) {
  button.addEventListener("click", () => {
    const head = button.closest("th"), table = head.closest("table"), body = table.tBodies[0];
    const down = head.getAttribute("aria-sort") === "descending";
    for (const other of table.querySelectorAll("th[aria-sort]")) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", down ? "ascending" : "descending");
    const key = row => row.cells[head.cellIndex].dataset.value;
    const order = (a, b) => {
      const x = key(a), y = key(b), text = isNaN(x) || isNaN(y);
      const sign = text ? x.localeCompare(y, "en", { numeric: true }) : x - y;
      return down ? sign : -sign;
    };
    body.append(...[...body.rows].sort(order));
  });
}
