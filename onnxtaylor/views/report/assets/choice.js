/* The choice of response and events, and what paper needs. */
"use strict";
(() => {
  const {byId, chosen, compare, data, draw, firsts, nameViews, paintMatrix, rows, state, table} =
    report;

  function show() {
    for (const node of document.querySelectorAll("h2 .chosen")) node.textContent = chosen();
    table.clear().rows.add(rows()).draw();
    draw();
    paintMatrix();
    nameViews();
    if (firsts.length) compare();
  }

  for (const id of ["output", "group"]) {
    byId(id).addEventListener("change", (event) => {
      state[id] = +event.target.value;
      show();
      byId("chosen").textContent = `Showing ${chosen()}`;
    });
  }
  byId("view").addEventListener("change", compare);
  byId("compare").hidden = !firsts.length;
  if (data.matrix) {
    report.buildMatrix();
    report.sizeMatrix();
    addEventListener("resize", report.sizeMatrix);
  }
  show();

  // on paper: a page of rows, and nothing folded away
  let before = null;
  addEventListener("beforeprint", () => {
    before = {
      length: table.page.len(),
      folded: [...document.querySelectorAll("details:not([open])")],
    };
    table.page.len(35).draw();
    before.folded.forEach((node) => {
      node.open = true;
    });
  });
  addEventListener("afterprint", () => {
    if (!before) return;
    table.page.len(before.length).draw();
    before.folded.forEach((node) => {
      node.open = false;
    });
    before = null;
  });
})();
