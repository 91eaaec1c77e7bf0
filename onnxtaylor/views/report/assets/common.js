/* What the other scripts of a result's page share: the data, the choice of response and events, and
   words. Names are text: they go into the page by textContent, or through escapeHtml. */
"use strict";
const report = (() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const byId = (id) => document.getElementById(id);
  const KINDS = [
    {name: "first order", sub: "i", color: "var(--first)", symbol: "circle"},
    {name: "pair", sub: "ij", color: "var(--pair)", symbol: "square"},
    {name: "auto-correlation", sub: "ii", color: "var(--auto)", symbol: "diamond"},
    {name: "third order", sub: "ijk", color: "var(--third)", symbol: "triangle"},
    {name: "pair of different objects", sub: "ij", color: "var(--apart)", symbol: "cross"},
  ];
  // of variables of a set: pairs of the same object, and of different ones, are told apart
  const relations = data.relations ?? [""];
  const relation = (k) => data.relation?.[k] ?? 0;
  if (data.relations) {
    KINDS[1].name = "pair of the same object";
    KINDS[2].name = "auto-correlation, same object";
  }
  const kinds = data.alphas.map((alpha, k) =>
    relation(k) === 2
      ? 4
      : alpha.length === 1
        ? 0
        : alpha.length === 3
          ? 3
          : alpha[0] === alpha[1]
            ? 2
            : 1,
  );
  const told = (k) => (data.told?.[k] ? ` (${relations[relation(k)]})` : "");
  const mean = `⟨${data.symbol}⟩`;
  const axis = `${mean} ${data.units}`;
  // a name keeps its direction of writing to itself: U+2068 … U+2069, as <bdi> does, U+200E for figures
  const apart = (name) => `\u2068${name}\u2069\u200e`;
  // the shortest names are short enough for any place; no two of a length are alike
  const lengths = Object.keys(data.short).map(Number).sort((a, b) => b - a);
  const short = (i, limit) => data.short[lengths.find((n) => n <= limit) ?? lengths.at(-1)][i];
  // of coefficient k, or of an alpha that has none
  const join = (k, shown, alpha = data.alphas[k]) => alpha.map(shown).join(", ") + told(k);
  const label = (k, limit, alpha) =>
    join(k, (i) => apart(limit ? short(i, limit) : data.features[i]), alpha);
  const plain = (k) => join(k, (i) => data.features[i]);
  const state = {output: 0, group: 0};
  const block = () => data.blocks[state.output][state.group];
  const groupWords = (g) => (g === 0 ? "all events" : `events of ${apart(data.groups[g])}`);
  const chosen = () => `${apart(data.outputs[state.output])}, ${groupWords(state.group)}`;
  const element = (tag, attributes = {}, text = "") => {
    const node = document.createElement(tag);
    for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
    if (text) node.textContent = text;
    return node;
  };
  const interval = (b, k) => (b.low[k] === b.high[k] ? `${b.low[k]}` : `${b.low[k]}–${b.high[k]}`);
  const falling = () => {
    const rank = block().rank;
    return rank.map((_, k) => k).sort((a, b) => rank[a] - rank[b]);
  };

  const escape = DataTable.util.escapeHtml;
  // long names may break behind an underscore
  const bdi = (name) => `<bdi>${escape(name).replaceAll("_", "_<wbr>")}</bdi>`;
  const names = (k) => join(k, (i) => bdi(data.features[i]));
  function swatch(kind) {
    const size = 12;
    const svg = element("span", {class: "kind", title: KINDS[kind].name});
    const draw = d3
      .create("svg:svg")
      .attr("width", size)
      .attr("height", size)
      .attr("viewBox", "-6 -6 12 12")
      .attr("aria-hidden", "true");
    const shapes = {
      circle: d3.symbolCircle,
      square: d3.symbolSquare,
      diamond: d3.symbolDiamond,
      triangle: d3.symbolTriangle,
      cross: d3.symbolCross,
    };
    draw
      .append("path")
      .attr("d", d3.symbol(shapes[KINDS[kind].symbol], 62)())
      .attr("fill", KINDS[kind].color);
    svg.append(draw.node());
    return svg;
  }

  const number = (v) => {
    if (!v) return "0";
    const [digits, power] = v.toExponential(1).split("e");
    if (Math.abs(power) < 4) return String(+v.toPrecision(2)).replace("-", "−");
    const raised = Array.from(String(+power), (c) => "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"["-0123456789".indexOf(c)]).join(
      "",
    );
    return (+digits === 1 ? "" : `${+digits} × `) + "10" + raised;
  };
  return {
    KINDS,
    apart,
    axis,
    bdi,
    block,
    byId,
    chosen,
    data,
    element,
    escape,
    falling,
    groupWords,
    interval,
    kinds,
    label,
    mean,
    names,
    number,
    plain,
    relation,
    relations,
    short,
    state,
    swatch,
  };
})();
