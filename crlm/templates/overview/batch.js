const table = document.querySelector("table");
const body = table.tBodies[0];
const heads = [...table.tHead.rows[0].cells];
const search = document.getElementById("search");
const boxes = [...document.querySelectorAll("select[data-column]")];

function key(row, column) {
  const cell = row.cells[column];
  return cell.dataset.sort === undefined ? cell.textContent : cell.dataset.sort;
}

function order(a, b) {
  if (a === "" || b === "") return (a === "") - (b === "");
  const x = Number(a), y = Number(b);
  return Number.isNaN(x) || Number.isNaN(y) ? a.localeCompare(b) : x - y;
}

heads.forEach((head, column) => head.querySelector("button").addEventListener("click", () => {
  const down = head.getAttribute("aria-sort") === "ascending";
  heads.forEach(other => other.removeAttribute("aria-sort"));
  head.setAttribute("aria-sort", down ? "descending" : "ascending");
  const rows = [...body.rows].sort((r, s) => {
    const a = key(r, column), b = key(s, column);
    return (down && a !== "" && b !== "" ? -1 : 1) * order(a, b);
  });
  body.append(...rows);
}));

function filter() {
  const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
  let shown = 0;
  for (const row of body.rows) {
    const text = row.textContent.toLowerCase();
    row.hidden = !words.every(word => text.includes(word)) || !boxes.every(box => {
      const column = heads.findIndex(head => head.dataset.name === box.dataset.column);
      return box.value === "" || row.cells[column].textContent === box.value;
    });
    shown += !row.hidden;
  }
  document.getElementById("count").textContent = `${shown} of ${body.rows.length} runs`;
}

search.addEventListener("input", filter);
boxes.forEach(box => box.addEventListener("change", filter));
filter();

window.addEventListener("beforeprint", () => {
  document.querySelectorAll("details").forEach(one => { one.open = true; });
});
