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
  ];
  const kindOf = (alpha) =>
    alpha.length === 1 ? 0 : alpha.length === 3 ? 3 : alpha[0] === alpha[1] ? 2 : 1;
  const kinds = data.alphas.map(kindOf);
  const mean = `⟨${data.symbol}⟩`;
  const axis = `${mean} ${data.units}`;
  // a name keeps its direction of writing to itself: U+2068 … U+2069, as <bdi> does, U+200E for figures
  const apart = (name) => `\u2068${name}\u2069\u200e`;
  // the shortest names are short enough for any place; no two of a length are alike
  const lengths = Object.keys(data.short).map(Number).sort((a, b) => b - a);
  const short = (i, limit) => data.short[lengths.find((n) => n <= limit) ?? lengths.at(-1)][i];
  const label = (alpha, limit) =>
    alpha.map((i) => apart(limit ? short(i, limit) : data.features[i])).join(", ");
  const plain = (alpha) => alpha.map((i) => data.features[i]).join(", ");
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
  const names = (alpha) => alpha.map((i) => bdi(data.features[i])).join(", ");
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
    short,
    state,
    swatch,
  };
})();
