/* The matrix: a table whose cells have colours, and values for keys, pointers and readers. */
"use strict";
(() => {
  const {axis, block, byId, data, element, interval, label, mean, number, relation, relations, short} =
    report;
  const places = new Map(data.alphas.map((alpha, k) => [`${alpha.join()}/${relation(k)}`, k]));
  // pairs of the same object first, where they are told apart
  let shown = data.relations ? 1 : 0;
  const placeOf = ([i, j]) => places.get(j === undefined ? `${i}/0` : `${i},${j}/${shown}`);
  let cells = [];
  let here = [0, 0];

  function buildMatrix() {
    const grid = element("table", {role: "grid", "aria-label": "Matrix of pairs"});
    const head = grid.createTHead().insertRow();
    head.append(element("td"));
    const top = (text, title) => {
      const th = element("th", {scope: "col", title});
      th.append(element("span", {dir: "auto"}, text));
      head.append(th);
    };
    top("first order", "first order");
    data.matrix.forEach((i) => top(short(i, 30), data.features[i]));
    const body = grid.createTBody();
    cells = data.matrix.map((i, r) => {
      const row = body.insertRow();
      row.append(
        element(
          "th",
          {scope: "row", title: data.features[i], dir: "auto"},
          short(i, 30),
        ),
      );
      return [null, ...data.matrix].map((j, c) => {
        const td = row.insertCell();
        td.setAttribute("role", "gridcell");
        td.tabIndex = r || c ? -1 : 0;
        td.alpha = j === null ? [i] : [Math.min(i, j), Math.max(i, j)];
        td.at = [r, c];
        if (c === 0) td.className = "strip";
        return td;
      });
    });
    const mark = (td, on) => {
      const [r, c] = td.at;
      body.rows[r].firstChild.classList.toggle("on", on);
      head.cells[c + 1].classList.toggle("on", on);
    };
    let marked = null;
    const tell = (td) => {
      if (marked) mark(marked, false);
      mark((marked = td), true);
      byId("readout").textContent = words(td);
    };
    const cell = (event) =>
      event.target.alpha ? event.target : null;
    body.addEventListener("pointerover", (event) => cell(event) && tell(cell(event)));
    body.addEventListener("focusin", (event) => {
      const td = cell(event);
      if (!td) return;
      cells[here[0]][here[1]].tabIndex = -1;
      here = td.at;
      td.tabIndex = 0;
      tell(td);
    });
    body.addEventListener("click", (event) => cell(event)?.focus());
    const steps = {ArrowRight: [0, 1], ArrowLeft: [0, -1], ArrowDown: [1, 0], ArrowUp: [-1, 0]};
    body.addEventListener("keydown", (event) => {
      const last = [cells.length - 1, cells[0].length - 1];
      let next = null;
      if (steps[event.key])
        next = here.map((v, d) => Math.max(0, Math.min(last[d], v + steps[event.key][d])));
      else if (event.key === "Home") next = [event.ctrlKey ? 0 : here[0], 0];
      else if (event.key === "End") next = [event.ctrlKey ? last[0] : here[0], last[1]];
      if (!next) return;
      event.preventDefault();
      cells[next[0]][next[1]].focus();
    });
    byId("cells").append(grid);
    if (data.relations) chooseRelation();
  }

  function chooseRelation() {
    const host = byId("relation");
    const select = element("select", {autocomplete: "off"});
    relations.forEach((words, r) => {
      if (r) select.append(element("option", {value: r}, words));
    });
    select.addEventListener("change", () => {
      shown = +select.value;
      paintMatrix();
    });
    host.append(select);
    host.parentElement.hidden = false;
  }

  function words(td) {
    const b = block();
    const name = label(td.k, 0, td.alpha);
    if (td.k === undefined) return `${name}: ${shown ? "no such pair" : "not computed"}, or not on this page`;
    return (
      `${name}: ${mean} = ${b.text[td.k]}, signed mean ${b.mean[td.k].replace("-", "−")}, rank ${b.rank[td.k]}` +
      (b.low ? ` (68 %: ${interval(b, td.k)})` : "") +
      ` of ${data.total}`
    );
  }

  function colours() {
    const b = block();
    const values = cells
      .flat()
      .map((td) => (td.k === undefined ? null : b.score[td.k]))
      .filter((v) => v > 0);
    const high = d3.max(values) ?? 1;
    // logarithmic where most values would look alike on a linear scale, over four decades at most
    const log = values.length && d3.median(values) < 0.05 * high;
    const low = log ? Math.max(d3.min(values), 1e-4 * high) : 0;
    const place = log
      ? d3.scaleLog([low, high], [0, 1]).clamp(true)
      : d3.scaleLinear([0, high], [0, 1]).clamp(true);
    return {
      of: (v) => d3.interpolateViridis(v > low ? place(v) : 0),
      ticks: [0, 0.2, 0.4, 0.6, 0.8, 1].map((t) => place.invert(t)),
      log,
    };
  }

  function paintMatrix() {
    if (!data.matrix) return;
    const b = block();
    for (const td of cells.flat()) td.k = placeOf(td.alpha);
    const scale = colours();
    for (const td of cells.flat()) {
      const value = td.k === undefined ? null : b.score[td.k];
      td.classList.toggle("absent", value === null);
      td.style.backgroundColor = value === null ? "" : scale.of(value);
      td.setAttribute("aria-label", words(td));
    }
    const host = byId("scale");
    host.replaceChildren(`${axis}${scale.log ? ", logarithmic" : ""}:`);
    for (const tick of scale.ticks) {
      const item = element("span");
      const box = element("i");
      box.style.backgroundColor = scale.of(tick);
      item.append(box, number(tick));
      host.append(item);
    }
    byId("readout").textContent =
      "Point at a cell, touch it, or go there with the arrow keys to read its value.";
  }

  function sizeMatrix() {
    if (!data.matrix) return;
    const n = data.matrix.length + 1;
    const room = byId("cells").clientWidth - Math.min(210, byId("cells").clientWidth / 3);
    const size = Math.max(15, Math.min(30, Math.floor(room / n) - 1));
    byId("cells").style.setProperty("--cell", `${size}px`);
  }

  Object.assign(report, {buildMatrix, paintMatrix, sizeMatrix});
})();
