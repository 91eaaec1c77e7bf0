/* The figures, by Plot: bars of the highest ranked, and the falling curve of all. */
"use strict";
(() => {
  const {
    KINDS,
    axis,
    block,
    byId,
    chosen,
    data,
    element,
    falling,
    kinds,
    label,
    mean,
    number,
    plain,
    swatch,
  } = report;
  const context = document.createElement("canvas").getContext("2d");
  const widthOf = (text) => {
    context.font = "12px system-ui, sans-serif";
    return context.measureText(text).width;
  };
  const BARS = 20;

  function bars(width) {
    const b = block();
    const narrow = width < 480;
    const best = falling()
      .slice(0, BARS)
      .filter((k) => b.score[k] !== null)
      .map((k) => ({
        k,
        score: b.score[k],
        sem: b.sem[k] ?? 0,
        kind: kinds[k],
      }));
    // names are cut until half of the width is left for the bars
    let longest = Infinity;
    for (
      let limit = narrow ? 24 : 34;
      limit >= 8 && longest > (narrow ? width - 20 : width / 2);
      limit -= 2
    ) {
      for (const d of best) d.text = label(d.k, limit);
      longest = Math.ceil(d3.max(best, (d) => widthOf(d.text)) ?? 0);
    }
    const marginLeft = narrow ? 12 : 14 + longest;
    const high = d3.max(best, (d) => d.score + d.sem) || 1;
    const low = Math.min(0, d3.min(best, (d) => d.score - d.sem) ?? 0);
    const y = (d) => d.k;
    const above = narrow ? {insetTop: 17, insetBottom: 3} : {insetTop: 2, insetBottom: 2};
    return Plot.plot({
      className: "plot",
      width,
      marginTop: 4,
      marginRight: 12,
      marginBottom: 38,
      marginLeft,
      height: best.length * (narrow ? 36 : 21) + 46,
      style: {fontSize: "12px"},
      ariaLabel: `The ${best.length} highest ranked of ${chosen()}`,
      ariaDescription: best
        .slice(0, 5)
        .map((d) => `${plain(d.k)} ${b.text[d.k]}`)
        .join("; "),
      x: {
        label: `${axis} →`,
        domain: [low, high * 1.02],
        ticks: Math.max(2, (width - marginLeft) / 75),
        grid: true,
      },
      y: {domain: best.map(y), axis: null, padding: 0},
      marks: [
        Plot.barX(best, {x: "score", y, fill: (d) => KINDS[d.kind].color, ...above}),
        Plot.ruleY(best, {
          x1: (d) => d.score - d.sem,
          x2: (d) => d.score + d.sem,
          y,
          dy: narrow ? 7 : 0,
          strokeWidth: 1.5,
          marker: "tick",
        }),
        Plot.text(best, {
          y,
          text: "text",
          frameAnchor: "left",
          ...(narrow ? {textAnchor: "start", dy: -10, dx: 2} : {textAnchor: "end", dx: -6}),
        }),
      ],
    });
  }

  function curve(width) {
    const b = block();
    const high = d3.max(b.score) ?? 0;
    const order = falling();
    const visible = order.filter(
      (k) => b.score[k] !== null && b.score[k] > high * 1e-12 && b.score[k] > 0,
    );
    const points = visible.map((k) => ({
      rank: b.rank[k],
      score: b.score[k],
      kind: kinds[k],
      title: `${label(k, 40)}\n${mean} = ${b.text[k]}\nrank ${b.rank[k]}`,
    }));
    const lost = order.length - visible.length;
    const many = points.length > 100;
    // the rarer kinds in front
    const dots = (kinds, options) =>
      Plot.dot(
        points.filter((d) => kinds.includes(d.kind)),
        {
          x: "rank",
          y: "score",
          fill: (d) => KINDS[d.kind].color,
          symbol: (d) => KINDS[d.kind].name,
          ...options,
        },
      );
    const upper = `upper ${100 * data.fraction} %: ${data.cut} of ${data.total}`;
    return Plot.plot({
      className: "plot",
      width,
      height: Math.max(300, Math.min(440, width * 0.8)),
      marginLeft: 56,
      marginBottom: 38,
      marginTop: 24,
      marginRight: 12,
      style: {fontSize: "12px"},
      ariaLabel: `All ${mean} of ${chosen()} by rank`,
      ariaDescription: points.length
        ? `From ${d3.max(points, (p) => p.score)} down to ${d3.min(points, (p) => p.score)}; ${upper}`
        : "No positive score",
      x: {
        label: lost ? `rank (${lost} at zero or below the axis) →` : "rank →",
        domain: [1 - 0.01 * data.total, data.total * 1.01],
        ticks: Math.max(3, width / 90),
        tickFormat: "d",
      },
      y: {
        type: points.length ? "log" : "linear",
        label: `↑ ${axis}`,
        grid: true,
        ticks: decades(points),
        tickFormat: number,
      },
      symbol: {domain: KINDS.map((k) => k.name), range: KINDS.map((k) => k.symbol)},
      marks: [
        Plot.ruleX([data.cut + 0.5], {strokeDasharray: "5 4"}),
        Plot.text([upper], {
          x: data.cut + 0.5,
          frameAnchor: "top",
          dx: 6,
          dy: 2,
          textAnchor: "start",
        }),
        dots([1, 3, 4], {r: many ? 2.2 : 4}),
        dots([0, 2], {r: 4, stroke: "var(--paper)", strokeWidth: 0.7}),
        Plot.tip(
          points,
          Plot.pointer({
            x: "rank",
            y: "score",
            title: "title",
            maxRadius: 30,
            lineWidth: 30,
            lineHeight: 1.3,
          }),
        ),
      ],
    });
  }

  const decades = (points) => {
    const [low, high] = d3.extent(points, (p) => p.score).map((v) => Math.log10(v));
    if (!(low <= high)) return 5;
    const at = (steps) =>
      d3
        .range(Math.floor(low), Math.floor(high) + 1)
        .flatMap((e) => steps.map((s) => s * 10 ** e))
        .filter((v) => v >= 10 ** low * 0.999 && v <= 10 ** high * 1.001);
    return [[1], [1, 3], [1, 2, 5]].map(at).find((ticks) => ticks.length > 2) ?? 5;
  };

  const drawers = [
    ["bars", bars],
    ["curve", curve],
  ];
  const widths = new Map();
  function draw() {
    for (const [id, drawer] of drawers) {
      const host = byId(id);
      const width = Math.floor(host.parentElement.clientWidth);
      if (!width) continue;
      widths.set(id, width);
      const svg = drawer(Math.max(width, 260));
      // one picture with one description: what Plot says of its parts has no role to go with it
      for (const part of svg.querySelectorAll("[aria-label]")) part.removeAttribute("aria-label");
      svg.setAttribute("role", "img");
      host.replaceChildren(svg);
    }
  }
  new ResizeObserver(() => {
    if (drawers.some(([id]) => Math.floor(byId(id).parentElement.clientWidth) !== widths.get(id)))
      draw();
  }).observe(byId("explore"));

  function legend() {
    const host = byId("legend");
    for (const k of [...new Set(kinds)].sort()) {
      const item = element("li");
      item.append(
        swatch(k).firstChild,
        `${KINDS[k].name} ${data.symbol}`,
        element("sub", {}, KINDS[k].sub),
      );
      host.append(item);
    }
    host.hidden = false;
  }

  legend();
  Object.assign(report, {draw});
})();
